# shellcheck shell=bash
# What idle sessions cost the agent.

bench_idle() {
  local sessions=${1:-2000} pid before after opened=0 batch url
  pid=$(ours orders-agent)
  printf '\\sleep 3600 s\n' >"$WORK/idle.sql"
  idle_open 48 # so that what the first sessions alone cost is not counted
  before=$(resident "$pid")
  while ((opened < sessions)); do
    batch=$((sessions - opened < 48 ? sessions - opened : 48))
    idle_open "$batch"
    opened=$((opened + batch))
  done
  after=$(resident "$pid")
  printf 'idle sessions: %s   agent before: %s KiB   after: %s KiB   each: %s KiB\n' "$sessions" "$before" "$after" \
    "$(awk -v a="$after" -v b="$before" -v n="$sessions" 'BEGIN {printf "%.1f", (a - b) / n}')"
}

IDLE=0
idle_open() {
  local url
  url=$(agent_url "$(($1 + 1))") # one more, that pgbench opens to look around
  pgbench -n -f "$WORK/idle.sql" -c "$1" -j 1 -T 3600 "$url" >/dev/null 2>&1 &
  IDLE=$((IDLE + $1))
  eventually 60 "$IDLE sessions" open_sessions "$IDLE"
}
open_sessions() { (($(direct "SELECT count(*) FROM pg_stat_activity WHERE usename = 'accessplane_agent' AND application_name = 'pgbench'") >= $1)); }

resident() { awk '/VmRSS/ {print $2}' "/proc/$1/status"; }
