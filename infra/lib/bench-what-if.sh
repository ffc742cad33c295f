# shellcheck shell=bash
# How long it takes to try a policy on what was recorded: the real endpoint, over a month of operations that are put into its read models directly, with
# facts as agents record them. A million of them takes less than a minute, and tells how far it is meanwhile; otherwise this fails.

bench_what-if() {
  local operations=${1:-1000000} version began took result progress masked
  version=$(api "$(as admin)" GET /v1/policies/current | jq -er .version)
  printf 'putting %s operations of 30 days in place...\n' "$operations"
  psql -X -q -v ON_ERROR_STOP=1 -v n="$operations" -v version="$version" -v mixed=false "$LOG_DATABASE_URL" -f "$ROOT/infra/lib/bench-what-if.sql" >/dev/null
  sed "s|\${OIDC_ISSUER}|$OIDC_ISSUER|g" "$ROOT/infra/demo-policy.yaml" | grep -v '^mode:' >"$WORK/candidate.yaml"
  # the last of these sections count: the document's own are taken out
  awk '/^[a-z]/ {skip = /^(guardrails|masks|limits):/} !skip' "$WORK/candidate.yaml" >"$WORK/try.yaml"
  cat >>"$WORK/try.yaml" <<'END'
guardrails:
  - { id: no-ddl, resource: orders, match: { statements: [drop, truncate, alter, grant] }, effect: deny }
  - { id: bulk-write, resource: orders, match: { statements: [update, delete], unbounded: true }, effect: hold, hold: { from: { groups: [dba] } } }
  - { id: risky, resource: orders, match: { risk: '>= 70' }, effect: hold, hold: { from: { groups: [dba] } } }
  - { id: files, resource: orders, match: { functions: ['pg_read_*', 'lo_*', 'dblink*'] }, effect: deny }
  - { id: seventh, resource: orders, match: { relations: ['shop.t*7'], access: write }, effect: deny }
masks:
  - { id: cards, resource: orders, columns: ['shop.t1.c1', '*.c3'], with: { keep-last: 4 } }
END
  began=$(date +%s.%N)
  curl -fsSN -X POST -H @<(printf 'Authorization: Bearer %s\n' "$(as auditor)") -H 'Content-Type: application/yaml' \
    --data-binary "@$WORK/try.yaml" "$ACCESSPLANE_URL/v1/policies/what-if?resource=orders&from=$(date -u -d '31 days ago' +%Y-%m-%dT%H:%M:%SZ)" >"$WORK/what-if.out" || die 'the policy was not tried'
  took=$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}')
  result=$(tail -n 1 "$WORK/what-if.out" | jq -ec .result) || die 'there is no result'
  (($(jq .judged <<<"$result") >= operations)) || die "not all were judged: $(jq -c 'del(.changes)' <<<"$result")"
  progress=$(grep -c progress "$WORK/what-if.out" || true)
  masked=$(jq '[.changes[] | select(.kind | test("mask"; "i"))] | length' <<<"$result")
  printf 'what-if: %s operations, %s different ones, %s would be ruled otherwise, %s lines of progress: %s s\n' "$(jq .operations <<<"$result")" \
    "$(jq .distinct <<<"$result")" "$(jq .changed <<<"$result")" "$progress" "$took"
  result "$(jq .operations <<<"$result") operations" "different=$(jq .distinct <<<"$result")" "changed=$(jq .changed <<<"$result")" "s=$took"
  ((progress > 1)) || die 'it told nobody how far it was'
  ((masked > 0)) || die "no column was masked, so that masks were not tried: $(jq -c 'del(.changes)' <<<"$result")"
  awk -v took="$took" 'BEGIN {exit took > 60}' || die "it took $took s, and should take 60 at most"
}
