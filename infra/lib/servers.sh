# shellcheck shell=bash
# Everything the product stands on: two PostgreSQL servers, RabbitMQ, the identity provider.

# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source "$ROOT/infra/lib/install.sh"
source "$ROOT/infra/lib/postgres.sh"
source "$ROOT/infra/lib/rabbitmq.sh"
source "$ROOT/infra/lib/idp.sh"

# RabbitMQ and its port mapper: a node that runs is left alone, with one or without
servers_ports_free() {
  if ! running rabbitmq; then ports_free rabbitmq epmd; fi
  ports_free postgres-log postgres-orders idp
}

# start_servers [JOB…]: those, and what else is asked for. Side by side: RabbitMQ's start takes as long as all others together.
start_servers() {
  local jobs=() job failed=0
  servers_ports_free
  prepare_run
  for job in rabbitmq postgres-log postgres-orders idp; do secret "$job" >/dev/null; done
  make_certificates
  for job in start_rabbitmq start_log start_orders start_idp "$@"; do
    "$job" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  ((failed == 0)) || die "not everything could be started: logs are in $RUN/logs"
}

start_one() {
  prepare_run
  case $1 in
    rabbitmq) start_rabbitmq ;;
    postgres-log) start_log ;;
    postgres-orders) start_orders ;;
    idp) start_idp ;;
    *) return 1 ;;
  esac
}

stop_one() {
  case $1 in
    rabbitmq) stop_rabbitmq ;;
    # INT is PostgreSQL's fast shutdown: clients are cut off, nothing is lost
    postgres-log | postgres-orders | postgres-18) stop "$1" INT 30 ;;
    *) stop "$1" ;;
  esac
}

stop_servers() {
  local name
  for name in idp rabbitmq postgres-18 postgres-orders postgres-log; do stop_one "$name" & done
  wait
}
