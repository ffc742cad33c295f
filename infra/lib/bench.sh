# shellcheck shell=bash
# What every benchmark shares: a world of its own, a right to use, medians.

bench_begin() {
  trap bench_end EXIT
  "$ROOT/infra/up" >/dev/null
  set_ports
  source "$RUN/env"
  WORK=$(mktemp -d "$RUN/bench.XXXXXX")
  AGENT_PASSWORD=$(secret accessplane_agent)
  # approved by the policy itself
  AS=engineer
  GRANT=$(api "$(as engineer)" POST /v1/requests -H 'Content-Type: application/json' \
    --data '{"entitlement":"orders-read","duration":"PT1H","reason":"bench"}' | jq -er .grantId)
}

bench_end() {
  local status=$?
  trap - EXIT
  jobs -p | xargs -r kill 2>/dev/null || true
  stop pgbouncer
  stop haproxy
  rm -rf "${WORK:-}"
  "$ROOT/infra/down" >/dev/null 2>&1 || true
  exit "$status"
}

direct() { psql -X -Atq -v ON_ERROR_STOP=1 "$ORDERS_DIRECT_URL" -c "$1"; }

# agent_url CONNECTIONS: a ticket's address, of the grant GRANT, which AS holds; the agent may have fallen behind for a moment
agent_url() {
  local tries
  for tries in 1 2 3 4 5; do
    api "$(as "$AS")" POST "/v1/grants/$GRANT/tickets" -H 'Content-Type: application/json' \
      --data "{\"connections\":$1,\"database\":\"orders\"}" 2>"$WORK/ticket" | jq -er '(.url | sub("\\?.*"; "")) + "?sslmode=disable"' && return 0
    sleep "0.$tries"
  done
  cat "$WORK/ticket" >&2
  die "no ticket"
}

# pgbench_tables SCALE: made anew
pgbench_tables() {
  direct 'DROP TABLE IF EXISTS pgbench_accounts CASCADE' 2>/dev/null # views of a run before read it
  pgbench -i -q -s "$1" "$ORDERS_DIRECT_URL" >/dev/null 2>&1
}

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# of a process, seen from outside
resident() { awk '/VmRSS/ {print $2}' "/proc/$1/status"; }
files_of() { find "/proc/$1/fd" -mindepth 1 -printf x 2>/dev/null | wc -c; }
holds_files_at_most() { (($(files_of "$1") <= $2)); }
