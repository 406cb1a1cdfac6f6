# The service of the small system that `npm run images` builds: the files in /srv/data. What any service of baton-agent.sh has:
#
#     $service, $disk (where it keeps its data), $kinds (of backups), $methods (its own, as they are declared)
#     service_status                            prints NEW, BUILDING, ACTIVE, FAILED, ERROR or SHUTDOWN
#     service_method NAME                       prints a JSON value; or fails, and says why on the second output. Arguments: see argument
#     service_backup ID KIND PARENT FILE        writes FILE, or fails and says why. It may take its time, heartbeats go on
#     service_restore PARTS FOLDER              puts FOLDER/0, the full backup, and those on top of it in their place
#     service_shutdown                          switches the system off
service=files
disk=/disk
kinds='"full","incremental"'
methods='{"name":"digest","about":"number and digest of all files in /srv/data"}'
folder=/srv/data

service_status() { echo ACTIVE; }
service_shutdown() { sh /etc/acpi/PWRF/00000080; }

# A line for the mode and one for the content of each file: two lists differ where files do.
list_files() {
  find . -type f -exec stat -c '%a:%u:%g  %n' {} +
  find . -type f -exec sha512sum {} +
}

service_method() {
  cd $folder || return 1
  sums=$(find . -type f -exec sha512sum {} + | sort -k 2) || return 1
  printf '{"files":%d,"sha256":"%s"}' "$(printf '%s' "$sums" | grep -c .)" "$(printf '%s' "$sums" | sha256sum | cut -d ' ' -f 1)"
}

# Whoever has a file of it open stands still meanwhile: nothing is half written in what is read.
hold() {
  for each in /proc/[0-9]*; do
    case "$(ls -l "$each/fd" 2>/dev/null)" in *"-> $(readlink -f $folder)/"*) kill -STOP "${each#/proc/}" && held="$held ${each#/proc/}" ;; esac
  done
}
release() { [ -z "$held" ] || kill -CONT $held; }

service_backup() {
  set -o pipefail
  cd $folder || return 1
  if find . -name '*
*' | grep -q .; then echo 'a name of a file has a line break' >&2 && return 1; fi
  if [ "$2" = incremental ] && [ ! -e "$work/$3.list" ]; then echo "backup $3 is not known here" >&2 && return 1; fi
  before=/dev/null
  [ "$2" = full ] || before=$work/$3.list
  hold
  list_files | sort >"$work/$1.list.part"
  # A line with the number of all names there are, the names, and of what is new the bytes.
  find . >"$work/all"
  {
    wc -l <"$work/all" && cat "$work/all" && {
      find . ! -type f
      awk -v before="$before" 'BEGIN { while ((getline line < before) > 0) seen[line] = 1 }
        !($0 in seen) { sub(/^[^ ]+  /, ""); if (!told[$0]++) print }' "$work/$1.list.part"
    } | cpio -o -H newc 2>"$work/cpio" | gzip
  } >"$4"
  result=$?
  list_files | sort | cmp -s - "$work/$1.list.part"
  changed=$?
  release
  [ $result = 0 ] || cat "$work/cpio" >&2
  rm -f "$work/cpio" "$work/all"
  if [ $changed != 0 ]; then echo 'files were changed while they were read' >&2 && return 1; fi
  [ $result = 0 ] && mv "$work/$1.list.part" "$work/$1.list"
}

service_restore() {
  set -o pipefail
  fresh=$disk/fresh
  rm -rf $fresh
  mkdir -p $fresh/files
  part=0
  while [ $part -lt "$1" ]; do
    names=$(head -n 1 "$2/$part")
    head -n $((names + 1)) "$2/$part" | tail -n +2 >$fresh/all
    at=$(head -n $((names + 1)) "$2/$part" | wc -c)
    dd if="$2/$part" bs=65536 iflag=skip_bytes skip="$at" 2>/dev/null | gunzip | (cd $fresh/files && cpio -i -d -u -m) || return 1
    part=$((part + 1))
  done
  # What was deleted since an earlier backup is still in that.
  (cd $fresh/files && find . -depth | awk -v all=$fresh/all 'BEGIN { while ((getline line < all) > 0) is[line] = 1 } !($0 in is)' |
    while read -r gone; do rm -rf "$gone"; done)
  hold
  rm -rf $disk/data.before
  mv $disk/data $disk/data.before && mv $fresh/files $disk/data
  sync
  release
  rm -rf $fresh $disk/data.before
}
