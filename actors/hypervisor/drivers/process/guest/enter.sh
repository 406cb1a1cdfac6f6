# The first thing that runs inside the guest's namespaces.
#
#   enter.sh RUN HOSTNAME PROC INIT ARGUMENT...      (HOSTNAME and PROC may be `-`: leave alone)
#
# It writes down which process of the host the guest's init is: /proc is still the host's here, so /proc/self tells the
# pid by which the agent can find it. Then it makes the namespaces its own, says `up` on descriptor 3, and becomes INIT.

main() {
  run=$1 hostname=$2 proc=$3
  shift 3
  read -r stat </proc/self/stat || exit 71
  pid=${stat%% *}
  fields=${stat##*) }
  start=$(field 20 $fields)
  echo "$pid $start" >"init.$run.new" && mv -f "init.$run.new" "init.$run" || exit 71
  [ "$proc" = - ] || mount -t proc proc /proc
  # In a user namespace the file is not ours to write, but the call is ours to make.
  [ "$hostname" = - ] || { echo "$hostname" >/proc/sys/kernel/hostname || hostname "$hostname"; } 2>/dev/null
  # The agent may have died meanwhile; then nobody listens, and the signal for that must not end the guest.
  (trap '' PIPE; echo up >&3) 2>/dev/null
  exec 3>&-
  cd /
  exec "$@"
}

field() {
  shift "$1"
  echo "$1"
}

main "$@"; exit
