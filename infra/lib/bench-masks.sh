# shellcheck shell=bash
# What it costs that PostgreSQL itself hides columns: the same reads through the same agent, by a person they are hidden from and by one they are not.

bench_masks() {
  local seconds=${1:-5} rounds=${2:-3} what who round
  masked_door 5
  printf '%s\n' '\set aid random(1, 500000)' 'SELECT abalance, filler, card FROM pgbench_accounts WHERE aid = :aid;' >"$WORK/point.sql"
  printf 'SELECT aid, bid, abalance, filler FROM pgbench_accounts LIMIT 10000;\n' >"$WORK/redact.sql"
  printf 'SELECT aid, bid, abalance, card FROM pgbench_accounts LIMIT 10000;\n' >"$WORK/keep-last.sql"
  declare -A named=([point]='prepared point read' [redact]='10,000 rows, redact' [keep-last]='10,000 rows, keep-last')
  printf '%-24s %14s %14s %8s\n' 'median latency, µs' clear masked ratio
  for what in point redact keep-last; do
    for who in security engineer; do : >"$WORK/$what.$who"; done
    for ((round = 0; round < rounds; round++)); do
      for who in security engineer; do masks_round "$what" "$who" "$seconds"; done
    done
    set -- "$(median <"$WORK/$what.security")" "$(median <"$WORK/$what.engineer")"
    printf '%-24s %14.0f %14.0f %8.2f\n' "${named[$what]}" "$1" "$2" "$(ratio "$2" "$1")"
    result "${named[$what]}" "clear, µs=$1" "masked, µs=$2" "ratio=$(ratio "$2" "$1")"
  done
}

masks_round() {
  local what=$1 who=$2 seconds=$3
  GRANT=${CRM[$who]} AS=$who
  rm -f "$WORK"/latency.*
  pgbench -n -M prepared -f "$WORK/$what.sql" -c 1 -T "$seconds" -l --log-prefix="$WORK/latency" "$(agent_url 3)" >/dev/null 2>"$WORK/error" ||
    { cat "$WORK/error" >&2; die "pgbench failed as $who"; }
  awk '{print $3}' "$WORK"/latency.* | median >>"$WORK/$what.$who"
}

# masked_door SCALE: two columns of pgbench's table are hidden from everybody but security, and both have a grant
declare -A CRM=()
masked_door() {
  local who
  pgbench_tables "$1"
  direct "ALTER TABLE pgbench_accounts ADD card text; UPDATE pgbench_accounts SET card = lpad(aid::text, 16, '4')"
  direct "VACUUM (FULL, ANALYZE) pgbench_accounts"
  direct 'GRANT SELECT ON pgbench_accounts TO accessplane_agent WITH GRANT OPTION; GRANT SELECT ON pgbench_accounts TO app_readers'
  bench_policy -e "/id: crm-cards/i \\  - { id: filler, resource: crm, columns: [public.pgbench_accounts.filler], with: redact, unless: { groups: [security] } }" \
    -e "/id: crm-cards/i \\  - { id: numbers, resource: crm, columns: [public.pgbench_accounts.card], with: { keep-last: 4 }, unless: { groups: [security] } }"
  "$ROOT/infra/onboard-masking" --yes crm orders >"$WORK/onboard" 2>&1 || { cat "$WORK/onboard" >&2; die 'the masks were not set up'; }
  for who in engineer security; do
    CRM[$who]=$(granted "$who" crm-read)
  done
}
