#!/bin/sh
# Redis as the well-known image starts it: arguments with a dash, or a file of settings, are for the server, which works
# in /data and listens to everybody; any other command is simply run.
set -e
case "${1:-redis-server}" in
  redis-server) [ $# -eq 0 ] || shift ;;
  -* | *.conf) ;;
  *) exec "$@" ;;
esac
mkdir -p /data
if [ "$(id -u)" = 0 ]; then
  chown redis:redis /data
  exec setpriv --reuid=redis --regid=redis --clear-groups "$0" redis-server "$@"
fi
cd /data
case "${1:-}" in
  *.conf)
    file=$1
    shift
    set -- "$file" --dir /data --protected-mode no "$@"
    ;;
  *) set -- --dir /data --protected-mode no "$@" ;;
esac
exec redis-server "$@"
