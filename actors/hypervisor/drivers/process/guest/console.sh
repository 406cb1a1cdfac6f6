# Answers what is typed on the console of the built-in image.
#
#   console.sh INIT_PID INSTANCE NAME
#
# It knows these words and runs nothing else: a guest of this driver has the rights of the agent, and who types has not.

answer() {
  case $1 in
    '') ;;
    help) echo 'help, echo WORDS, hostname, id, uptime, poweroff' ;;
    echo)
      shift
      printf '%s\n' "$*"
      ;;
    hostname)
      read -r hostname </proc/sys/kernel/hostname
      echo "$hostname"
      ;;
    id) printf 'instance %s, named %s\n' "$instance" "$name" ;;
    uptime)
      read -r uptime idle </proc/uptime
      echo "up $uptime s"
      ;;
    poweroff) kill -TERM "$init" ;;
    *) printf '%s: not known here; type help\n' "$1" ;;
  esac
}

main() {
  init=$1 instance=$2 name=$3
  # Words are taken as they are: `*` is a star.
  set -f
  while read -r typed; do
    answer $typed
  done
}

main "$@"; exit
