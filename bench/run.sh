#!/usr/bin/env bash
# Measures CPU-ms per operation of every hot flow, with the load generator whose path is given:
#   bench/run.sh PATH/TO/idbench [seconds [configuration]]
# The configuration is bench/latchkey.yml (embedded database) or bench/latchkey-pg.yml (PostgreSQL and Redis, which are started
# for it and counted). Servers run on one core, client and upstream provider on the other. Output: one line a flow, and as JSON
# in /tmp/latchkey-bench/all.jsonl.
set -euo pipefail
idbench=$1 seconds=${2:-5} config=${3:-bench/latchkey.yml}
cd "$(dirname "$0")/.."
work=/tmp/latchkey-bench
rm -rf "$work" && mkdir -p "$work"
go build -trimpath -o "$work/latchkey" ./cmd/latchkey
go build -o "$work/upstream" ./bench/upstream
. bench/servers.sh
counted=
if grep -q '^database: postgres:' "$config"; then
  start_postgres 9310 1GB
  start_redis 9311
  counted=,postgres=$postgres,redis=$redis
fi
"$work/latchkey" tenant apply bench/tenant.yaml --config "$config"
taskset -c 0 "$work/latchkey" serve --config "$config" 2>"$work/server.log" & server=$!
taskset -c 1 "$work/upstream" 2>"$work/upstream.log" & upstream=$!
running=("$server" "$upstream" "${running[@]}")
answers curl -sf http://127.0.0.1:9300/readyz
grep VmRSS /proc/$server/status | sed 's/^/idle /'

run() { # label, flags…
  local label=$1; shift
  taskset -c 1 "$idbench" -base http://127.0.0.1:9300 -auth post -client bench -secret bench-secret-that-is-long-enough-for-anybody-0001 \
    -redirect http://127.0.0.1:9500/cb -user ada@bench.test -pass Analytical-Engine-1843 -realm Username-Password-Authentication \
    -scope "openid profile email offline_access" -c 8 -d "${seconds}s" -warm 1s -pid "latchkey=$server$counted" -label "$label" \
    -out "$work/all.jsonl" "$@"
}
run jwks -flow get -url jwks
run discovery -flow get -url discovery
run userinfo-opaque -flow get -url userinfo -bearer auto -token-flow ropc
run userinfo-jwt -flow get -url userinfo -bearer auto -token-flow ropc -audience https://api.bench
run cc -flow cc -audience https://api.bench -scope ""
run cc-es256 -flow cc -audience https://es.bench -scope ""
run refresh -flow refresh -token-flow ropc
run refresh-jwt -flow refresh -token-flow ropc -audience https://api.bench
run sso -flow sso
run sso-jwt -flow sso -audience https://api.bench
run brokered -flow login -extra connection=up
run brokered-jwt -flow login -extra connection=up -audience https://api.bench
run password -flow ropc
