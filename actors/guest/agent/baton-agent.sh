#!/bin/busybox sh
# The agent inside the systems that `npm run images` builds: the contract of actors/guest/contract.ts in the shell of busybox, over the
# virtio-serial port org.baton.agent.0. It needs no network and no credentials, and does nothing that it or its service has not declared. What
# the host writes is one JSON object to a line, without spaces, its fields always in the same order; so a shell can read it.
#
# The service is a file of shell functions, /etc/baton/service.sh; service-files.sh beside this one says which. What takes long is done beside the
# heartbeats, one thing at a time, and leaves its end as a file: so an agent that begins anew knows what was done before it.
name=org.baton.agent.0
beat=5
last=0
seq=0
beaten=0
boot=$(cat /proc/sys/kernel/random/uuid)
instance=$(cat /run/baton/instance 2>/dev/null)
run=/run/baton
work=/var/lib/baton
# Backups kept for the host to read, and what later ones need of earlier ones.
kept=2
lists_kept=16
. /etc/baton/service.sh

say() { printf '%s\n' "$1" >&3; }
answer() { say "{\"type\":\"result\",\"id\":$id,\"value\":${1:-{\}}}"; }
# Only what cannot end a JSON string, in one line.
plain() { tr '\n\t' '  ' | tr -cd 'A-Za-z0-9 ._,:;/=()+-' | cut -c 1-300; }
refuse() { say "{\"type\":\"result\",\"id\":$id,\"error\":\"$(printf '%s' "$1" | plain)\"}"; }

# Numbers grow with the time since this system was booted, whatever its clock says.
number() {
  read -r up _ </proc/uptime
  seq=$((${up%.*} * 100 + 1${up#*.} - 100))
  [ "$seq" -gt "$last" ] || seq=$((last + 1))
  last=$seq
}

heartbeat() {
  number
  beaten=${up%.*}
  said=BUILDING
  [ -e $run/ready ] && said=$(service_status)
  status=${said%% *}
  why=${said#"$status"}
  [ -z "$why" ] || why=$(printf '%s' "$why" | plain)
  say "{\"type\":\"heartbeat\",\"seq\":$seq,\"status\":\"$status\"${why:+,\"message\":\"$why\"}}"
}

hello() {
  all='{"name":"freeze","about":"holds back writes to the disk"},{"name":"thaw","about":"lets them go on"}'
  all="$all,{\"name\":\"sync_time\",\"about\":\"sets the clock: {epochS}\"},{\"name\":\"shutdown\",\"about\":\"switches the system off\"}"
  all="$all,{\"name\":\"set_password\",\"about\":\"of root: {password}, letters, digits and . _ - only\"}${methods:+,$methods}"
  who="\"boot\":\"$boot\",\"instance\":\"$instance\",\"service\":\"$service\""
  say "{\"type\":\"hello\",\"version\":1,\"agent\":\"baton-agent-sh/2\",$who,\"methods\":[$all],\"backups\":[$kinds]}"
}

# Sets $got to the text or number of a field of the arguments; to nothing when it has a character that a shell should not see. Begins no process.
argument() {
  got=${args#*\"$1\":}
  [ "$got" != "$args" ] || got=
  rest=${got#\"}
  got=${rest%%[!A-Za-z0-9._-]*}
  rest=${rest#"$got"}
  case "$rest" in [,}]* | '"'[,}]*) ;; *) got= ;; esac
}

# A process of ours that has not ended; one that nobody has waited for yet has.
alive() { [ -n "$1" ] && read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]; }

update_backup() {
  number
  made="\"sizeBytes\":${2:-0},\"location\":\"$work/$backup\",\"checksum\":\"$3\""
  say "{\"type\":\"update_backup\",\"seq\":$seq,\"backup\":\"$backup\",\"state\":\"$1\",\"kind\":\"$kind\",$made${4:+,\"message\":\"$4\"}}"
}

# Says how far the backup is: made, failed, or under way.
tell_backup() {
  if read -r kind size sum 2>/dev/null <"$work/$backup.done"; then
    update_backup COMPLETED "$size" "$sum"
  elif [ -e "$work/$backup.failed" ]; then
    update_backup FAILED 0 '' "$(plain <"$work/$backup.failed")"
  else
    update_backup BUILDING
  fi
}

forget_backup() { rm -f "$work/$1" "$work/$1.done" "$work/$1.failed"; }

# An agent that begins anew finds it again.
remember() {
  job=$!
  doing=$1
  echo "$job $doing" >$run/job
}

make_backup() {
  service_backup "$backup" "$kind" "$parent" "$work/$backup" 2>"$work/$backup.log" || return 1
  sum=$(sha512sum "$work/$backup") && size=$(stat -c %s "$work/$backup") || return 1
  echo "$kind $size ${sum%% *}" >"$work/$backup.part"
  sync
  mv "$work/$backup.part" "$work/$backup.done"
  rm -f "$work/$backup.log"
}

begin_backup() {
  [ -e "$work/$backup.done" ] && return 0
  if alive "$job"; then
    [ "$doing" = "backup $backup $kind" ] && return 0
    reason="${doing%% *} of another is under way"
    return 1
  fi
  forget_backup "$backup"
  ls -t "$work" | sed -n 's/\.done$//p' | tail -n +$kept | while read -r old; do forget_backup "$old"; done
  ls -t "$work" | grep '\.list$' | tail -n +$lists_kept | while read -r old; do rm -f "$work/$old"; done
  (make_backup || mv "$work/$backup.log" "$work/$backup.failed") </dev/null >/dev/null 2>&1 3>&- 4>&- &
  remember "backup $backup $kind"
}

apply_restore() {
  if service_restore "$parts" "$work/restore" 2>"$work/restore.log"; then echo "$restore" >"$work/restored"; else
    plain <"$work/restore.log" >"$work/restore.failed"
  fi
}

# restore.end is answered when all is in its place; whoever asks meanwhile is answered then, too.
end_restore() {
  if [ "$restore" = "$(cat "$work/restored" 2>/dev/null)" ]; then answer && return; fi
  if alive "$job" && [ "$doing" != "restore $restore" ]; then refuse "${doing%% *} of another is under way" && return; fi
  waiting="$waiting $id"
  alive "$job" && return
  rm -f "$work/restore.failed"
  (apply_restore) </dev/null >/dev/null 2>&1 3>&- 4>&- &
  remember "restore $restore"
}

begin_restore() {
  argument part
  part=$got
  argument sizeBytes
  received=$got
  if [ "$restore" != "$(cat "$work/restored" 2>/dev/null)" ]; then
    if [ "$restore" != "$(cat "$work/restore/id" 2>/dev/null)" ]; then
      rm -rf "$work/restore"
      mkdir -p "$work/restore"
      echo "$restore" >"$work/restore/id"
    fi
    received=$(stat -c %s "$work/restore/$part" 2>/dev/null || echo 0)
  fi
  restoring="$restore $part"
  answer "{\"offset\":$received}"
}

write_restore() {
  argument data
  data=$run/data.$got
  argument part
  part=$got
  argument offset
  if [ "$restoring" != "$restore $part" ] || [ "$got" != "$received" ]; then
    refuse "these bytes are out of turn: $received were received of $restoring"
  elif base64 -d <"$data" >>"$work/restore/$part"; then
    received=$(stat -c %s "$work/restore/$part")
    answer
  else
    # What is half written is not counted as received when it is begun again.
    dd if=/dev/null of="$work/restore/$part" bs=1 seek="$received" 2>/dev/null
    refuse 'the disk is full'
  fi
  rm -f "$data"
}

read_backup() {
  argument length
  length=$got
  argument offset
  if [ -e "$work/$backup.done" ]; then
    answer "{\"data\":\"$(dd if="$work/$backup" bs="$length" iflag=skip_bytes skip="$got" count=1 2>/dev/null | base64 -w 0)\"}"
  else refuse 'there is no such backup here'; fi
}

obey_backups() {
  argument backup
  backup=$got
  argument restore
  restore=$got
  # One is a name of a file here.
  case "$backup" in *[!A-Za-z0-9-]*) refuse 'that is no id' && return ;; esac
  [ -n "$backup$restore" ] || { refuse 'that is no id' && return; }
  case "$method" in
  backup.begin)
    argument kind
    kind=$got
    argument parent
    parent=$got
    if begin_backup; then tell_backup && answer; else refuse "$reason"; fi
    ;;
  backup.read) read_backup ;;
  backup.end) forget_backup "$backup" && answer ;;
  restore.begin) begin_restore ;;
  restore.write) write_restore ;;
  restore.end)
    argument parts
    parts=$got
    end_restore
    ;;
  *) refuse 'there is no such method' ;;
  esac
}

obey() {
  case "$method" in
  freeze)
    { sync && fsfreeze --freeze "$disk" 2>/dev/null && answer; } || refuse 'the disk could not be frozen'
    # Whoever was to thaw it may be gone.
    (sleep 60 && fsfreeze --unfreeze "$disk" 2>/dev/null) </dev/null >/dev/null 2>&1 3>&- 4>&- &
    ;;
  thaw) { fsfreeze --unfreeze "$disk" 2>/dev/null && answer; } || refuse 'the disk was not frozen' ;;
  sync_time)
    argument epochS
    { [ -n "$got" ] && date -s "@$got" >/dev/null 2>&1 && answer; } || refuse 'epochS must be seconds since 1970'
    ;;
  set_password)
    argument password
    { [ -n "$got" ] && printf 'root:%s\n' "$got" | chpasswd >/dev/null 2>&1 && answer; } || refuse 'the password could not be set'
    ;;
  shutdown)
    answer
    service_shutdown </dev/null >/dev/null 2>&1 3>&- 4>&- &
    ;;
  backup.* | restore.*) obey_backups ;;
  *)
    case "$methods" in
    *"{\"name\":\"$method\","*) if value=$(service_method "$method" 2>$run/why); then answer "$value"; else refuse "$(cat $run/why)"; fi ;;
    *) refuse 'there is no such method' ;;
    esac
    ;;
  esac
}

hear() {
  case "$1" in
  '{"type":"who"'*) hello ;;
  '{"type":"welcome"'*)
    ms=${1#*\"heartbeatMs\":}
    ms=${ms%%[!0-9]*}
    [ "${ms:-0}" -lt 1000 ] || beat=$((ms / 1000))
    heartbeat
    ;;
  '{"type":"command","id":'*)
    id=${1#*\"id\":}
    id=${id%%,*}
    method=${1#*\"method\":\"}
    method=${method%%\"*}
    args=${1#*\"args\":}
    obey
    ;;
  esac
}

# Bytes to restore are put into a file on the way, so that every line is short and comes at once: a shell reads byte by byte. Where nobody is at
# the other end of the port there is nothing to read, and it begins anew.
listen() {
  alive "$listener" && return
  busybox awk -v data="$run/data." '
    (at = index($0, "\"data\":\"")) {
      file = data NR
      print substr($0, at + 8, length($0) - at - 10) > file
      close(file)
      $0 = substr($0, 1, at + 7) NR "\"}}"
    }
    { print; fflush() }' <&3 >&4 &
  listener=$!
  echo $listener >$run/listener
}

# What takes long has ended, or not.
look() {
  [ -n "$job" ] && ! alive "$job" || return
  job=
  set -- $doing
  case "$1" in
  backup)
    backup=$2
    kind=$3
    # An end without a word is the end of its process.
    [ -e "$work/$backup.done" ] || [ -e "$work/$backup.failed" ] || echo 'it was ended' >"$work/$backup.failed"
    tell_backup
    ;;
  restore)
    for id in $waiting; do
      if [ -e "$work/restore.failed" ]; then refuse "$(cat "$work/restore.failed")"; else answer; fi
    done
    waiting=
    rm -rf "$work/restore"
    ;;
  esac
}

mkdir -p $run "$work"
chmod 700 $run "$work"
for each in /sys/class/virtio-ports/*; do
  [ "$(cat "$each/name" 2>/dev/null)" = "$name" ] && port=/dev/${each##*/}
done
[ -n "$port" ] || exit 0
# The port has one opener: what listened for an agent before may still do.
alive "$(cat $run/listener 2>/dev/null)" && kill "$(cat $run/listener)"
rm -f $run/lines $run/data.*
mkfifo $run/lines
read -r job doing 2>/dev/null <$run/job
exec 3<>"$port" 4<>$run/lines
hello
while :; do
  listen
  wait=1
  if [ -z "$job" ] && alive "$listener"; then wait=$beat; fi
  read -r -t "$wait" line <&4 && hear "$line"
  look
  read -r up _ </proc/uptime
  [ $((${up%.*} - beaten)) -lt "$beat" ] || heartbeat
done
