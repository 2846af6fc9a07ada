#!/usr/bin/env bash
# Measures what requests cost with 1000, 100 000 and 1 000 000 people in the database, on the embedded database and on a private
# PostgreSQL, with the load generator whose path is given (it does the log-ins; bench/drive does the rest):
#   bench/growth.sh PATH/TO/idbench [seconds [rounds [drivers]]]
# Servers and their database run on one core, clients on the other. Sizes take turns, so that whatever else the machine does
# hits all of them. Every request is about another person, and the database is in memory.
# PostgreSQL's buffers are set by SHARED_BUFFERS (4GB, which holds a million people). Output: one JSON line a measurement, then medians.
set -euo pipefail
idbench=$1 seconds=${2:-3} rounds=${3:-3} drivers=${4:-sqlite postgres}
cd "$(dirname "$0")/.."
work=${GROWTH_DIR:-/tmp/latchkey-growth}
secret=bench-secret-that-is-long-enough-for-anybody-0001
port=$((20000 + RANDOM % 10000))
mkdir -p "$work" && rm -f "$work/all.jsonl"
go build -o "$work/latchkey" ./cmd/latchkey
for command in upstream load drive; do go build -o "$work/$command" "./bench/$command"; done
. bench/servers.sh

config() { # driver, size: writes the configuration
  local database="sqlite:$work/$2.db"
  [ "$1" = postgres ] && database="postgres://latchkey@127.0.0.1:$port/growth$2?sslmode=disable"
  cat >"$work/$1-$2.yml" <<YAML
listen: 127.0.0.1:9300
issuer: http://127.0.0.1:9300/
database: $database
encryption_key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
upstream:
  allow_private_networks: true
log:
  level: warn
YAML
}

fill() { # driver, size
  config "$1" "$2"
  [ -d "$work/targets-$1-$2" ] && return
  if [ "$1" = sqlite ]; then
    rm -f "$work/$2.db"*
  else
    dropdb --if-exists -h 127.0.0.1 -p "$port" -U latchkey "growth$2" 2>/dev/null
    createdb -h 127.0.0.1 -p "$port" -U latchkey "growth$2"
  fi
  "$work/latchkey" tenant apply bench/tenant.yaml --config "$work/$1-$2.yml" >/dev/null
  "$work/load" -config "$work/$1-$2.yml" -users "$2" -targets "$work/targets-$1-$2"
}

# warm brings the database into memory, the system's page cache or PostgreSQL's buffers: what is measured is work, not the disk.
warm() { # driver, size
  if [ "$1" = postgres ]; then
    psql -qAt -h 127.0.0.1 -p "$port" -U latchkey -d "growth$2" -c checkpoint -c "CREATE EXTENSION IF NOT EXISTS pg_prewarm" \
      -c "SELECT sum(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i', 't')" >/dev/null
  else
    cat "$work/$2.db" >/dev/null
  fi
}

measure() { # driver, size
  local driver=$1 size=$2 server upstream token counted
  warm "$driver" "$size"
  taskset -c 0 "$work/latchkey" serve --config "$work/$driver-$size.yml" 2>"$work/server.log" & server=$!
  taskset -c 1 "$work/upstream" -first 10000001 -step 2 -people $((size / 2)) 2>"$work/upstream.log" & upstream=$!
  running+=("$server" "$upstream")
  answers curl -sf http://127.0.0.1:9300/readyz
  token=$(curl -sf http://127.0.0.1:9300/oauth/token -d grant_type=client_credentials -d client_id=bench -d "client_secret=$secret" \
    -d audience=http://127.0.0.1:9300/api/v2/ | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  counted=latchkey=$server
  [ "$driver" = postgres ] && counted+=,postgres=$postgres
  for flow in userinfo-opaque userinfo-jwt user-by-id users-by-email; do
    taskset -c 1 "$work/drive" -targets "$work/targets-$driver-$size/$flow" -bearer "$token" -d "${seconds}s" -pid "$counted" \
      -label "$driver $flow $size" | tee -a "$work/all.jsonl"
  done
  taskset -c 1 "$idbench" -base http://127.0.0.1:9300 -auth post -client bench -secret "$secret" -redirect http://127.0.0.1:9500/cb \
    -scope "openid profile email" -c 8 -d "${seconds}s" -warm 1s -pid "$counted" -flow login -extra connection=up \
    -label "$driver brokered $size" -out "$work/all.jsonl"
  kill "$server" "$upstream"
  wait "$server" "$upstream" || true
  running=(${postgres:+"$postgres"})
}

medians() { # label (driver flow size), CPU-ms of all servers together
  sed -E 's/.*"label":"([^"]*)".*/\1 &/' "$work/all.jsonl" | awk '{
    key = $1 " " $2 " " $3; sum = 0
    for (rest = $0; match(rest, /"cpu_ms_[a-z]+":[0-9.e-]+/); rest = substr(rest, RSTART + RLENGTH)) {
      split(substr(rest, RSTART, RLENGTH), part, ":"); sum += part[2]
    }
    print key, sum }' | sort -k1,3 -k4,4g | awk '
    function flush() { if (n) print key, v[int((n + 1) / 2)], "of", n; n = 0 }
    { k = $1 " " $2 " " $3; if (k != key) { flush(); key = k } v[++n] = $4 }
    END { flush() }'
}

for driver in $drivers; do
  if [ "$driver" = postgres ]; then start_postgres "$port" "${SHARED_BUFFERS:-4GB}"; fi
  for size in 1000 100000 1000000; do fill "$driver" "$size"; done
  for _ in $(seq "$rounds"); do
    for size in 1000 1000000 100000; do measure "$driver" "$size"; done
  done
done
medians
