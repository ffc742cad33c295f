# shellcheck shell=bash
# Small transactions through the agent and its peers.

bench_wire() {
  local seconds=${1:-5} rounds=${2:-3} modes counts mode clients round where figures
  read -ra modes <<<"${3:-prepared simple}"
  read -ra counts <<<"${4:-1 8 32}"
  install_packages pgbouncer haproxy
  pgbench_tables 5
  direct "GRANT SELECT ON ALL TABLES IN SCHEMA public TO accessplane_agent"
  start_peers
  local names=(direct pgbouncer haproxy agent)
  printf '%-9s %7s %9s %10s %9s %9s %16s %13s %9s %10s\n' protocol clients direct pgbouncer haproxy agent agent/pgbouncer agent/direct 'µs each' 'bytes each'
  for mode in "${modes[@]}"; do
    for clients in "${counts[@]}"; do
      for where in "${names[@]}" cost bytes; do : >"$WORK/$where"; done
      for ((round = 0; round < rounds; round++)); do
        for where in "${names[@]}"; do wire_round "$where" "$mode" "$clients" "$seconds"; done
      done
      figures=()
      for where in "${names[@]}" cost bytes; do figures+=("$(median <"$WORK/$where")"); done
      set -- "${figures[@]}" "$(ratio "${figures[3]}" "${figures[1]}")" "$(ratio "${figures[3]}" "${figures[0]}")"
      printf '%-9s %7d %9.0f %10.0f %9.0f %9.0f %16.2f %13.2f %9.0f %10.0f\n' "$mode" "$clients" "$1" "$2" "$3" "$4" "$7" "$8" "$5" "$6"
      result "$mode, $clients clients" "direct=$1" "pgbouncer=$2" "haproxy=$3" "agent=$4" "agent/pgbouncer=$7" "agent/direct=$8" "µs each=$5" "bytes each=$6" \
        "agent spread=$(spread <"$WORK/agent")" "pgbouncer spread=$(spread <"$WORK/pgbouncer")"
    done
  done
}

start_peers() {
  PORT_BOUNCER=$((PORT_HTTP + 20)) PORT_HAPROXY=$((PORT_HTTP + 21))
  port_free "$PORT_BOUNCER" pgbouncer ACCESSPLANE_BENCH_PORT_BASE
  port_free "$PORT_HAPROXY" haproxy ACCESSPLANE_BENCH_PORT_BASE
  cat >"$WORK/pgbouncer.ini" <<END
[databases]
orders = host=127.0.0.1 port=$PORT_ORDERS dbname=orders user=accessplane_agent password=$AGENT_PASSWORD
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $PORT_BOUNCER
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = 100
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
END
  cat >"$WORK/haproxy.cfg" <<END
global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen postgresql
  bind 127.0.0.1:$PORT_HAPROXY
  server orders 127.0.0.1:$PORT_ORDERS
END
  local as_bouncer=()
  if ((EUID == 0)); then
    chmod 711 "$RUN" "$WORK"
    chown postgres "$WORK/pgbouncer.ini"
    as_bouncer=(runuser -u postgres --)
  fi
  launch pgbouncer "${as_bouncer[@]}" /usr/sbin/pgbouncer "$WORK/pgbouncer.ini"
  launch haproxy /usr/sbin/haproxy -db -f "$WORK/haproxy.cfg"
  local login=accessplane_agent:$AGENT_PASSWORD@127.0.0.1
  declare -gA URL=(
    [direct]="postgresql://$login:$PORT_ORDERS/orders?sslmode=disable"
    [haproxy]="postgresql://$login:$PORT_HAPROXY/orders?sslmode=disable"
    [pgbouncer]="postgresql://accessplane_agent@127.0.0.1:$PORT_BOUNCER/orders?sslmode=disable"
  )
  wait_for pgbouncer 10 psql -X -Atc 'SELECT 1' "${URL[pgbouncer]}"
  wait_for haproxy 10 psql -X -Atc 'SELECT 1' "${URL[haproxy]}"
}

# wire_round WHERE MODE CLIENTS SECONDS: transactions a second, into the file of that name.
# The agent stands beside its database and the control plane does not: while a round runs it sleeps, and takes the transcripts in afterwards.
wire_round() {
  local where=$1 url=${URL[$1]:-} plane before after
  plane=$(ours control-plane)
  if [[ $where == agent ]]; then url=$(agent_url $(($3 + 2))); fi
  kill -STOP "$plane"
  before=$(usage)
  pgbench -n -S -M "$2" -c "$3" -j 1 -T "$4" "$url" >"$WORK/out" 2>"$WORK/error" || true
  after=$(usage)
  kill -CONT "$plane"
  awk '/^tps/ {print $3}' "$WORK/out" | grep . >>"$WORK/$where" || { cat "$WORK/error" >&2; die "pgbench failed through $where"; }
  if [[ $where == agent ]]; then
    spent processorMilliseconds 1000 >>"$WORK/cost"
    spent allocatedBytes 1 >>"$WORK/bytes"
    eventually 60 "the transcripts to be in the log" spool_is_empty
  fi
}
# spent WHAT FACTOR: what the agent used of it, for each transaction of the round, the sessions' own beginnings and ends included
spent() {
  local transactions
  transactions=$(awk '/actually processed/ {split($6, n, "/"); print n[1]}' "$WORK/out")
  jq -n --argjson before "$before" --argjson after "$after" --argjson n "$transactions" "(\$after.$1 - \$before.$1) * $2 / \$n"
}
