# Sourced by run.sh and growth.sh: private servers on core 0, in the folder $work. What was started is in $running and ends with
# the script.
running=()
trap 'for pid in "${running[@]}"; do kill "$pid" 2>/dev/null || true; done; wait' EXIT

# start_postgres PORT BUFFERS: a PostgreSQL with its defaults (fsync and synchronous_commit on) but for its shared_buffers. The
# first user is latchkey. Sets $postgres.
start_postgres() {
  local bin as=() program; program=$(command -v postgres || ls /usr/lib/postgresql/*/bin/postgres | tail -1)
  bin=$(dirname "$(readlink -f "$program")")
  mkdir -p "$work/pg"
  if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    chown postgres "$work/pg"
  fi
  if [ ! -f "$work/pg/PG_VERSION" ]; then
    "${as[@]}" "$bin/initdb" -D "$work/pg" -U latchkey --auth trust --encoding UTF8 --locale C >/dev/null
  fi
  taskset -c 0 "${as[@]}" "$bin/postgres" -D "$work/pg" -p "$1" -k "$work/pg" -c listen_addresses=127.0.0.1 \
    -c "shared_buffers=$2" 2>"$work/postgres.log" & postgres=$!
  running+=("$postgres")
  answers pg_isready -q -h 127.0.0.1 -p "$1" -U latchkey -d postgres
}

# start_redis PORT: a Redis that keeps nothing on disk. Sets $redis.
start_redis() {
  taskset -c 0 redis-server --port "$1" --bind 127.0.0.1 --save "" --appendonly no --dir "$work" >"$work/redis.log" & redis=$!
  running+=("$redis")
  answers redis-cli -p "$1" ping
}

# answers COMMAND…: waits until it succeeds.
answers() {
  for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
  echo "does not answer: $*" >&2
  return 1
}
