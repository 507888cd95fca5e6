#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds digest.cpp with every compiler found and every flag that could change a float, and holds each
# against expected.txt; what nibble refuses must be refused with its own message.
#
#   run.sh [--quick] [COMPILER...]     --quick: few flags, for each commit; without COMPILER: all found
set -u
here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../include
expected=$(<"$here/expected.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quick=
if [ "${1:-}" = --quick ]; then
  quick=1
  shift
fi
compilers=("$@")
if [ ${#compilers[@]} -eq 0 ]; then
  for name in g++-11 g++-12 g++-13 g++-14 g++-15 clang++-14 clang++-16 clang++-19 nvcc; do
    command -v $name > /dev/null && compilers+=($name)
  done
  [ ${#compilers[@]} -gt 0 ] || compilers=("${CXX:-c++}")
fi

# Flags under which the digest must be the expected one.
equal=("-O0" "-O3 -march=native -ffp-contract=fast" "-O2 -frounding-math -fno-trapping-math")
[ -n "$quick" ] || equal+=(
  "-O1" "-O2" "-O3" "-Os" "-O2 -DNDEBUG -march=native -ffp-contract=off" "-O2 -mfma -ffp-contract=on"
  "-O2 -fno-inline" "-O3 -march=native -mno-fma" "-O3 -funroll-loops -fno-strict-aliasing" "-O2 -std=c++2b"
  "-O2 -fsanitize=undefined -fno-sanitize-recover=all" "-O2 -flto" "-O2 -fno-exceptions -fno-rtti" "-O2 -m32 -msse2 -mfpmath=sse")
if [ -z "$quick" ] && grep -qsw avx512vl /proc/cpuinfo; then
  equal+=("-O3 -mavx512f -mavx512vl -ffp-contract=fast")
fi
# The same of nvcc, whose host half is the compiler that it finds.
equal_nvcc=("-O3" "-O0" "-O1" "-O2" "-O3 -Xcompiler=-march=native,-ffp-contract=fast" "--use_fast_math"
  "-ftz=true -prec-div=false -prec-sqrt=false -fmad=true" "-DNDEBUG -std=c++20" "-G")
# Flags that a header may be unable to see: refused, or the expected digest.
equal_or_refused=()
[ -n "$quick" ] || equal_or_refused+=(
  "-O2 -fassociative-math -fno-signed-zeros -fno-trapping-math" "-O2 -freciprocal-math"
  "-O2 -fno-signed-zeros"
  "-O3 -march=native -fassociative-math -freciprocal-math -fno-signed-zeros -fno-trapping-math"
  "-O2 -m32 -mfpmath=387")
# Flags that must be refused.
refused=("-O2 -ffast-math")
[ -n "$quick" ] || refused+=("-Ofast" "-O2 -ffinite-math-only" "-O3 -ffast-math -march=native")

compile() {  # COMPILER FLAGS SOURCE PROGRAM
  # shellcheck disable=SC2086  # the flags are words
  case $1 in
    *nvcc) $1 -std=c++20 -arch=sm_90 -x cu -I "$include" $2 "$3" -o "$4" ;;
    *) $1 -std=c++20 $2 -I "$include" "$3" -o "$4" ;;
  esac > "$4.log" 2>&1
}

build_and_run() {  # CONTRACT COMPILER FLAGS: prints a line; returns 1 on a breach
  local contract=$1 compiler=$2 flags=$3 out verdict
  out=$(mktemp -p "$work")
  if compile "$compiler" "$flags" "$here/digest.cpp" "$out"; then
    verdict=$("$out") || verdict="exit status $?"
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
      echo "WRONG $compiler $flags: $verdict"
      return 1 ;;
  esac
  echo "ok    $compiler $flags: $verdict"
}
printf '#include <cstdio>\nint main() { return std::printf("plain\\n") < 0; }\n' > "$work/plain.cpp"
export -f compile build_and_run
export here include expected work

{
  for compiler in "${compilers[@]}"; do
    case $compiler in
      *nvcc)
        for flags in "${equal_nvcc[@]}"; do printf '%s\0' equal "$compiler" "$flags"; done
        printf '%s\0' refused "$compiler" "-Xcompiler=-ffast-math"
        continue ;;
    esac
    for flags in "${equal[@]}"; do printf '%s\0' equal "$compiler" "$flags"; done
    for flags in "${equal_or_refused[@]}"; do printf '%s\0' any "$compiler" "$flags"; done
    for flags in "${refused[@]}"; do printf '%s\0' refused "$compiler" "$flags"; done
  done
} | xargs -0 -n 3 -P "$(nproc)" bash -c 'build_and_run "$@"' _ > "$work/lines" || failed=1
sort "$work/lines"
matched=$(grep -c "$expected\$" "$work/lines")
echo "$matched builds print $expected, $(grep -c 'refused$' "$work/lines") are refused," \
  "$(grep -c 'unavailable here$' "$work/lines") are unavailable, $(grep -c '^WRONG' "$work/lines") are wrong"
[ -z "${failed:-}" ] && [ "$matched" -gt 0 ]
