# The service of the Debian image: PostgreSQL with one database, `app`, whose role `app` owns the schema `app` and is no superuser. What a service
# has is said in service-files.sh. Arguments go to PostgreSQL as they came, as JSON, and never through a shell.
service=postgresql
disk=/
kinds='"full"'
methods='{"name":"query","about":"rows of a statement: {sql}"},{"name":"execute","about":"a statement that changes something: {sql}"}'
methods="$methods,{\"name\":\"digest\",\"about\":\"a digest of all rows\"}"
# Without Debian's wrappers, which are scripts in Perl.
PATH=/usr/lib/postgresql/15/bin:$PATH

app() { psql -U app -d app -X -q -A -t -v ON_ERROR_STOP=1 -v args="${args%\}}" "$@"; }

service_status() {
  if pg_isready -q; then
    touch /run/baton/served
    echo ACTIVE
  elif systemctl is-failed -q postgresql; then echo FAILED PostgreSQL could not be started
  elif [ -e /run/baton/served ]; then echo ERROR PostgreSQL does not answer any more
  else echo BUILDING; fi
}
service_shutdown() { systemctl poweroff; }

service_method() {
  case "$1" in
  query | execute) printf "select baton.%s(:'args')" "$1" | app >/run/baton/answer || return 1 ;;
  digest)
    pg_dump -U app -d app --data-only --inserts -n app >/run/baton/dump || return 1
    grep '^INSERT' /run/baton/dump | sort >/run/baton/rows
    printf '{"rows":%d,"sha256":"%s"}' "$(wc -l </run/baton/rows)" "$(sha256sum </run/baton/rows | cut -d ' ' -f 1)" >/run/baton/answer
    ;;
  esac
  if [ "$(wc -c </run/baton/answer)" -gt 60000 ]; then echo 'that is too much for one answer; add LIMIT' >&2 && return 1; fi
  tr '\n' ' ' </run/baton/answer
}

service_backup() { pg_dump -U app -d app -n app -F c >"$4"; }

# All of it or nothing: the schema goes and comes back in one transaction. What psql can do beside SQL, nobody may.
# (By its path: busybox has a setpriv of its own, which cannot do that.)
service_restore() {
  pg_restore --no-owner -f - <"$2/0" >/run/baton/sql || return 1
  { echo 'begin; drop schema if exists app cascade;' && cat /run/baton/sql && echo 'commit;'; } |
    /usr/bin/setpriv --reuid nobody --regid nogroup --clear-groups psql -U app -d app -X -q -v ON_ERROR_STOP=1 >/dev/null
}
