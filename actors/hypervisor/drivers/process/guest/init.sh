# The built-in image of the process driver: a guest that boots, idles, and ends in good order when asked to.
#
#   init.sh NAME INSTANCE VCPUS RAM_MB DISK_GB

say() {
  read -r uptime idle </proc/uptime
  printf '[%12s] %s\n' "$uptime" "$*"
}

power_down() {
  say 'SIGTERM received, powering down'
  for helper in $sleeper $console; do kill "$helper"; done 2>/dev/null
  say 'reached power-off'
  exit 0
}

main() {
  sleeper= console=
  trap power_down TERM
  read -r hostname </proc/sys/kernel/hostname
  say "process-image: init is pid $$ on $hostname"
  say "instance $2, named $1"
  say "$3 vcpus, $4 MB of memory, $5 GB of disk"
  # Behind `&` standard input would be nothing.
  exec 4<&0
  sh "${0%/*}/console.sh" "$$" "$2" "$1" <&4 &
  console=$!
  exec 4<&-
  say 'boot complete; type help on the serial console'
  beat=0
  while :; do
    sleep 60 &
    sleeper=$!
    wait "$sleeper"
    beat=$((beat + 1))
    say "heartbeat $beat"
  done
}

main "$@"; exit
