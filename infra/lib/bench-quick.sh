# shellcheck shell=bash
# A little of most parts, in about two minutes on a quiet machine: whether they work, and roughly what they find.

bench_quick() {
  part wire 2 1 'prepared simple' '1 8'
  part login 8 1
  part revoke 50 1 15
  part pathological 4 1 200 50
  part log 2 1
  part search 20000 8
}
