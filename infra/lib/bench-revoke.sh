# shellcheck shell=bash
# How fast a right comes and goes, by the API that people use and by clients that have sessions.

bench_revoke() {
  local sessions=${1:-200} rounds=${2:-3} times=${3:-100} what
  install_packages python3-psycopg2
  bench_policy -e 's/max-connections: 50 }/max-connections: 10000 }/'
  # before it: what is compiled, and compiled better, is not measured
  revoke_run decide 150
  : >"$WORK/revoke"
  revoke_run decide "$times"
  revoke_run cut "$sessions" "$rounds"
  declare -A named=([request]='the request' [approve]='its approval' [ticket]='a ticket' [known]='from request to known at the agent' [session]='a session and its first answer'
    [all]='from request to first answer' [call]='the call that revokes' [cut]="from that call to the cut, $sessions idle sessions" [last]='until the last one is cut')
  printf '%-60s %10s %10s %10s\n' ms p50 p99 most
  for what in request approve ticket known session all call cut last; do
    set -- "$(revoke_of "$what" | median)" "$(revoke_of "$what" | quantile 0.99)" "$(revoke_of "$what" | quantile 1)"
    printf '%-60s %10.1f %10.1f %10.1f\n' "${named[$what]}" "$@"
    result "${named[$what]}" "p50 ms=$1" "p99 ms=$2" "most ms=$3" "of=$(revoke_of "$what" | wc -l)"
  done
}

revoke_run() { /usr/bin/python3 -B "$ROOT/infra/lib/bench-revoke.py" "$ACCESSPLANE_URL" "$@" >>"$WORK/revoke"; }
revoke_of() { awk -v w="$1" '$1 == w {print $2}' "$WORK/revoke"; }
