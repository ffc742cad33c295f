# shellcheck shell=bash
# What strangers at the door cost those who are inside: rounds without, beside a busy neighbour, and with an attack, in turn.

bench_hostile() {
  local seconds=${1:-10} rounds=${2:-5} attack round what pid files share
  local victims=4 rate=400 attacks=("${@:3}")
  ((${#attacks[@]} > 0)) || attacks=(strangers messages tokens upstream)
  for attack in "${attacks[@]}"; do
    [[ $attack =~ ^(strangers|messages|tokens|upstream)$ ]] || die "attacks are strangers, messages, tokens and upstream"
  done
  cat <<END_OF_TEXT
Inside: $victims sessions through the agent with $rate prepared statements a second in all, each timed from when it was due (a stall counts for all that it
holds up). Outside, in every third round, one of
  strangers   1,000 connections from 8 addresses that say nothing, or a byte a second, and come again when they are put out after ten seconds; 50 connections
              a second that send what no client sends; 10 a second that begin TLS and leave
  messages    150 messages a second, poison and forgeries, in the agent's queue and in the control plane's
  tokens      150 calls a second of the API with tokens whose key ids are made up
  upstream    a database that was taken over, behind another door of the same agent: 20 logins a second to which it answers with negative lengths and such of
              two gigabytes, with notices without end, with nonsense, and with SCRAM of as many iterations as the agent does, or endless ones; and 8
              sessions in which it sends notices, or one row, that do not end
What sessions need — the agent, their database, pgbench — has a processor of its own, and all else another one, as if it stood elsewhere: what attackers, broker and
control plane take of that one is not what is asked. But what keeps the other one busy may slow down this one (shared caches, a host that gives both of one
core): so there are rounds in which it is as busy as under attack, and with nothing that knows of the product. An attack's pace is bounded, and its share of a
processor shown. Noise is what rounds without attack differ by among themselves.
END_OF_TEXT
  (($(nproc) > 1)) || die 'one processor is not enough: what attackers take would be measured'
  printf 'SELECT 1;\n' >"$WORK/one.sql"
  on_processor "$INSIDE" postgres-orders orders-agent
  on_processor "$OUTSIDE" postgres-log rabbitmq idp control-plane
  pid=$(ours orders-agent)
  attack=${attacks[0]}
  hostile_round warm-up 3 >/dev/null # so that nothing is compiled or grown in what is measured
  for attack in "${attacks[@]}"; do
    if [[ $attack == upstream ]]; then
      hostile_upstream
      pid=$(ours orders-agent)
    fi
    share=$(hostile_share)
    hostile_round attacked-warm-up 3 >/dev/null
    share=$(hostile_share "$share")
    files=$(files_of "$pid")
    : >"$WORK/rounds"
    printf '\n%s\n%-18s %10s %10s %12s %14s %16s %10s %10s\n' "$attack" round 'p50, µs' 'p99, µs' statements 'agent, cores' 'attacker, cores' 'put out' refused
    for ((round = 0; round < rounds; round++)); do
      # in turn from either end: what drifts meets all
      if ((round % 2 == 0)); then set -- quiet busy attacked; else set -- attacked busy quiet; fi
      for what in "$@"; do hostile_round "$what" "$seconds"; done
    done
    hostile_sum p50 2
    hostile_sum p99 3
    eventually 60 "the agent to have closed what strangers opened" holds_files_at_most "$pid" "$((files + 10))"
    printf 'afterwards: files and sockets of the agent %s, of %s before; resident %s KiB\n' "$(files_of "$pid")" "$files" "$(resident "$pid")"
  done
}

INSIDE=0 OUTSIDE=1

# on_processor NUMBER NAME…: there servers run, with all their threads and children
on_processor() {
  local name pid
  for name in "${@:2}"; do
    pid=$(ours "$name") || die "$name is not running"
    for pid in $(with_children "$pid"); do
      taskset -acp "$1" "$pid" >/dev/null 2>&1 || ! kill -0 "$pid" 2>/dev/null || die "$name cannot be kept on one processor"
    done
  done
}

with_children() {
  local child
  printf '%s\n' "$1"
  for child in $(pgrep -P "$1" || true); do with_children "$child"; done
}

# hostile_share [BEFORE]: ticks of the other processor, all and idle ones; and with those of before, which share of it was used since
hostile_share() {
  awk -v name="cpu$OUTSIDE" -v before="${1:-}" '$1 == name {
    all = $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9
    if (before == "") print all, $5 + $6
    else {split(before, b, " "); printf "%.2f\n", 1 - ($5 + $6 - b[2]) / (all - b[1])}
  }' /proc/stat
}

# hostile_attack WHAT SECONDS: the attack that is due, or what is as busy; it writes `ready`, and at last what it did
hostile_attack() {
  taskset -cp "$OUTSIDE" "$BASHPID" >/dev/null
  if [[ $1 == busy ]]; then exec /usr/bin/python3 "$ROOT/infra/lib/bench-hostile-busy.py" "$share" "$2"; fi
  set -- "$2"
  case $attack in
    strangers) exec /usr/bin/python3 "$ROOT/infra/lib/bench-hostile.py" "$PORT_AGENT" "$1" ;;
    messages) exec node "$ROOT/infra/lib/bench-hostile-messages.mjs" "$(rabbit_amqp)" "$1" accessplane.agent.orders-agent accessplane.reports ;;
    tokens) exec /usr/bin/python3 "$ROOT/infra/lib/bench-hostile-tokens.py" "$ACCESSPLANE_URL" "$OIDC_ISSUER" "$1" ;;
    upstream) exec /usr/bin/python3 "$ROOT/infra/lib/bench-hostile-upstream.py" "$PORT_POSTGRES_18" "$PORT_ORDERS" "$(GRANT=$CRM agent_url 1000)" "$1" ;;
  esac
}

# The door crm leads to the database that was taken over, by a port that nobody uses here, and whoever may go there may do so often.
hostile_upstream() {
  local folder=$RUN/orders-agent
  bench_policy -e '/masking: server/d' -e '/id: crm-\(cards\|personal\|born\)/d' -e '/login: { member-of/d' -e 's/max-connections: 50 }/max-connections: 1000 }/'
  stop orders-agent
  jq --argjson port "$PORT_POSTGRES_18" '.listeners |= map(if .resource == "crm" then .upstream += { host: "127.0.0.1", $port } else . end)' "$folder/agent.json" >"$WORK/agent.json"
  cat "$WORK/agent.json" >"$folder/agent.json"
  launch orders-agent env HOME="$folder" "$AGENT" "$folder/agent.json"
  wait_for orders-agent 60 http_ok "$(agent_health_url)/health/ready"
  on_processor "$INSIDE" orders-agent
  CRM=$(granted engineer crm-read)
  hostile_round warm-up 3 >/dev/null
}

# hostile_round WHAT SECONDS: one line of the table, and into rounds: WHAT p50 p99
hostile_round() {
  local what=$1 seconds=$2 url attacker='' before after report='{}'
  url=$(agent_url $((victims + 2)))
  rm -f "$WORK"/latency.*
  if [[ $what == attacked* || $what == busy ]]; then
    # it goes on until the victims are done
    : >"$WORK/attack"
    hostile_attack "$what" "$((seconds + 1))" >"$WORK/attack" 2>"$WORK/attack.error" &
    attacker=$!
    eventually 30 "$attack to be there" grep -q ready "$WORK/attack"
  fi
  before=$(hostile_usage)
  taskset -c "$INSIDE" pgbench -n -M prepared -f "$WORK/one.sql" -c "$victims" -j 1 -R "$rate" -T "$seconds" -l --log-prefix="$WORK/latency" "$url" >/dev/null 2>"$WORK/error" ||
    { cat "$WORK/error" >&2; die "the sessions inside failed ($what)"; }
  after=$(hostile_usage)
  if [[ -n $attacker ]]; then
    wait "$attacker" || { cat "$WORK/attack.error" >&2; die 'the attack failed'; }
    report=$(tail -n 1 "$WORK/attack")
  fi
  awk '{print $3}' "$WORK"/latency.* | sort -n >"$WORK/sorted"
  awk -v w="$what" '{v[NR] = $1} END {printf "%s %d %d %d\n", w, v[int((NR + 1) / 2)], v[int(NR * 0.99)], NR}' "$WORK/sorted" | tee -a "$WORK/rounds" >"$WORK/round"
  jq -rn --arg round "$(<"$WORK/round")" --argjson before "$before" --argjson after "$after" --argjson report "$report" --argjson s "$seconds" '
    ($round / " ") + [($after - $before) / 1000 / $s, $report.processor // 0, $report.putOut // 0, $report.refused // 0] | map(tostring) | join(" ")' |
    awk '{printf "%-18s %10d %10d %12d %14.2f %16.2f %10d %10d\n", $1, $2, $3, $4, $5, $6, $7, $8}'
}

hostile_usage() { usage | jq .processorMilliseconds; }

# hostile_sum NAME COLUMN: medians of the rounds, their ratios, and how far the quiet ones lie apart
hostile_sum() {
  local what
  for what in quiet busy attacked; do
    awk -v w="$what" -v c="$2" '$1 == w {print $c}' "$WORK/rounds" | median
  done | paste -sd ' ' >"$WORK/medians"
  awk -v n="$1" -v c="$2" 'NR == FNR {q = $1; b = $2; a = $3; next} $1 == "quiet" {if (!l || $c < l) l = $c; if ($c > h) h = $c}
    END {printf "%s: %d µs without (%d to %d), %d µs beside as much of anything, %d µs with: ratios %.2f and %.2f\n", n, q, l, h, b, a, a / q, a / b}' "$WORK/medians" "$WORK/rounds"
  local quiet busy attacked
  read -r quiet busy attacked <"$WORK/medians"
  result "$attack, $1" "µs without=$quiet" "µs beside anything=$busy" "µs with=$attacked" "ratio=$(ratio "$attacked" "$quiet")" "ratio to anything=$(ratio "$attacked" "$busy")" \
    "spread without=$(awk -v c="$2" '$1 == "quiet" {print $c}' "$WORK/rounds" | spread)"
}
