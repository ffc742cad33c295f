# shellcheck shell=bash
# How long a client waits for its session: directly, and through the agent with its own login and with one that is made for the session.

bench_login() {
  local logins=${1:-40} rounds=${2:-3} agent=${GRANT:?}
  install_packages python3-psycopg2
  source "$ROOT/infra/lib/bench-masks.sh"
  masked_door 1
  local round where direct urls=()
  for ((round = 0; round < rounds; round++)); do
    urls+=("direct=postgresql://accessplane_agent:$AGENT_PASSWORD@127.0.0.1:$PORT_ORDERS/orders?sslmode=disable")
    GRANT=$agent AS=engineer
    urls+=("agent=$(agent_url "$logins")")
    GRANT=${CRM[engineer]}
    urls+=("just-in-time=$(agent_url "$logins")")
    /usr/bin/python3 "$ROOT/infra/lib/bench-login.py" "$logins" "${urls[@]: -3}" >>"$WORK/logins"
  done
  printf '%-16s %12s %12s %10s\n' 'connect, ms' median p95 'of direct'
  direct=$(logins direct | median)
  for where in direct agent just-in-time; do
    set -- "$(logins "$where" | median)" "$(logins "$where" | quantile 0.95)"
    printf '%-16s %12.1f %12.1f %10.2f\n' "$where" "$1" "$2" "$(ratio "$1" "$direct")"
    result "$where" "p50 ms=$1" "p95 ms=$2" "of direct=$(ratio "$1" "$direct")"
  done
}

logins() { awk -v w="$1" '$1 == w {print $2}' "$WORK/logins"; }
