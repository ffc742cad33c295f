# shellcheck shell=bash
# What every benchmark shares: a world of its own, a right to use, medians, results.

# bench_begin PART [ARGUMENT…]
bench_begin() {
  ASKED=("$@") BEGAN=$(date -u +%Y-%m-%dT%H:%M:%SZ) LOAD=$(cut -d ' ' -f 1 /proc/loadavg)
  trap bench_end EXIT
  "$ROOT/infra/up" >/dev/null
  set_ports
  source "$RUN/env"
  WORK=$(mktemp -d "$RUN/bench.XXXXXX")
  AGENT_PASSWORD=$(secret accessplane_agent)
  # approved by the policy itself
  AS=engineer
  GRANT=$(granted engineer orders-read)
}

bench_end() {
  local status=$?
  trap - EXIT
  write_results "$status" || status=1
  jobs -p | xargs -r kill 2>/dev/null || true
  stop pgbouncer
  stop haproxy
  rm -rf "${WORK:-}"
  "$ROOT/infra/down" >/dev/null 2>&1 || true
  exit "$status"
}

# result NAME KEY=VALUE…: something that was measured and its figures, for the table and the file at the end; PART is whose it is
PART=''
result() {
  jq -cn --arg part "$PART" --arg name "$1" '
    {$part, $name} + ($ARGS.positional | map(capture("^(?<key>[^=]+)=(?<value>.*)$"; "s") | .value = (.value as $value | try ($value | tonumber) catch $value)) | from_entries)' \
    --args "${@:2}" >>"$WORK/results"
}

# write_results STATUS: of what was measured, also where not all of it could be
write_results() {
  [[ -s ${WORK:-}/results ]] || return 0
  local file=$RUN/results/${ASKED[0]}.json changed=false
  mkdir -p "$RUN/results"
  if [[ -n $(git -C "$ROOT" status --porcelain 2>/dev/null) ]]; then changed=true; fi
  jq -n --slurpfile results "$WORK/results" --arg part "${ASKED[0]}" --arg date "$BEGAN" --arg commit "$(git -C "$ROOT" rev-parse HEAD 2>/dev/null)" \
    --argjson changed "$changed" --argjson complete "$([[ $1 == 0 ]] && echo true || echo false)" --argjson processors "$(nproc)" --argjson load "$LOAD" '
    {$part, arguments: $ARGS.positional, $date, $commit, $changed, $complete, $processors, loadBefore: $load, $results}' --args "${ASKED[@]:1}" >"$file.new"
  mv "$file.new" "$file"
  printf '\n'
  jq -r -f "$ROOT/infra/lib/bench-results.jq" "$file"
  printf '\n%s\n' "${file#"$ROOT"/}"
}

direct() { psql -X -Atq -v ON_ERROR_STOP=1 "$ORDERS_DIRECT_URL" -c "$1"; }

in_log() { psql -X -Atq -v ON_ERROR_STOP=1 "$LOG_DATABASE_URL" -c "$1"; }
spool_is_empty() { [[ -z $(find "$RUN/orders-agent/state/spool" -name '*.transcript' -print -quit) ]]; }

# granted WHO ENTITLEMENT: a grant, of something that the policy itself approves
granted() {
  api "$(as "$1")" POST /v1/requests -H 'Content-Type: application/json' --data "{\"entitlement\":\"$2\",\"duration\":\"PT1H\",\"reason\":\"bench\"}" | jq -er .grantId
}

# bench_policy SED-ARGUMENT…: the demo's policy, changed; whoever comes next finds the one of before again
bench_policy() {
  sed "$@" "$RUN/policy.yaml" >"$WORK/policy.yaml"
  rm -f "$RUN/policy.published"
  api "$(as admin)" PUT /v1/policies -H 'Content-Type: application/yaml' --data-binary "@$WORK/policy.yaml" >/dev/null
}

# agent_url CONNECTIONS: a ticket's address, of the grant GRANT, which AS holds; the agent may have fallen behind for a moment
agent_url() {
  for _ in {1..20}; do
    api "$(as "$AS")" POST "/v1/grants/$GRANT/tickets" -H 'Content-Type: application/json' \
      --data "{\"connections\":$1,\"database\":\"orders\"}" 2>"$WORK/ticket" | jq -er '(.url | sub("\\?.*"; "")) + "?sslmode=disable"' && return 0
    sleep 0.3
  done
  cat "$WORK/ticket" >&2
  die "no ticket"
}

# pgbench_tables SCALE: made anew
pgbench_tables() {
  direct 'DROP TABLE IF EXISTS pgbench_accounts CASCADE' 2>/dev/null # views of a run before read it
  pgbench -i -q -s "$1" "$ORDERS_DIRECT_URL" >/dev/null 2>&1
}

# ratio A B
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.3f", b ? a / b : 0}'; }
# quantile Q: of the numbers that come in, one a line
quantile() { sort -n | awk -v q="$1" '{v[NR] = $1} END {i = int(NR * q); print v[i < 1 ? 1 : i]}'; }
# how far the least and the most lie apart, of the median
spread() { sort -n | awk '{v[NR] = $1} END {m = v[int((NR + 1) / 2)]; printf "%.2f", m ? (v[NR] - v[1]) / m : 0}'; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# what the agent used so far: processorMilliseconds, allocatedBytes
usage() { curl -fsS "$(agent_health_url)/health/usage"; }

# of a process, seen from outside
resident() { awk '/VmRSS/ {print $2}' "/proc/$1/status"; }
files_of() { find "/proc/$1/fd" -mindepth 1 -printf x 2>/dev/null | wc -c; }
holds_files_at_most() { (($(files_of "$1") <= $2)); }
