# shellcheck shell=bash
# The product itself: the control plane and one agent in front of the sample database, and the command line.

CONFIGURATION=${ACCESSPLANE_CONFIGURATION:-Release}
ARTIFACTS=$ROOT/artifacts/bin
if [[ -n ${ACCESSPLANE_PUBLISHED:-} ]]; then # the folder that infra/publish has filled
  CONTROL_PLANE=$ACCESSPLANE_PUBLISHED/control-plane/accessplane-control-plane
  AGENT=$ACCESSPLANE_PUBLISHED/agent/accessplane-agent
  COMMAND_LINE=$ACCESSPLANE_PUBLISHED/cli/accessplane
else
  CONTROL_PLANE=$ARTIFACTS/AccessPlane.ControlPlane/${CONFIGURATION,,}/accessplane-control-plane
  AGENT=$ARTIFACTS/AccessPlane.Agent/${CONFIGURATION,,}/accessplane-agent
  COMMAND_LINE=$ARTIFACTS/AccessPlane.Cli/${CONFIGURATION,,}/accessplane
fi

control_plane_url() { printf 'http://127.0.0.1:%s' "$PORT_HTTP"; }
agent_health_url() { printf 'http://127.0.0.1:%s' "$PORT_AGENT_HEALTH"; }

# build_product: only what changed since the last build; returns at once when nothing did, or when the caller has built (ACCESSPLANE_NO_BUILD).
build_product() {
  if [[ -n ${ACCESSPLANE_NO_BUILD:-} ]]; then
    [[ -x $CONTROL_PLANE && -x $AGENT ]] || die "there is no $CONTROL_PLANE or no $AGENT"
    return 0
  fi
  local stamp=$ROOT/artifacts/.built-$CONFIGURATION began=$SECONDS log=$RUN/logs/build.log project
  if [[ -e $stamp && -x $CONTROL_PLANE && -x $AGENT && -x $COMMAND_LINE && -z $(
    find "$ROOT"/{Contracts,Projections,ControlPlane,DataPlane.Agent,Cli,Directory.Build.props,Directory.Packages.props} -newer "$stamp" -type f -print -quit
  ) ]]; then
    return 0
  fi
  step "building AccessPlane ($CONFIGURATION)"
  for project in ControlPlane/AccessPlane.ControlPlane.csproj DataPlane.Agent/AccessPlane.Agent.csproj Cli/AccessPlane.Cli.csproj; do
    if ! dotnet build "$ROOT/$project" -c "$CONFIGURATION" -nologo -v quiet -clp:NoSummary >"$log" 2>&1; then
      { grep -E 'error' "$log" || tail -n 40 "$log"; } | sort -u | head -n 40 >&2
      die "the build failed: see $log"
    fi
  done
  # what runs is what was built
  stop orders-agent
  stop control-plane
  touch "$stamp"
  good "built in $((SECONDS - began)) s"
}

start_control_plane() {
  running control-plane && return 0
  port_free "$PORT_HTTP" "the control plane" ACCESSPLANE_PORT_HTTP
  mkdir -p "$RUN/control-plane"
  chmod 700 "$RUN/control-plane"
  launch control-plane env \
    HOME="$RUN/control-plane" DOTNET_ENVIRONMENT=Production Logging__LogLevel__Microsoft.AspNetCore=Warning \
    Urls="$(control_plane_url)" PublicUrl="$(control_plane_url)" \
    ConnectionStrings__Log="$(pg_npgsql postgres-log "$PORT_LOG" accessplane)" \
    Broker__Uri="$(rabbit_amqp)" Broker__ManagementUri="$(rabbit_api)" Broker__AgentUri="amqp://127.0.0.1:$PORT_AMQP/" \
    Keys__Path="$RUN/control-plane" Evidence__Checkpoints="$RUN/checkpoints" \
    Identity__Issuers__0__Issuer="$(oidc_issuer)" \
    Identity__Issuers__0__Audience=accessplane Identity__Issuers__0__ReviewAudience=accessplane-reviews \
    Identity__Issuers__0__Algorithms__0=RS256 \
    Identity__Issuers__0__GroupsClaim=groups Identity__Issuers__0__KindClaim=kind Identity__Issuers__0__DefaultKind=person \
    Identity__Issuers__0__EvidenceClaims__0=repository Identity__Issuers__0__EvidenceClaims__1=run_id \
    Roles__Admins__0=admins Roles__Auditors__0=auditors \
    Console__ClientId=console Console__ClientSecretFile="$RUN/secrets/idp-clients" CommandLine__ClientId=accessplane-cli \
    "$CONTROL_PLANE"
  wait_for control-plane 180 http_ok "$(control_plane_url)/health/ready"
}

# api TOKEN METHOD PATH [CURL-ARGUMENT…]: the answer's body; fails with the problem's text on anything but success.
api() {
  local token=$1 method=$2 path=$3 answer status
  shift 3
  answer=$(curl -sS --max-time 30 -w '\n%{http_code}' -X "$method" -H @<(printf 'Authorization: Bearer %s\n' "$token") \
    "$@" "$(control_plane_url)$path") || return 1
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  if [[ $status != 2* ]]; then
    say "$method $path answered $status: $(jq -r '[.detail, (.errors // {} | tostring)] | join(" ")' <<<"$answer" 2>/dev/null || printf '%s' "$answer")"
    return 1
  fi
  printf '%s' "$answer"
}

publish_policy() {
  local admin file=$RUN/policy.yaml
  sed "s,\${OIDC_ISSUER},$(oidc_issuer),g" "$ROOT/infra/demo-policy.yaml" >"$file.new"
  # once, and again when the file in infra changed: what an admin published since stays otherwise
  if [[ -e $RUN/policy.published ]] && cmp -s "$file.new" "$file"; then return 0; fi
  mv "$file.new" "$file"
  admin=$("$ROOT/infra/token" admin)
  api "$admin" PUT /v1/policies -H 'Content-Type: application/yaml' --data-binary "@$file" >/dev/null || die "the policy was refused"
  touch "$RUN/policy.published"
  good "published the policy (infra/demo-policy.yaml)"
}

start_agent() {
  local folder=$RUN/orders-agent admin invitation token=''
  running orders-agent && return 0
  port_free "$PORT_AGENT" "the agent" ACCESSPLANE_PORT_AGENT
  port_free "$PORT_CRM" "the agent" ACCESSPLANE_PORT_CRM
  port_free "$PORT_AGENT_HEALTH" "the agent's health" ACCESSPLANE_PORT_AGENT_HEALTH
  mkdir -p "$folder"
  chmod 700 "$folder"
  secret accessplane_agent >/dev/null
  jq -n --arg state "$folder/state" --arg controlPlane "$(control_plane_url)" --arg health "$(agent_health_url)" \
    --argjson orders "$PORT_AGENT" --argjson crm "$PORT_CRM" --argjson database "$PORT_ORDERS" --arg tls "$RUN/tls" --arg password "$RUN/secrets/accessplane_agent" \
    --arg upstreamTls "${ACCESSPLANE_UPSTREAM_TLS:-verify-full}" '{
    id: "orders-agent", $controlPlane, $state, $health,
    listeners: [ { resource: "orders", port: $orders }, { resource: "crm", port: $crm } ] | map({
      protocol: "postgresql", resource, address: "127.0.0.1", port, advertise: { host: "127.0.0.1", port },
      tls: { certificate: "\($tls)/server.pem", key: "\($tls)/server.key", required: false },
      upstream: { host: "localhost", port: $database, user: "accessplane_agent", passwordFile: $password, tls: $upstreamTls, rootCertificate: "\($tls)/ca.pem" }
    }) }' >"$folder/agent.json"
  if [[ ! -s $folder/state/enrolment.json ]]; then
    admin=$("$ROOT/infra/token" admin)
    invitation=$(api "$admin" POST /v1/agents -H 'Content-Type: application/json' --data '{"id":"orders-agent","resources":["orders","crm"]}') || die "the agent could not be invited"
    token=$(jq -er .token <<<"$invitation")
    # read by the agent alone, once: an environment variable would stay readable in /proc
    jq --arg token "$token" '.enrolmentToken = $token' "$folder/agent.json" >"$folder/agent.json.new"
    chmod 600 "$folder/agent.json.new"
    mv "$folder/agent.json.new" "$folder/agent.json"
  fi
  launch orders-agent env HOME="$folder" "$AGENT" "$folder/agent.json"
  wait_for orders-agent 180 http_ok "$(agent_health_url)/health/ready"
}

write_run_env() {
  (
    umask 077
    {
      printf 'export ACCESSPLANE_URL=%q\n' "$(control_plane_url)"
      printf 'export ACCESSPLANE_PG_HOST=%q\n' 127.0.0.1
      printf 'export ACCESSPLANE_PG_PORT=%q\n' "$PORT_AGENT"
      printf 'export ORDERS_DIRECT_URL=%q\n' "$(pg_url postgres-orders "$PORT_ORDERS" orders)"
      printf 'export LOG_DATABASE_URL=%q\n' "$(pg_url postgres-log "$PORT_LOG" accessplane)"
      printf 'export AMQP_URL=%q\n' "$(rabbit_amqp)"
      printf 'export OIDC_ISSUER=%q\n' "$(oidc_issuer)"
      printf '# the certificate that signs what listens here: for sslrootcert=\n'
      printf 'export ACCESSPLANE_CA=%q\n' "$RUN/tls/ca.pem"
    } >"$RUN/env.new"
    mv "$RUN/env.new" "$RUN/env"
  )
}

start_planes() {
  start_control_plane
  publish_policy
  start_agent
  write_run_env
}
