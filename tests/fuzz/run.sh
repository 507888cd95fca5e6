#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets and lets each start from its kept corpus.
#
#   run.sh [--seconds N] [--corpus FOLDER] [--build FOLDER] [--include FOLDER]... [--integer] [TARGET...]
#
# --seconds  for each target (default: 60); 0 only runs the corpus
# --corpus   where new inputs that reach new code are kept (default: a temporary folder)
# --include  a folder of system headers: CCCL, Eigen, nlohmann-json
# --integer  with clang's integer sanitizers instead: what wraps or narrows elsewhere than wraps.txt says fails
#
# With clang++ (CLANGXX names another) each target is linked with libFuzzer, the address and the
# undefined-behaviour sanitizer. Exit 77 where there is no libFuzzer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
seconds=60 found= build=
clang=${CLANGXX:-clang++}
includes=() targets=() sanitizers=(-fsanitize=fuzzer,address,undefined)
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift ;;
    --corpus) found=$2; shift ;;
    --build) build=$2; shift ;;
    --integer) sanitizers=(-fsanitize=fuzzer,integer,implicit-conversion "-fsanitize-ignorelist=$here/wraps.txt") ;;
    --include) includes+=(-isystem "$2"); shift ;;
    *) targets+=("$1") ;;
  esac
  shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "$build" ] || build=$work/build
mkdir -p "$build"

fuzzer=("${sanitizers[@]}" -fno-sanitize-recover=all)
printf '#include <cstdint>\n#include <cstddef>\nextern "C" int LLVMFuzzerTestOneInput(std::uint8_t const*, std::size_t) { return 0; }\n' \
  > "$work/probe.cpp"
if ! "$clang" "${fuzzer[@]}" "$work/probe.cpp" -o "$work/probe" > "$work/probe.log" 2>&1; then
  echo "no libFuzzer: $clang does not link one (Debian: clang and libclang-rt-dev)"
  exit 77
fi
if [ ${#targets[@]} -eq 0 ]; then
  for source in "$here"/*_fuzz.cpp; do
    targets+=("$(basename "$source" _fuzz.cpp)")
  done
fi
cache=
! command -v ccache > /dev/null || cache=ccache

fuzz() {  # TARGET: prints a line; returns 1 if it fails
  local target=$1 log=$build/$1.log program=$build/$1
  local corpus=$here/corpus/$1 units rate level=-O1
  # Of what includes Eigen or JSON's library files are read, and it takes 60 and 54 s to compile at -O1, 36 and 25 at -O0.
  case $target in checkpoint | convert) level=-O0 ;; esac
  if ! { $cache "$clang" -std=c++20 "$level" -g1 "${fuzzer[@]}" -I "$root/include" -I "$root/tests" -I "$root/examples" \
      "${includes[@]}" -c "$here/${target}_fuzz.cpp" -o "$program.o" &&
      "$clang" "${fuzzer[@]}" "$program.o" -pthread -o "$program"; } > "$log" 2>&1; then
    echo "FAILED $target: does not compile"
    grep -m 5 error: "$log" || true
    return 1
  fi
  local kept=${found:-$work/found}/$target
  mkdir -p "$kept" "$corpus"
  local limits=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096)
  [ "$seconds" -gt 0 ] || limits+=(-runs=0)
  if ! "$program" "${limits[@]}" -print_final_stats=1 -artifact_prefix="$build/$target-" "$kept" \
      "$corpus" > "$log" 2>&1; then
    echo "FAILED $target: $(grep -m 1 -E 'does not hold|ERROR|SUMMARY|runtime error' "$log" || echo 'see the log')"
    tail -n 30 "$log"
    return 1
  fi
  units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  echo "ok     $target: $units inputs in ${seconds} s, ${rate:-0} edges, 0 failures"
}

failed=0
for target in "${targets[@]}"; do
  fuzz "$target" || failed=1
done
exit $failed
