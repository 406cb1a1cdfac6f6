# Stands beside one run of one guest, and outlives the agent.
#
#   supervise.sh FOLDER RUN ADDRESS_SPACE_KB COMMAND ARGUMENT...
#
# It does nothing until the agent says `go` on standard input. By then the agent has written down who we are and has put
# us under the guest's limits; if it dies before, we read the end of the file and leave no trace. Then it runs
# the command, keeps the tail of what it prints in `console` and `console.old` (together at most 1 MiB, however much
# comes), and leaves the exit status in `exit.RUN`, where an agent started meanwhile finds it. What somebody writes into
# the pipe `input` the command can read; it holds both ends, so it never reads the end of a file.

record_exit() {
  (
    [ "$kilobytes" = 0 ] || ulimit -v "$kilobytes"
    exec "$@" <>input
  ) 2>&1
  echo "$?" >"exit.$run.new"
  mv -f "exit.$run.new" "exit.$run"
}

# dd says "N+M records in", among warnings: N full and M partial reads. Fewer than asked for means that nobody writes any
# more.
keep_tail() {
  exec 3>&-
  while :; do
    [ ! -s console ] || mv -f console console.old
    report=$(LC_ALL=C dd bs=512 count=1024 2>&1 >console)
    reads=${report%% records in*}
    reads=${reads##*[!0-9+]}
    [ "$((${reads:-0}))" -ge 1024 ] || break
  done
}

main() {
  folder=$1 run=$2 kilobytes=$3
  shift 3
  read -r word || exit 0
  [ "$word" = go ] || exit 0
  exec </dev/null
  cd "$folder" || exit 1
  [ -p input ] || mkfifo -m 600 input || exit 1
  record_exit "$@" | keep_tail
}

# On one line: a shell reads its script as it goes, and this file may be replaced while guests run.
main "$@"; exit
