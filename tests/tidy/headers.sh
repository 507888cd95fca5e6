#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every public header, with the checks of .clang-tidy: one unit of the host's headers and,
# where a CUDA Toolkit is given and clang-tidy is 19 or newer, one of the device's as the host compiles them.
#
#   headers.sh CCCL [CUDA]     CLANG_TIDY names the program
#
# Nothing is linked or run. clang 19 knows CUDA up to 12: three things that it misses of 13 are declared here.
set -eu
cccl=$1 cuda=${2:-}
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check NAME ENDING CHECKS FLAG...
check() {
  local unit=$work/$1 checks=$3
  (cd include && find nibble -name "*.$2" | sort | sed 's/.*/#include <&>/') > "$unit"
  echo "$1: $(wc -l < "$unit") headers"
  "${CLANG_TIDY:-clang-tidy}" --quiet --config-file=.clang-tidy --checks="$checks" --header-filter='include/nibble/.*' "$unit" -- \
    "${@:4}" -std=c++20 -Iinclude -isystem "$cccl" 2> "$work/errors" || { cat "$work/errors"; exit 1; }
}

check host.cpp hpp ""
if [ -n "$cuda" ]; then
  printf '#pragma once\n__device__ uint4 __ldcs(uint4 const*);\n__device__ void __stcs(uint4*, uint4);\n' > "$work/texture_fetch_functions.h"
  # Places within a tile, a product of two small numbers, are counted in int throughout.
  check device.cu cuh -bugprone-implicit-widening-of-multiplication-result -x cuda --cuda-host-only \
    --cuda-path="$cuda" -Wno-unknown-cuda-version -I"$work"
fi
echo "no findings"
