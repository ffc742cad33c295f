# shellcheck shell=bash
# A private RabbitMQ node on loopback, with a cookie, a port mapper and folders of its own.

RABBIT_USER=accessplane

rabbit_amqp() { printf 'amqp://%s:%s@127.0.0.1:%s/' "$RABBIT_USER" "$(secret rabbitmq)" "$PORT_AMQP"; }
rabbit_api() { printf 'http://%s:%s@127.0.0.1:%s' "$RABBIT_USER" "$(secret rabbitmq)" "$PORT_RABBIT_API"; }

rabbit_answers() { http_ok "$(rabbit_api)/api/health/checks/port-listener/$PORT_AMQP"; }

rabbit_environment() {
  local folder=$RUN/rabbitmq
  printf '%s\n' \
    HOME="$folder/home" \
    ERL_EPMD_PORT="$PORT_EPMD" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="accessplane$PORT_AMQP@localhost" \
    RABBITMQ_DIST_PORT="$PORT_ERLANG" \
    RABBITMQ_MNESIA_BASE="$folder/mnesia" \
    RABBITMQ_LOG_BASE="$folder/log" \
    RABBITMQ_PID_FILE="$folder/pid" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins" \
    RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" \
    RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_ADVANCED_CONFIG_FILE="$folder/none" \
    RABBITMQ_ALLOW_INPUT=1 RABBITMQ_SERVER_START_ARGS=-noinput \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
}

start_rabbitmq() {
  local folder=$RUN/rabbitmq environment
  running rabbitmq && return 0
  port_free "$PORT_AMQP" RabbitMQ ACCESSPLANE_PORT_AMQP
  port_free "$PORT_RABBIT_API" "RabbitMQ's management" ACCESSPLANE_PORT_RABBIT_API
  port_free "$PORT_ERLANG" "RabbitMQ's node" ACCESSPLANE_PORT_ERLANG
  mkdir -p "$folder"/{home,mnesia,log}
  chmod 700 "$folder"
  printf '[rabbitmq_management].\n' >"$folder/enabled_plugins"
  cat >"$folder/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$PORT_AMQP
management.tcp.ip = 127.0.0.1
management.tcp.port = $PORT_RABBIT_API
management_agent.disable_metrics_collector = false
management.rates_mode = none
default_user = $RABBIT_USER
default_pass = $(secret rabbitmq)
disk_free_limit.absolute = 100MB
max_message_size = 33554432
log.file.level = info
log.console = true
CONF
  chmod 600 "$folder/rabbitmq.conf"
  mapfile -t environment < <(rabbit_environment)
  # the node would start a port mapper that outlives it: ours is started, and later stopped, by us
  if ! running epmd; then
    port_free "$PORT_EPMD" "Erlang's port mapper" ACCESSPLANE_PORT_EPMD
    launch epmd epmd -address 127.0.0.1 -port "$PORT_EPMD"
  fi
  launch rabbitmq env "${environment[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server
  wait_for rabbitmq 240 rabbit_answers
}

# rabbit_alarm alarm|calm: returns when the node has it, or has it no more
rabbit_alarm() {
  local environment limit
  mapfile -t environment < <(rabbit_environment)
  limit=$([[ $1 == alarm ]] && echo 0 || echo 0.4)
  env "${environment[@]}" /usr/lib/rabbitmq/bin/rabbitmqctl --quiet set_vm_memory_high_watermark "$limit"
  wait_for rabbitmq 180 rabbit_is "$1"
}

rabbit_is() {
  if http_ok "$(rabbit_api)/api/health/checks/local-alarms"; then [[ $1 == calm ]]; else [[ $1 == alarm ]]; fi
}

stop_rabbitmq() {
  stop rabbitmq TERM 40
  stop epmd
}
