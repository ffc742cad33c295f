# shellcheck shell=bash
# How long the audit's search takes over what was recorded in a month, asked as an auditor asks: over HTTP, one question at a time. What is searched is put into
# the read models directly, in the tables and with the indexes that the product made, and taken out again at the end.

bench_search() {
  local operations=${1:-10000000} times=${2:-40} began version p50 p95 most found failed name
  version=$(api "$(as admin)" GET /v1/policies/current | jq -er .version)
  printf 'putting %s operations of 30 days in place...\n' "$operations"
  began=$SECONDS
  psql -X -q -v ON_ERROR_STOP=1 -v n="$operations" -v version="$version" -v mixed=true "$LOG_DATABASE_URL" -f "$ROOT/infra/lib/bench-what-if.sql" >/dev/null
  printf 'in place after %s s: %s with its indexes\n' "$((SECONDS - began))" "$(in_log "SELECT pg_size_pretty(pg_total_relation_size('accessplane.p_operations'))")"
  search_plans on
  printf '%-52s %10s %10s %10s %8s %8s\n' ms p50 p95 most found failed
  /usr/bin/python3 -B "$ROOT/infra/lib/bench-search.py" "$ACCESSPLANE_URL" "$times" |
    while read -r p50 p95 most found failed name; do
      printf '%-52s %10.1f %10.1f %10.1f %8.0f %8d\n' "$name" "$p50" "$p95" "$most" "$found" "$failed"
      result "$name" "p50 ms=$p50" "p95 ms=$p95" "most ms=$most" "found=$found" "failed=$failed"
    done
  search_plans off
  printf 'plans of what took longer than 100 ms: %s\n' "${RUN#"$ROOT"/}/logs/postgres-log.log"
  in_log 'TRUNCATE accessplane.p_sessions, accessplane.p_ruling_bases, accessplane.p_operations'
}

# search_plans on|off: for connections that are made from now on
search_plans() {
  if [[ $1 == on ]]; then
    in_log "ALTER DATABASE accessplane SET session_preload_libraries = 'auto_explain'"
    in_log 'ALTER DATABASE accessplane SET auto_explain.log_min_duration = 100'
    in_log 'ALTER DATABASE accessplane SET auto_explain.log_analyze = on'
    in_log 'ALTER DATABASE accessplane SET auto_explain.log_timing = off'
  else
    in_log 'ALTER DATABASE accessplane RESET ALL'
  fi
  stop control-plane
  start_control_plane
}
