# shellcheck shell=bash
# What idle sessions cost the agent, and what is left of them when they are gone.

bench_idle() {
  local sessions=${1:-2000} pid before after files opened=0 batch each
  pid=$(ours orders-agent)
  # in microseconds no more than an int holds: with more pgbench would spin
  printf '\\sleep 2000 s\n' >"$WORK/idle.sql"
  idle_open 48 # so that what the first sessions alone cost is not counted
  before=$(resident "$pid") files=$(files_of "$pid")
  while ((opened < sessions)); do
    batch=$((sessions - opened < 48 ? sessions - opened : 48))
    idle_open "$batch"
    opened=$((opened + batch))
  done
  after=$(resident "$pid")
  each=$(awk -v a="$after" -v b="$before" -v n="$sessions" 'BEGIN {printf "%.1f", (a - b) / n}')
  printf 'idle sessions: %s   agent before: %s KiB   with them: %s KiB   each: %s KiB\n' "$sessions" "$before" "$after" "$each"
  jobs -p | xargs -r kill
  eventually 60 "no session to be open" open_sessions_at_most 0
  eventually 60 "the agent to have closed what it opened" holds_files_at_most "$pid" "$files"
  printf 'when they are gone: backends: 0   files and sockets: %s of %s before   agent: %s KiB\n' "$(files_of "$pid")" "$files" "$(resident "$pid")"
  result "$sessions sessions" "agent before, KiB=$before" "with them, KiB=$after" "each, KiB=$each" "afterwards, KiB=$(resident "$pid")"
}

IDLE=0
idle_open() {
  local url
  url=$(agent_url "$(($1 + 1))") # one more, that pgbench opens to look around
  pgbench -n -f "$WORK/idle.sql" -c "$1" -j 1 -T 2000 "$url" >/dev/null 2>&1 &
  IDLE=$((IDLE + $1))
  eventually 60 "$IDLE sessions" open_sessions_at_least "$IDLE"
}
open_sessions() { direct "SELECT count(*) FROM pg_stat_activity WHERE usename = 'accessplane_agent' AND application_name = 'pgbench'"; }
open_sessions_at_least() { (($(open_sessions) >= $1)); }
open_sessions_at_most() { (($(open_sessions) <= $1)); }
