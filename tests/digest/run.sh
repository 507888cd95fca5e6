#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bugs: A13 B26 C2
# Builds digest.cpp and matrices.cpp with every compiler found and every flag that could change a float,
# and holds what each prints against expected.txt and matrices_expected.txt; what nibble refuses must be refused with its own message.
#
#   run.sh [--quick] [--cccl FOLDER] [COMPILER...]
#
# --quick    few flags, for each commit
# --cccl     where CCCL is, without which matrices.cpp is left out
# COMPILER   without one: all that are found; what one like aarch64-linux-gnu-g++ makes is run by qemu-aarch64
set -u
here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quick= cccl=
compilers=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=1 ;;
    --cccl) cccl=$2; shift ;;
    *) compilers+=("$1") ;;
  esac
  shift
done
if [ ${#compilers[@]} -eq 0 ]; then
  for name in g++-{11,12,13,14,15} clang++-{14,15,16,17,18,19,20} nvcc; do
    command -v $name > /dev/null && compilers+=($name)
  done
  for processor in aarch64 s390x; do
    command -v $processor-linux-gnu-g++ > /dev/null && command -v qemu-$processor > /dev/null && compilers+=($processor-linux-gnu-g++)
  done
  [ ${#compilers[@]} -gt 0 ] || compilers=("${CXX:-c++}")
fi

# Flags under which the digest must be the expected one.
# NIBBLE_HAS_LANES=0: the plain code, which is for hosts without vector types.
equal=("-O0 -DNIBBLE_HAS_LANES=0" "-O3 -march=native -ffp-contract=fast" "-O2 -frounding-math -fno-trapping-math")
[ -n "$quick" ] || equal+=(
  "-O0" "-O1" "-O2" "-O3" "-Os" "-O2 -DNDEBUG -march=native -ffp-contract=off" "-O2 -mfma -ffp-contract=on"
  "-O2 -fno-inline" "-O3 -march=native -mno-fma" "-O3 -funroll-loops -fno-strict-aliasing" "-O2 -std=c++2b"
  "-O2 -fsanitize=undefined -fno-sanitize-recover=all" "-O2 -flto" "-O2 -fno-exceptions -fno-rtti" "-O2 -m32 -msse2 -mfpmath=sse")
if [ -z "$quick" ] && grep -qsw avx512vl /proc/cpuinfo; then
  equal+=("-O3 -mavx512f -mavx512vl -ffp-contract=fast")
fi
# The same of nvcc, whose host half is the compiler that it finds.
equal_nvcc=("-O3" "-O0" "-O1" "-O2" "-O3 -Xcompiler=-march=native,-ffp-contract=fast" "--use_fast_math"
  "-ftz=true -prec-div=false -prec-sqrt=false -fmad=true" "-DNDEBUG -std=c++20" "-G")
# The same for other processors, interpreted.
equal_foreign=("-O2" "-O3 -ffp-contract=fast")
# Flags that a header may be unable to see: refused, or the expected digest.
equal_or_refused=()
[ -n "$quick" ] || equal_or_refused+=(
  "-O2 -fassociative-math -fno-signed-zeros -fno-trapping-math" "-O2 -freciprocal-math"
  "-O2 -fno-signed-zeros"
  "-O3 -march=native -fassociative-math -freciprocal-math -fno-signed-zeros -fno-trapping-math"
  "-O2 -m32 -mfpmath=387")
# Whole matrices take twenty times as long to compile: the flags that reach most.
matrices=("-O3 -march=native -ffp-contract=fast")
[ -n "$quick" ] || matrices+=("-O0" "-O2" "-O3 -march=native -mno-fma" "-O2 -DNDEBUG -std=c++2b" "-Os -m32 -msse2 -mfpmath=sse")
# Flags that must be refused.
refused=("-O2 -ffast-math")
[ -n "$quick" ] || refused+=("-Ofast" "-O2 -ffinite-math-only" "-O3 -ffast-math -march=native")

compile() {  # COMPILER FLAGS SOURCE PROGRAM
  local system=()
  [ -z "$cccl" ] || system=(-isystem "$cccl")
  # shellcheck disable=SC2086  # the flags are words
  case $1 in
    *nvcc) $1 -std=c++20 -arch=sm_90 -x cu -I "$include" $2 "$3" -o "$4" ;;
    *-linux-gnu-*) $1 -std=c++20 -static $2 -I "$include" "${system[@]}" "$3" -pthread -o "$4" ;;
    *) $1 -std=c++20 $2 -I "$include" "${system[@]}" "$3" -pthread -o "$4" ;;
  esac > "$4.log" 2>&1
}

build_and_run() {  # SOURCE CONTRACT COMPILER FLAGS: prints a line; returns 1 on a breach
  local source=$1 contract=$2 compiler=$3 flags=$4 out verdict runner=()
  local expected
  expected=$(<"$here/$([ "$source" = digest ] || echo "${source}_")expected.txt")
  out=$(mktemp -p "$work")
  [[ $compiler != *-linux-gnu-* ]] || runner=("qemu-${compiler%%-*}")
  if compile "$compiler" "$flags" "$here/$source.cpp" "$out"; then
    verdict=$("${runner[@]}" "$out") || verdict="exit status $?"
  elif grep -q "nibble keeps bits" "$out.log"; then
    verdict=refused
  elif ! compile "$compiler" "$flags" "$work/plain.cpp" "$out.plain"; then
    verdict="unavailable here"  # not even a program without nibble compiles
  else
    verdict="does not compile: $(head -n 1 "$out.log")"
  fi
  case $contract:$verdict in
    *:"unavailable here" | equal:"$expected" | any:"$expected" | any:refused | refused:refused) ;;
    *)
      echo "WRONG $compiler $flags: $source: $verdict"
      return 1 ;;
  esac
  echo "ok    $compiler $flags: $source: $verdict"
}
printf '#include <cerrno>\n#include <cstdio>\nint main() { return std::printf("plain\\n") < 0; }\n' > "$work/plain.cpp"
export -f compile build_and_run
export here include cccl work

{
  for compiler in "${compilers[@]}"; do
    case $compiler in
      *nvcc)
        for flags in "${equal_nvcc[@]}"; do printf '%s\0' digest equal "$compiler" "$flags"; done
        printf '%s\0' digest refused "$compiler" "-Xcompiler=-ffast-math"
        printf '%s\0' matrices equal "$compiler" "-O3"  # nvcc brings CCCL
        continue ;;
      *-linux-gnu-*)
        for flags in "${equal_foreign[@]}"; do printf '%s\0' digest equal "$compiler" "$flags"; done
        [ -z "$cccl" ] || printf '%s\0' matrices equal "$compiler" "-O2"
        continue ;;
    esac
    for flags in "${equal[@]}"; do printf '%s\0' digest equal "$compiler" "$flags"; done
    for flags in "${equal_or_refused[@]}"; do printf '%s\0' digest any "$compiler" "$flags"; done
    for flags in "${refused[@]}"; do printf '%s\0' digest refused "$compiler" "$flags"; done
    [ -n "$cccl" ] || continue
    for flags in "${matrices[@]}"; do printf '%s\0' matrices equal "$compiler" "$flags"; done
  done
} | xargs -0 -n 4 -P "${NIBBLE_JOBS:-$(nproc)}" bash -c 'build_and_run "$@"' _ > "$work/lines" || failed=1
sort "$work/lines"
matched=$(grep -cE ': [0-9a-f]{16}$' <(grep '^ok' "$work/lines"))
echo "$matched builds print the digest expected, $(grep -c 'refused$' "$work/lines") are refused," \
  "$(grep -c 'unavailable here$' "$work/lines") are unavailable, $(grep -c '^WRONG' "$work/lines") are wrong"
[ -z "${failed:-}" ] && [ "$matched" -gt 0 ]
