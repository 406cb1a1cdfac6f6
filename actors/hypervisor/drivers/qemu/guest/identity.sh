# Sourced by the systems that `npm run images` builds: who this instance is, from its config drive, as OpenStack writes it (config-2) or as
# cloud-init's NoCloud has it (cidata). Sets the hostname, the keys of root, /run/baton/instance, and $user_data to the file with user data.
mkdir -p /run/baton /config /root/.ssh
# The drive of a CD comes up a moment after its module.
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e /dev/sr0 ] && break; busybox usleep 200000; done
mount -t iso9660 -o ro /dev/sr0 /config 2>/dev/null
# The first of that name: what users have added comes later in these documents.
field() { grep -o "\"$1\":\"[^\"]*\"" $meta | head -n 1 | cut -d '"' -f 4; }
line() { sed -n "s/^$1: \"\([^\"]*\)\"$/\1/p" $meta | head -n 1; }
if [ -e /config/openstack/latest/meta_data.json ]; then
  meta=/config/openstack/latest/meta_data.json
  user_data=/config/openstack/latest/user_data
  field uuid >/run/baton/instance
  hostname "$(field hostname)"
  sed -n 's/.*"keys":\[{.*"data":"\([^"]*\)".*/\1/p' $meta >/root/.ssh/authorized_keys
elif [ -e /config/meta-data ]; then
  meta=/config/meta-data
  user_data=/config/user-data
  line instance-id >/run/baton/instance
  hostname "$(line local-hostname)"
  sed -n 's/^  - "\(.*\)"$/\1/p' $meta >/root/.ssh/authorized_keys
fi
chmod 700 /root/.ssh
