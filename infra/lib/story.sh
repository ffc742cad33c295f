# shellcheck shell=bash
# How the demo tells its story: headings, what is said to the API and what it answers, and checks that stop the story when something did not happen.

STEP='before the story'
story_failed() {
  printf '\n%s✗ the story stopped at: %s%s\n' "$RED$BOLD" "$STEP" "$PLAIN"
  printf '  logs: %s\n' "$RUN/logs"
}

chapter() {
  STEP="$1"
  printf '\n%s━━ %s %s\n' "$BOLD$CYAN" "$1" "$PLAIN"
}
tell() { printf '%s%s%s\n' "$DIM" "$*" "$PLAIN"; }
did() { printf '%s✓%s %s\n' "$GREEN" "$PLAIN" "$*"; }
did_not() {
  printf '%s✗ %s%s\n' "$RED" "$*" "$PLAIN" >&2
  exit 1
}
indent() { sed 's/^/  /'; }

# as NAME: that person's token, fetched when it is wanted (they live ten minutes)
as() { "$ROOT/infra/token" "$@"; }

# Says to the API as somebody, shows question and answer; the answer's body and status are left in ANSWER and STATUS.
ANSWER='' STATUS=''
call() {
  local who=$1 method=$2 path=$3 body=${4:-} show=${5:-.} arguments=()
  printf '%s%s%s %s %s %s\n' "$YELLOW" "$who" "$PLAIN" "$method" "$path" "$DIM$body$PLAIN"
  if [[ -n $body ]]; then arguments=(-H 'Content-Type: application/json' --data "$body"); fi
  ANSWER=$(curl -sS --max-time 60 -w '\n%{http_code}' -X "$method" -H @<(printf 'Authorization: Bearer %s\n' "$(as "$who")") \
    "${arguments[@]}" "$ACCESSPLANE_URL$path") || did_not "the control plane did not answer"
  STATUS=${ANSWER##*$'\n'}
  ANSWER=${ANSWER%$'\n'*}
  [[ -z $show ]] || jq "${JQ_COLOUR[@]}" -c "$show" <<<"$ANSWER" | sed "s/^/  $STATUS /"
}
JQ_COLOUR=()
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then JQ_COLOUR=(-C); fi

# expect STATUS: of the last call
expect() { [[ $STATUS == "$1" ]] || did_not "expected $1, the answer was $STATUS: $ANSWER"; }
# field JQ-EXPRESSION [WHERE]: of the last answer, or of the text given
field() { jq -er "$1" <<<"${2-$ANSWER}" || did_not "the answer has no $1: ${2-$ANSWER}"; }

# eventually SECONDS WHAT COMMAND…: waits for a condition, never for a time
eventually() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || did_not "$what: not within the time it may take"
    sleep 0.05
  done
}

# quietly NAME PATH: a call that is not part of the tale
quietly() { api "$(as "$1")" GET "$2"; }

# ticket_url ENV-NAME GRANT: takes a ticket and leaves its URL
TICKET_URL=''
ticket() {
  local who=$1 grant=$2 connections=${3:-1}
  call "$who" POST "/v1/grants/$grant/tickets" "{\"connections\":$connections}" '{username, password: "(shown once)", host, port, database, expiresAt}'
  expect 201
  TICKET_URL=$(field .url)
}

# stock psql, with what it prints as it prints it
run_psql() { PGCONNECT_TIMEOUT=15 psql -X "$@" 2>&1; }
direct() { psql -X -Atq "$ORDERS_DIRECT_URL" -c "$1"; }

# here PATH: as it is typed where one is
here() { printf '%s' "${1/#$PWD\//}"; }

# what can be done while everything runs: each line can be pasted, the addresses into a browser
look_around() {
  local comment=$DIM#
  cat <<END
  source $(here "$RUN/env")
  curl -H "Authorization: Bearer \$($(here "$ROOT/infra/token") auditor)" $ACCESSPLANE_URL/v1/sessions | jq
  $(here "$ROOT/infra/approve") dba ${comment} approve from the queue yourself$PLAIN
  PGPASSWORD=\$($(here "$ROOT/infra/token") ci) psql "postgresql://orders-read@$ACCESSPLANE_PG_HOST:$ACCESSPLANE_PG_PORT/orders?sslmode=require"
  psql "\$LOG_DATABASE_URL" ${comment} the event log$PLAIN
  $(here "$COMMAND_LINE") login ${comment} the command line; --help in the place of login says what it can$PLAIN
  $ACCESSPLANE_URL/docs ${comment} the API, browsable$PLAIN
  $ACCESSPLANE_URL/console ${comment} the console: choose who you are; two browsers make two people$PLAIN
  $(here "$ROOT/infra/down") ${comment} ends what was started; --wipe forgets it$PLAIN
END
}
