#!/bin/sh
# First process of the small system that `npm run images` builds. It finds out who it is from its config drive, keeps what it writes on its disk,
# obeys the power button, and gives a shell on the serial line. A disk that has a system of its own is handed over to that.
mount -t devtmpfs d dev
mount -t proc p proc
mount -t sysfs s sys
while read -r module; do insmod "mod/$module.ko"; done <mod/order

# A disk that was never written to gets a file system.
if [ -e /dev/vda ]; then
  mount -t ext4 /dev/vda /disk 2>/dev/null || { mke2fs -F /dev/vda >/dev/null 2>&1 && mount -t ext4 /dev/vda /disk; }
  # A link in it leads somewhere there, not here.
  if [ -L /disk/sbin/init ] || [ -x /disk/sbin/init ]; then
    for each in dev proc sys; do mount --move "/$each" "/disk/$each"; done
    exec switch_root /disk /sbin/init
  fi
fi

ip link set lo up
[ -d sys/class/net/eth0 ] && ip link set eth0 up
mkdir -p /var/lib /srv
. /etc/baton/identity.sh
id=$(cat /run/baton/instance 2>/dev/null)

# What stays is on the disk.
mkdir -p /disk/data /disk/baton
ln -s /disk/data /srv/data
ln -s /disk/baton /var/lib/baton
# It says BUILDING until the system is ready, and is begun again if it ends.
(while :; do /sbin/baton-agent; sleep 1; done) >/dev/null 2>&1 </dev/null &

first=no
if ! grep -qx "instance $id" /disk/made 2>/dev/null; then
  echo "instance $id" >>/disk/made
  first=yes
fi
sync
acpid -f -l /dev/null &

[ $first = no ] || . /etc/baton/user-data.sh
touch /run/baton/ready

read -r up _ </proc/uptime
{
  echo "guest $(hostname) is up after $up s"
  echo "disk: $(tr '\n' '>' </disk/made)"
} >/dev/ttyS0
# Shared by whoever reads the serial line; it begins anew when it ends.
while :; do
  setsid cttyhack sh </dev/ttyS0 >/dev/ttyS0 2>&1
  sleep 1
done
