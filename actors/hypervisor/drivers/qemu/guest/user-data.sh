# Sourced after identity.sh, once in the life of an instance: user data is run if it is a script.
if [ -s "$user_data" ]; then
  read -r kind <"$user_data"
  case "$kind" in
  '#!'*)
    cp "$user_data" /run/baton/user_data
    chmod 700 /run/baton/user_data
    /run/baton/user_data </dev/null >/dev/ttyS0 2>&1
    echo "user data: ended with $?" >/dev/ttyS0
    ;;
  *) echo 'user data: not run, this system runs scripts only (#!/bin/sh)' >/dev/ttyS0 ;;
  esac
fi
