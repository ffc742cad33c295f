# shellcheck shell=bash
# What is published against what is built: how large it is, how long it takes to be ready, and what it then holds in memory.

bench_publish() {
  local rounds=${1:-3} part built
  "$ROOT/infra/publish" >/dev/null
  for part in control-plane agent; do
    built=$CONTROL_PLANE
    if [[ $part == agent ]]; then built=$AGENT; fi
    bench_part "$part" "built" "$(dirname "$built")" "$rounds"
    bench_part "$part" "published" "$ROOT/artifacts/publish/$part" "$rounds"
  done
}

# bench_part PART CALLED FOLDER ROUNDS: the part is ended and started from that folder, each time with its state as it is
bench_part() {
  local part=$1 called=$2 folder=$3 rounds=$4 name=$1 begun times='' memory='' round
  [[ $part == agent ]] && name=orders-agent
  for ((round = 0; round < rounds; round++)); do
    stop "$name"
    begun=$(now_ms)
    CONTROL_PLANE=$folder/accessplane-control-plane AGENT=$folder/accessplane-agent "start_${part//-/_}" 2>/dev/null
    times+="$(($(now_ms) - begun))"$'\n' memory+="$(resident "$(ours "$name")")"$'\n'
  done
  printf '%s, %s: %s MiB on the disk, ready after %s ms, %s MiB in memory (medians of %s)\n' "$part" "$called" \
    "$(du -sm "$folder" | cut -f 1)" "$(printf '%s' "$times" | median)" "$(($(printf '%s' "$memory" | median) / 1024))" "$rounds"
  result "$part, $called" "disk MiB=$(du -sm "$folder" | cut -f 1)" "ready ms=$(printf '%s' "$times" | median)" "memory MiB=$(($(printf '%s' "$memory" | median) / 1024))"
}
