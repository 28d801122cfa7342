# Sourced by the scripts beside it: where things lie, and how processes are started and stopped by the id we wrote down.

# Data, jars, logs and process ids. Not below a home directory that the user postgres can't enter.
PEERS_RUN=${PEERS_RUN:-${TMPDIR:-/tmp}/stellwerk-peers}
# The one PostgreSQL server of all engines.
export PEERS_PG_PORT=${PEERS_PG_PORT:-5433}
mkdir -p "$PEERS_RUN"

# pid NAME: its process id, if it runs.
pid() {
  local pid
  pid=$(cat "$PEERS_RUN/$1.pid" 2>/dev/null) || return 1
  kill -0 "$pid" 2>/dev/null && echo "$pid"
}

# start NAME COMMAND…: in the background, with a log.
start() {
  local name=$1; shift
  setsid nohup "$@" >"$PEERS_RUN/$name.log" 2>&1 </dev/null &
  echo $! >"$PEERS_RUN/$name.pid"
}

# stop NAME: SIGTERM, and SIGKILL after 20 s.
stop() {
  local pid
  if pid=$(pid "$1"); then
    kill "$pid"
    for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$PEERS_RUN/$1.pid"
}

# wait_for NAME URL: until the URL answers 2xx; fails when the process ends before, or after 3 minutes.
wait_for() {
  for _ in $(seq 900); do
    curl -sf -m 2 -o /dev/null "$2" && return
    pid "$1" >/dev/null || break
    sleep 0.2
  done
  echo "$1 doesn't answer at $2; the end of its log:" >&2
  tail -n 20 "$PEERS_RUN/$1.log" >&2
  return 1
}

# database NAME: creates it if it isn't there.
database() {
  local there
  there=$(sql postgres "select 1 from pg_database where datname = '$1'")
  [ "$there" = 1 ] || sql postgres "create database \"$1\""
}

# sql DATABASE STATEMENT
sql() { psql -h 127.0.0.1 -p "$PEERS_PG_PORT" -U postgres -d "$1" -qAtc "$2"; }
