#!/bin/sh
# The agent inside the small system that `npm run images` builds: the contract of actors/guest/contract.ts in the shell of busybox, over the
# virtio-serial port org.baton.agent.0. It needs no network and no credentials, and does nothing that it has not declared. What the host
# writes is one JSON object to a line, without spaces, its fields always in the same order; so a shell can read it.
name=org.baton.agent.0
beat=5
last=0
boot=$(cat /proc/sys/kernel/random/uuid)
instance=$(sed -n 's/.*"uuid":"\([^"]*\)".*/\1/p' /tmp/meta 2>/dev/null)

say() { printf '%s\n' "$1" >&3; }
answer() { say "{\"type\":\"result\",\"id\":$id,\"value\":${1:-{\}}}"; }
refuse() { say "{\"type\":\"result\",\"id\":$id,\"error\":\"$1\"}"; }

# Numbers grow with the time since this system was booted, whatever its clock says.
number() {
  read -r up _ </proc/uptime
  seq=$((${up%.*} * 100 + 1${up#*.} - 100))
  [ "$seq" -gt "$last" ] || seq=$((last + 1))
  last=$seq
}

heartbeat() {
  number
  status=BUILDING
  [ -e /tmp/ready ] && status=ACTIVE
  say "{\"type\":\"heartbeat\",\"seq\":$seq,\"status\":\"$status\"}"
}

hello() {
  methods='{"name":"freeze","about":"holds back writes to the disk"},{"name":"thaw","about":"lets them go on"}'
  methods="$methods,{\"name\":\"sync_time\",\"about\":\"sets the clock: {epochS}\"},{\"name\":\"shutdown\",\"about\":\"switches the system off\"}"
  methods="$methods,{\"name\":\"set_password\",\"about\":\"of root: {password}, letters, digits and . _ - only\"}"
  who="\"boot\":\"$boot\",\"instance\":\"$instance\""
  say "{\"type\":\"hello\",\"version\":1,\"agent\":\"baton-agent-sh/1\",$who,\"service\":\"system\",\"methods\":[$methods]}"
}

# The text or number of a field of the arguments; nothing when it has a character that a shell should not see.
argument() { printf '%s' "$args" | sed -n "s/.*\"$1\":\"\{0,1\}\([A-Za-z0-9._-]*\)\"\{0,1\}[,}].*/\1/p"; }

obey() {
  case "$method" in
  freeze)
    { sync && fsfreeze --freeze /disk 2>/dev/null && answer; } || refuse 'the disk could not be frozen'
    # Whoever was to thaw it may be gone.
    (sleep 60 && fsfreeze --unfreeze /disk 2>/dev/null) </dev/null >/dev/null 2>&1 3>&- &
    ;;
  thaw) { fsfreeze --unfreeze /disk 2>/dev/null && answer; } || refuse 'the disk was not frozen' ;;
  sync_time) { date -s "@$(argument epochS)" >/dev/null 2>&1 && answer; } || refuse 'epochS must be seconds since 1970' ;;
  set_password)
    password=$(argument password)
    { [ -n "$password" ] && printf 'root:%s\n' "$password" | chpasswd >/dev/null 2>&1 && answer; } || refuse 'the password could not be set'
    ;;
  shutdown)
    answer
    sh /etc/acpi/PWRF/00000080 &
    ;;
  *) refuse 'there is no such method' ;;
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

for each in /sys/class/virtio-ports/*; do
  [ "$(cat "$each/name" 2>/dev/null)" = "$name" ] && port=/dev/${each##*/}
done
[ -n "$port" ] || exit 0
exec 3<>"$port"
hello
while :; do
  if read -r -t "$beat" line <&3; then
    hear "$line"
  else
    # No word within the time, or nobody at the other end, where a read ends at once.
    heartbeat
    sleep 1
  fi
done
