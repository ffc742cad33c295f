# shellcheck shell=bash
# What must be on the machine, and its installation where that is allowed. Nothing is installed that is already there.

# package → a proof that it is there
declare -A PROOFS=(
  [postgresql]='ls /usr/lib/postgresql/*/bin/postgres'
  [postgresql-contrib]='ls /usr/share/postgresql/*/extension/pgcrypto.control'
  [postgresql-client]='command -v psql'
  [rabbitmq-server]='test -x /usr/lib/rabbitmq/bin/rabbitmq-server'
  [libpg-query1504.0]='ls /usr/lib/*/libpg_query.so.15*'
  [openssl]='command -v openssl'
  [curl]='command -v curl'
  [jq]='command -v jq'
  [procps]='command -v ps'
  [util-linux]='command -v setpriv'
  [ca-certificates]='test -s /etc/ssl/certs/ca-certificates.crt'
  # for infra/bench only
  [pgbouncer]='test -x /usr/sbin/pgbouncer'
  [haproxy]='test -x /usr/sbin/haproxy'
  # for the tests only
  [python3-psycopg2]='/usr/bin/python3 -c "import psycopg2"'
  [libpostgresql-jdbc-java]='test -e /usr/share/java/postgresql.jar'
  [default-jdk-headless]='command -v javac'
  [chromium]='command -v chromium'
  [shellcheck]='command -v shellcheck'
  [systemd]='command -v systemd-analyze'
  [bsdutils]='command -v script'
  [zsh]='command -v zsh'
  [fish]='command -v fish'
  [prometheus]='command -v promtool'
  [kubernetes-client]='command -v kubectl'
  [libfaketime]='ls /usr/lib/*/faketime/libfaketime.so.1'
)
PRODUCT_PACKAGES=(postgresql postgresql-contrib postgresql-client rabbitmq-server libpg-query1504.0 openssl curl jq procps util-linux ca-certificates)
TEST_PACKAGES=(python3-psycopg2 libpostgresql-jdbc-java default-jdk-headless libfaketime chromium shellcheck systemd bsdutils zsh fish prometheus kubernetes-client)

# install_packages PACKAGE…: those that are missing, by apt where we may, otherwise one line that says what to install.
install_packages() {
  local missing=() package
  for package in "$@"; do
    bash -c "${PROOFS[$package]}" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ! have apt-get; then
    die "please install what Debian calls: ${missing[*]} (there is no apt-get here)"
  fi
  if ((EUID != 0)); then
    die "please install what is missing: sudo apt-get install ${missing[*]}"
  fi
  step "installing ${missing[*]}"
  apt_install "${missing[@]}"
  for package in "${missing[@]}"; do
    bash -c "${PROOFS[$package]}" >/dev/null 2>&1 || die "\`$package\` was installed, but what it should bring is not there: ${PROOFS[$package]}"
  done
}

# Debian's packages start their servers at once, on the default ports. That is not ours to do: while we install, a policy forbids starts.
# An installation that is killed leaves it, with what stood in its place beside it: the next one puts that back.
POLICY=/usr/sbin/policy-rc.d
OUR_POLICY=$'#!/bin/sh\n# of AccessPlane, while it installs packages\nexit 101'
is_there() { [[ -e $1 || -L $1 ]]; }
policy_is_ours() { [[ -f $POLICY && $(<"$POLICY") == "$OUR_POLICY" ]]; }
forbid_starts() {
  trap 'allow_starts' EXIT
  trap 'exit 130' INT TERM
  printf '%s\n' "$OUR_POLICY" >"$POLICY.accessplane-new"
  chmod 755 "$POLICY.accessplane-new"
  if is_there "$POLICY" && ! policy_is_ours; then mv "$POLICY" "$POLICY.accessplane"; fi
  mv "$POLICY.accessplane-new" "$POLICY"
}
allow_starts() {
  if policy_is_ours; then rm -f "$POLICY"; fi
  if is_there "$POLICY.accessplane" && ! is_there "$POLICY"; then mv "$POLICY.accessplane" "$POLICY"; fi
  rm -f "$POLICY.accessplane-new"
  trap - EXIT INT TERM
}

apt_install() (
  # a subshell: its traps are its own, whatever ends it
  log=$RUN/logs/apt.log
  mkdir -p "${log%/*}"
  export DEBIAN_FRONTEND=noninteractive
  forbid_starts
  apt-get update -qq >"$log" 2>&1 || say "apt-get update failed; trying with the lists that are there"
  if ! apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install: $* (see $log)"
  fi
)

check_dotnet() {
  have dotnet || die "the .NET SDK 10 is missing: https://dotnet.microsoft.com/download (or apt-get install dotnet-sdk-10.0 from Microsoft's packages)"
  dotnet --list-sdks | grep -q '^10\.' || die "the .NET SDK 10 is needed; here are: $(dotnet --list-sdks | awk '{ print $1 }' | paste -sd' ')"
}

check_node() {
  local version
  have node || die "Node.js 20 or newer is missing (Debian 12's own is 18): https://nodejs.org/"
  version=$(node --version)
  version=${version#v}
  ((${version%%.*} >= 20)) || die "Node.js 20 or newer is needed, here is $version (Debian 12's own is 18): https://nodejs.org/"
  have npm || die "npm is missing: it comes with Node.js from https://nodejs.org/"
}

# node_modules FOLDER: what its lock file says, installed once per state of that file.
node_modules() {
  local folder=$1 stamp
  stamp=$(sha256sum <"$folder/package-lock.json")
  if [[ $(cat "$folder/node_modules/.accessplane-lock" 2>/dev/null) != "$stamp" ]]; then
    step "npm ci in ${folder#"$ROOT"/}"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2) || die "npm ci failed in $folder"
    printf '%s' "$stamp" >"$folder/node_modules/.accessplane-lock"
  fi
}

install_product() {
  check_dotnet
  check_node
  install_packages "${PRODUCT_PACKAGES[@]}"
  node_modules "$ROOT/infra/idp"
  node_modules "$ROOT/infra/approver"
}

install_tests() {
  install_packages "${TEST_PACKAGES[@]}"
  node_modules "$ROOT/tests/EndToEnd/clients/node"
  install_postgres_18
}
