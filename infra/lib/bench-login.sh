# shellcheck shell=bash
# How long a client waits for its session: directly, and through the agent with its own login and with one that is made for the session.

bench_login() {
  local logins=${1:-40} rounds=${2:-3} agent=${GRANT:?}
  install_packages python3-psycopg2
  source "$ROOT/infra/lib/bench-masks.sh"
  masked_door 1
  local round where urls=()
  for ((round = 0; round < rounds; round++)); do
    urls+=("direct=postgresql://accessplane_agent:$AGENT_PASSWORD@127.0.0.1:$PORT_ORDERS/orders?sslmode=disable")
    GRANT=$agent AS=engineer
    urls+=("agent=$(agent_url "$logins")")
    GRANT=${CRM[engineer]}
    urls+=("just-in-time=$(agent_url "$logins")")
    /usr/bin/python3 "$ROOT/infra/lib/bench-login.py" "$logins" "${urls[@]: -3}" >>"$WORK/logins"
  done
  printf '%-16s %12s %12s %10s\n' 'connect, ms' median p95 'of direct'
  for where in direct agent just-in-time; do
    awk -v w="$where" '$1 == w {print $2}' "$WORK/logins" | sort -n | awk -v w="$where" -v d="$(awk '$1 == "direct" {print $2}' "$WORK/logins" | median)" \
      '{v[NR] = $1} END {m = v[int((NR + 1) / 2)]; printf "%-16s %12.1f %12.1f %10.2f\n", w, m, v[int(NR * 0.95)], m / d}'
  done
}
