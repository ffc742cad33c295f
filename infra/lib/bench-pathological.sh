# shellcheck shell=bash
# What a hundred ordinary sessions notice of one that does all that is slow: rounds without it, with it, and with the same load sent past the agent, which is
# what the processors and the database alone make of it.

bench_pathological() {
  local seconds=${1:-6} rounds=${2:-3} rate=${3:-300} sessions=${4:-100} round what order kinds=(quiet beside past)
  install_packages python3-psycopg2
  pgbench_tables 5
  direct 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO accessplane_agent'
  pathological_tables
  pathological_policy
  cat <<END
Inside: $sessions sessions through the agent with $rate prepared statements a second in all (pgbench -S), each timed from when it was due. One more session, in turn:
a long text that was never seen, eight rows with a megabyte each that is masked, 50,000 rows, and, now and then, a statement that is held and given up. "past" is that
load sent straight to the database (where nothing is held): what it alone costs on the processors that all share.
END
  printf '%-12s %10s %10s %10s %12s %10s %14s\n' round 'p50, ms' 'p99, ms' 'most, ms' statements cycles 'agent, cores'
  pathological_round quiet 2 >/dev/null # so that nothing is compiled or grown in what is measured
  pathological_round beside 3 >/dev/null
  : >"$WORK/rounds"
  for ((round = 0; round < rounds; round++)); do
    # begins with another one each time: what drifts meets all
    order=("${kinds[@]:round % 3}" "${kinds[@]:0:round % 3}")
    for what in "${order[@]}"; do pathological_round "$what" "$seconds"; done
  done
  for what in "${kinds[@]}"; do
    result "$what" "p50 ms=$(pathological_of "$what" 2 | median)" "p99 ms=$(pathological_of "$what" 3 | median)" "most ms=$(pathological_of "$what" 4 | median)" \
      "p99 of quiet=$(ratio "$(pathological_of "$what" 3 | median)" "$(pathological_of quiet 3 | median)")" "spread of p99=$(pathological_of "$what" 3 | spread)" \
      "cycles=$(pathological_of "$what" 6 | median)" "agent cores=$(pathological_of "$what" 7 | median)"
  done
}

pathological_of() { awk -v w="$1" -v c="$2" '$1 == w {print $c}' "$WORK/rounds"; }

pathological_tables() {
  direct 'DROP TABLE IF EXISTS bench_huge, bench_many, bench_waits' 2>/dev/null
  # a masked value may be 1 MiB long at most
  direct "CREATE TABLE bench_huge AS SELECT i, repeat('0123456789abcdef', 62500) AS big FROM generate_series(1, 8) i"
  direct "CREATE TABLE bench_many AS SELECT i, md5(i::text) AS a, md5((-i)::text) AS b FROM generate_series(1, 50000) i"
  direct 'CREATE TABLE bench_waits (n integer)'
  direct 'GRANT SELECT ON bench_huge, bench_many TO accessplane_agent; GRANT SELECT, UPDATE ON bench_waits TO accessplane_agent'
}

# Room for a hundred sessions, a right to be slow, and a lease that lasts for as long as a round in which the control plane sleeps.
pathological_policy() {
  bench_policy -e 's/max-connections: 50 }/max-connections: 1000 }/' -e 's/freeze-after: 10s/freeze-after: 10m/' -e 's/kill-after: 5m/kill-after: 30m/' \
    -e '/^entitlements:/a\  - { id: bench-slow, resource: orders, who: { groups: [engineering] }, scope: { databases: [orders] }, max-duration: 8h, approval: { auto: true }, tickets: { max-connections: 100 } }' \
    -e '/^masks:/a\  - { id: bench-huge, resource: orders, columns: [public.bench_huge.big], with: redact }'
  SLOW=$(granted engineer bench-slow)
  GRANT=$(granted engineer orders-read)
}

# pathological_round WHAT SECONDS: one line of the table, and into rounds: WHAT p50 p99 most statements cycles cores
pathological_round() {
  # a session's first statement is planned by a backend that knows nothing yet: with a hundred of them that takes seconds, which do not count
  local what=$1 warm=$((1 + sessions / 16)) url slow='' pid='' plane before after cycles=0 failed=''
  local seconds=$(($2 + warm))
  url=$(agent_url $((sessions + 2)))
  case $what in
    beside) slow=$(GRANT=$SLOW agent_url 3) ;;
    past) slow="postgresql://accessplane_agent:$AGENT_PASSWORD@127.0.0.1:$PORT_ORDERS/orders?sslmode=disable" ;;
  esac
  rm -f "$WORK"/latency.*
  plane=$(ours control-plane)
  if [[ -n $slow ]]; then
    : >"$WORK/slow"
    /usr/bin/python3 "$ROOT/infra/lib/bench-pathological.py" "$slow" "$((seconds + 4))" "$what" >"$WORK/slow" 2>"$WORK/slow.error" &
    pid=$!
    eventually 30 "the slow session to be there" grep -q ready "$WORK/slow"
  fi
  kill -STOP "$plane" # the agent stands beside its database, the control plane does not
  before=$(usage)
  pgbench -n -S -M prepared -c "$sessions" -j 1 -R "$rate" -T "$seconds" -l --log-prefix="$WORK/latency" "$url" >/dev/null 2>"$WORK/error" || failed=1
  after=$(usage)
  kill -CONT "$plane"
  [[ -z $failed ]] || { cat "$WORK/error" >&2; die "the ordinary sessions failed ($what)"; }
  if [[ -n $pid ]]; then
    wait "$pid" || { cat "$WORK/slow.error" >&2; die 'the slow session failed'; }
    cycles=$(tail -n 1 "$WORK/slow")
  fi
  cat "$WORK"/latency.* | awk -v w="$warm" '!b || $5 < b {b = $5} {t[NR] = $5; l[NR] = $3} END {for (i = 1; i <= NR; i++) if (t[i] >= b + w) print l[i]}' | sort -n >"$WORK/sorted"
  awk -v w="$what" -v c="$cycles" -v u="$(jq -n "($after.processorMilliseconds - $before.processorMilliseconds) / 1000 / $seconds")" '
    {v[NR] = $1 / 1000} END {i = int(NR * 0.99); printf "%s %.2f %.2f %.2f %d %d %.3f\n", w, v[int((NR + 1) / 2)], v[i < 1 ? 1 : i], v[NR], NR, c, u}' "$WORK/sorted" |
    tee -a "$WORK/rounds" | awk '{printf "%-12s %10.2f %10.2f %10.2f %12d %10d %14.2f\n", $1, $2, $3, $4, $5, $6, $7}'
}
