# shellcheck shell=bash
# The development identity provider (infra/idp).

oidc_issuer() { printf 'http://127.0.0.1:%s' "$PORT_IDP"; }

start_idp() {
  running idp && return 0
  port_free "$PORT_IDP" "the identity provider" ACCESSPLANE_PORT_IDP
  secret idp-clients >/dev/null
  launch idp env PORT="$PORT_IDP" ISSUER="$(oidc_issuer)" KEYS="$RUN/secrets/idp-keys.json" CLIENT_SECRET_FILE="$RUN/secrets/idp-clients" \
    CONSOLE_URL="http://127.0.0.1:$PORT_HTTP/console" \
    node "$ROOT/infra/idp/server.mjs"
  wait_for idp 120 http_ok "$(oidc_issuer)/.well-known/openid-configuration"
}
