#!/bin/sh
# First process of the small system that `npm run images` builds. It finds out who it is from its config drive, keeps what it writes on its disk,
# obeys the power button, and gives a shell on the serial line.
mount -t devtmpfs d dev
mount -t proc p proc
mount -t sysfs s sys
while read -r module; do insmod "mod/$module.ko"; done <mod/order
ip link set lo up
[ -d sys/class/net/eth0 ] && ip link set eth0 up

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" /tmp/meta; }
# The drive of a CD comes up a moment after its module.
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/sr0 ] && break; usleep 200000; done
if mount -t iso9660 -o ro /dev/sr0 /config 2>/dev/null; then
  cp /config/openstack/latest/meta_data.json /tmp/meta
  hostname "$(field hostname)"
fi
id=$(field uuid)

# It says BUILDING until the system is ready, and is begun again if it ends.
(while :; do /sbin/baton-agent; sleep 1; done) >/dev/null 2>&1 </dev/null &

# A disk that was never written to gets a file system.
if [ -e /dev/vda ]; then
  mount -t ext4 /dev/vda /disk 2>/dev/null || { mke2fs -F /dev/vda >/dev/null 2>&1 && mount -t ext4 /dev/vda /disk; }
  grep -qx "instance $id" /disk/made 2>/dev/null || echo "instance $id" >>/disk/made
  sync
fi
acpid -f -l /dev/null &
touch /tmp/ready

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
