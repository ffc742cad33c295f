# shellcheck shell=bash
# The log and what is made of it: appends against a bare INSERT, transcripts from the agent's spool to where they are searched, read models made anew.

bench_log() {
  local seconds=${1:-5} rounds=${2:-3}
  log_appends "$seconds" "$rounds"
  log_ingest "$((seconds * 2))"
  log_rebuild "$rounds"
}

# ---- appends: the statement that the event store sends, by pgbench, in a database of its own beside the log ------------------------------------------

log_appends() {
  local seconds=$1 rounds=$2 what writers round
  APPENDS=${LOG_DATABASE_URL%/*}/bench_appends
  in_log 'DROP DATABASE IF EXISTS bench_appends' 2>/dev/null
  in_log 'CREATE DATABASE bench_appends'
  psql -X -q -v ON_ERROR_STOP=1 "$APPENDS" -f "$ROOT/ControlPlane/EventStore/Schema.sql" >/dev/null 2>&1
  psql -X -q -v ON_ERROR_STOP=1 "$APPENDS" -c 'CREATE TABLE accessplane.floor (LIKE accessplane.mt_events INCLUDING ALL); CREATE SEQUENCE accessplane.floor_sequence'
  local data="'{\"by\": {\"issuer\": \"https://idp.example\", \"subject\": \"dba\", \"name\": \"Dana Dba\", \"kind\": \"person\", \"groups\": [\"dba\"]}, \"why\": \"bench\"}'"
  cat >"$WORK/floor.sql" <<END
INSERT INTO accessplane.floor (seq_id, id, stream_id, version, data, type, mt_dotnet_type, correlation_id, headers)
VALUES (nextval('accessplane.floor_sequence'), gen_random_uuid(), md5(:round || '/' || :client_id)::uuid, :version, $data, 'grant_revoked', 'bench', 'bench', '{}');
\\set version :version + 1
END
  cat >"$WORK/append.sql" <<END
SELECT outcome, position FROM accessplane.ap_append(ARRAY[md5(:round || '/' || :client_id)::uuid], ARRAY['grant'], ARRAY[:version::bigint], ARRAY[1],
  ARRAY[gen_random_uuid()], ARRAY['grant_revoked'], ARRAY['bench'], ARRAY[$data], now(), 'bench', NULL, '{}', NULL);
\\set version :version + 1
END
  printf '%-24s %12s %12s %10s %12s\n' 'events a second' 'bare INSERT' append ratio 'append, ms'
  for writers in 1 16; do
    for what in floor append latency; do : >"$WORK/$what"; done
    for ((round = 0; round < rounds; round++)); do
      for what in floor append; do
        pgbench -n -M prepared -f "$WORK/$what.sql" -D "round=$writers$round" -D "version=0" -c "$writers" -j 1 -T "$seconds" "$APPENDS" >"$WORK/out" 2>"$WORK/error" ||
          { cat "$WORK/error" >&2; die "the appends failed ($what)"; }
        awk '/^tps/ {print $3}' "$WORK/out" | grep . >>"$WORK/$what" || die "nothing was appended within $seconds s ($what)"
        if [[ $what == append ]]; then awk '/^latency average/ {print $4}' "$WORK/out" >>"$WORK/latency"; fi
      done
    done
    set -- "$(median <"$WORK/floor")" "$(median <"$WORK/append")" "$(median <"$WORK/latency")"
    printf '%-24s %12.0f %12.0f %10.2f %12.2f\n' "$writers writers" "$1" "$2" "$(ratio "$2" "$1")" "$3"
    result "append one event, $writers writers" "floor a second=$1" "a second=$2" "of floor=$(ratio "$2" "$1")" "mean ms=$3" "spread=$(spread <"$WORK/append")"
  done
  in_log 'DROP DATABASE bench_appends'
}

# ---- ingest: what was recorded while the control plane was away, until all of it can be searched -------------------------------------------------------

log_ingest() {
  local seconds=$1 url since recorded begun ready count=0 first=0 first_at=0 spool
  pgbench_tables 5
  direct 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO accessplane_agent'
  # the lease outlasts the absence
  bench_policy -e 's/max-connections: 50 }/max-connections: 1000 }/' -e 's/freeze-after: 10s/freeze-after: 30m/' -e 's/kill-after: 5m/kill-after: 1h/'
  GRANT=$(granted engineer orders-read)
  url=$(agent_url 18)
  eventually 60 'the transcripts to be in the log' spool_is_empty
  since=$(date -u +%Y-%m-%dT%H:%M:%S)
  stop control-plane
  pgbench -n -S -M prepared -c 16 -j 1 -T "$seconds" "$url" >"$WORK/out" 2>"$WORK/error" || { cat "$WORK/error" >&2; die 'pgbench failed while the control plane was away'; }
  recorded=$(awk '/actually processed/ {split($6, n, "/"); print n[1]}' "$WORK/out")
  spool=$(du -sm "$RUN/orders-agent/state/spool" | cut -f 1)
  begun=$(now_ms)
  start_control_plane
  ready=$(now_ms)
  while ((count < recorded)); do
    (($(now_ms) - ready < 600000)) || die "only $count of $recorded operations can be searched after ten minutes"
    count=$(in_log "SELECT count(*) FROM accessplane.p_operations WHERE at >= '$since'")
    if ((count > 0 && first_at == 0)); then first=$count first_at=$(now_ms); fi
    sleep 0.5 # each look costs the log's server a count of all that is there
  done
  set -- "$(awk -v n="$recorded" -v ms="$(($(now_ms) - begun))" 'BEGIN {printf "%.0f", n / ms * 1000}')" \
    "$(awk -v n="$((count - first))" -v ms="$(($(now_ms) - first_at))" 'BEGIN {printf "%.0f", n / ms * 1000}')"
  printf 'ingest: %s operations, %s MiB in the spool; %s a second from the start of the control plane on, %s a second once they came in\n' "$recorded" "$spool" "$1" "$2"
  result "ingest of $recorded operations" "spool MiB=$spool" "a second, from start=$1" "a second=$2" "first after ms=$((first_at - begun))"
}

# ---- read models made anew, from the log as it is ------------------------------------------------------------------------------------------------------

log_rebuild() {
  local rounds=$1 name types events rows begun times round
  for name in operations sessions ruling-bases; do
    times=''
    for ((round = 0; round < rounds; round++)); do
      begun=$(now_ms)
      api "$(as admin)" POST "/v1/projections/$name/rebuild" --max-time 1800 >/dev/null
      times+="$(($(now_ms) - begun))"$'\n'
    done
    case $name in
      sessions) types="type IN ('session_opened', 'session_closed', 'session_terminated', 'session_lost', 'transcript_recorded')" ;;
      *) types="type = 'transcript_recorded'" ;;
    esac
    events=$(in_log "SELECT count(*) FROM accessplane.mt_events WHERE $types")
    rows=$(in_log "SELECT count(*) FROM accessplane.p_${name//-/_}")
    set -- "$(printf '%s' "$times" | median)"
    printf 'made anew: %s, %s rows of %s events: %s ms, %.0f rows and %.0f events a second\n' "$name" "$rows" "$events" "$1" "$((rows * 1000 / $1))" "$((events * 1000 / $1))"
    result "rebuild of $name" "events=$events" "rows=$rows" "ms=$1" "events a second=$((events * 1000 / $1))" "rows a second=$((rows * 1000 / $1))"
  done
}
