# shellcheck shell=bash
# What every script here shares: strict mode, paths, ports, words for the terminal, processes that are ours, waiting on conditions.
# Sourced, never run. Settings from the environment:
#   ACCESSPLANE_RUN        folder of all run-time state (default: .run)
#   ACCESSPLANE_PORT_BASE  first of the eleven ports used (default 17400); each has a name of its own too, see PORTS

set -Eeuo pipefail
umask 022
export DOTNET_TieredPGO=0 # a compiler that watches itself at work to become faster takes two thirds more time for what is built here

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
RUN=${ACCESSPLANE_RUN:-$ROOT/.run}

# Below 32768, where the kernel starts to hand out ports to outgoing connections: a port up there may be taken at any moment.
PORTS=(HTTP LOG ORDERS AMQP RABBIT_API ERLANG EPMD IDP AGENT AGENT_HEALTH CRM)
set_ports() {
  local base=${ACCESSPLANE_PORT_BASE:-17400} name given index=0
  for name in "${PORTS[@]}"; do
    given=ACCESSPLANE_PORT_$name
    printf -v "PORT_$name" '%s' "${!given:-$((base + index))}"
    index=$((index + 1))
  done
  # without a word from the environment: as the last start had them
  if [[ -s $RUN/ports && -z $(compgen -e ACCESSPLANE_PORT_) ]]; then source "$RUN/ports"; fi
}
PORT_HTTP='' PORT_LOG='' PORT_ORDERS='' PORT_AMQP='' PORT_RABBIT_API='' PORT_ERLANG='' PORT_EPMD='' PORT_IDP='' PORT_AGENT='' PORT_AGENT_HEALTH='' PORT_CRM=''
set_ports
# of the tests alone, and so not among those that a state is bound to
PORT_POSTGRES_18=${ACCESSPLANE_PORT_POSTGRES_18:-$((PORT_HTTP + ${#PORTS[@]}))}

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' CYAN=$'\e[36m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' GREEN='' YELLOW='' CYAN='' PLAIN=''
fi
export BOLD DIM RED GREEN YELLOW CYAN PLAIN

say() { printf '%s\n' "$*" >&2; }
step() { printf '%s▸%s %s\n' "$CYAN" "$PLAIN" "$*" >&2; }
good() { printf '%s✓%s %s\n' "$GREEN" "$PLAIN" "$*" >&2; }
die() {
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

now_ms() { printf '%s' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# Run-time state holds passwords and keys: closed to other users. Servers that run as another user get folders of their own inside.
prepare_run() {
  mkdir -p "$RUN"/{pids,logs,secrets}
  chmod 711 "$RUN"
  chmod 700 "$RUN/secrets"
  local name variable ports=''
  for name in "${PORTS[@]}"; do
    variable=PORT_$name
    ports+="$variable=${!variable}"$'\n'
  done
  [[ -s $RUN/ports && $(<"$RUN/ports")$'\n' == "$ports" ]] && return 0
  for name in "$RUN"/pids/*; do
    if running "${name##*/}"; then die "what runs in $RUN has other ports: run infra/down first"; fi
  done
  # the agent was told at its enrolment where the broker is
  if [[ -s $RUN/orders-agent/state/enrolment.json ]]; then die "the state in $RUN was made with other ports: use those, or infra/down --wipe first"; fi
  printf '%s' "$ports" >"$RUN/ports"
}

# secret NAME: a password made once and kept.
secret() {
  local file=$RUN/secrets/$1
  if [[ ! -s $file ]]; then
    (umask 077 && openssl rand -hex 20 >"$file.new" && mv "$file.new" "$file")
  fi
  cat "$file"
}

# ---- processes -------------------------------------------------------------------------------------------------------------------------------

# When the process began, in clock ticks since boot: with the pid it names one process for ever, a pid alone may be anybody's by now.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # fields
  set -- $stat
  [[ $1 != Z ]] || return 1
  printf '%s' "${20}"
}

# ours NAME: prints the pid of the process we started under that name, or fails when there is none (any more).
ours() {
  local pid begun
  [[ -s $RUN/pids/$1 ]] || return 1
  read -r pid begun <"$RUN/pids/$1"
  # of what ended before it could be looked at nobody knows when it began
  [[ -n $begun && $(started_at "$pid") == "$begun" ]] || return 1
  printf '%s' "$pid"
}

running() { ours "$1" >/dev/null; }

# launch NAME COMMAND…: in the background, detached from the terminal (Ctrl-C here does not end it), output to a log.
launch() {
  local name=$1 pid
  shift
  if [[ -s $RUN/logs/$name.log ]]; then mv "$RUN/logs/$name.log" "$RUN/logs/$name.log.1"; fi
  (
    # what else is open here (a lock, somebody's pipe) must not stay open for as long as the server lives
    for fd in /proc/"$BASHPID"/fd/*; do
      fd=${fd##*/}
      ((fd < 3 || fd == 255)) || eval "exec $fd>&-"
    done
    exec setsid "$@"
  ) >"$RUN/logs/$name.log" 2>&1 </dev/null &
  pid=$!
  printf '%s %s\n' "$pid" "$(started_at "$pid" || true)" >"$RUN/pids/$name"
  disown "$pid"
}

# stop NAME [SIGNAL [SECONDS]]: asks, waits until it is gone, insists. Never touches a process that is not ours.
stop() {
  local name=$1 signal=${2:-TERM} patience=${3:-20} pid deadline
  if pid=$(ours "$name"); then
    kill -s "$signal" "$pid" 2>/dev/null || true
    deadline=$((SECONDS + patience))
    while running "$name"; do
      if ((SECONDS >= deadline)); then
        say "$name did not stop within $patience s: killed"
        kill -s KILL "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 10))
      fi
      sleep 0.05
    done
  fi
  rm -f "$RUN/pids/$name"
}

show_log() {
  if [[ -s $RUN/logs/$1.log ]]; then
    say "${DIM}last lines of $RUN/logs/$1.log:"
    tail -n 25 "$RUN/logs/$1.log" | sed 's/^/  /' >&2
    say "$PLAIN"
  fi
}

# wait_for NAME SECONDS CONDITION…: until the condition holds. The server's end, or the time-out, fails with its last words.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2)) begun
  begun=$(now_ms)
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! running "$name"; then
      show_log "$name"
      die "$name ended while starting"
    fi
    if ((SECONDS >= deadline)); then
      show_log "$name"
      die "$name is not ready in time"
    fi
    sleep 0.1
  done
  good "$name is ready ${DIM}($(($(now_ms) - begun)) ms)${PLAIN}"
}

# ---- ports -----------------------------------------------------------------------------------------------------------------------------------

# listening PORT: whether any process listens there, on any address (from /proc: no tool needed).
listening() {
  local hex
  hex=$(printf '%04X' "$1")
  awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# port_free PORT WHAT VARIABLE: fails with a clear line when somebody else sits there.
port_free() {
  if listening "$1"; then
    die "port $1, wanted for $2, is in use by another process: stop that one, or set $3 (or ACCESSPLANE_PORT_BASE) to a free port"
  fi
}

# Who listens where: a process of ours, the name of its port, what people call it.
LISTENERS=(
  "rabbitmq AMQP RabbitMQ"
  "rabbitmq RABBIT_API RabbitMQ's management"
  "rabbitmq ERLANG RabbitMQ's node"
  "epmd EPMD Erlang's port mapper"
  "postgres-log LOG postgres-log"
  "postgres-orders ORDERS postgres-orders"
  "idp IDP the identity provider"
  "control-plane HTTP the control plane"
  "orders-agent AGENT the agent"
  "orders-agent CRM the agent"
  "orders-agent AGENT_HEALTH the agent's health"
)

# ports_free NAME…: the same for every port of those that do not run, before anything is done. Each of them looks again when it starts.
ports_free() {
  local name listener process port what variable
  for name in "$@"; do
    if running "$name"; then continue; fi
    for listener in "${LISTENERS[@]}"; do
      read -r process port what <<<"$listener"
      variable=PORT_$port
      if [[ $process == "$name" ]]; then port_free "${!variable}" "$what" "ACCESSPLANE_PORT_$port"; fi
    done
  done
}

http_ok() { curl -fsS -o /dev/null --max-time 2 "$1"; }
