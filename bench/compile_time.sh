#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What one include costs: CPU seconds over an empty file, least of several runs, against the budgets.
# Arguments: none. Environment: NIBBLE_CCCL, a folder with CCCL's headers (default: the toolkit's).
set -euo pipefail
cd "$(dirname "$0")/.."

cuda=${CUDA_HOME:-/usr/local/cuda}
cccl=${NIBBLE_CCCL:-$cuda/include/cccl}
runs=5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0

# seconds COMMAND...: the least user and system time of `runs` runs
seconds() {
    local best='' now i
    for ((i = 0; i < runs; ++i)); do
        now=$(TIMEFORMAT='%U %S'; { time "$@" > "$work/log" 2>&1; } 2>&1) || {
            cat "$work/log" >&2
            return 1
        }
        best=$(awk -v t="$now" -v best="$best" \
            'BEGIN { split(t, p, " "); s = p[1] + p[2]; print best == "" || s < best ? s : best }')
    done
    echo "$best"
}

# row NAME BUDGET EMPTY FULL
row() {
    local cost verdict
    cost=$(awk -v a="$3" -v b="$4" 'BEGIN { printf "%.2f", b - a }')
    if [ "$2" = - ]; then
        verdict=''
    elif awk -v c="$cost" -v b="$2" 'BEGIN { exit !(c <= b) }'; then
        verdict="budget $2: met"
    else
        verdict="budget $2: MISSED"
        missed=$((missed + 1))
    fi
    printf '  %-34s %6s s   %s\n' "$1" "$cost" "$verdict"
}

: > "$work/empty.cpp"
: > "$work/empty.cu"
for name in fp4_e2m1 nibble matrix; do
    echo "#include <nibble/$name.hpp>" > "$work/$name.cpp"
done
echo '#include <nibble/nibble.cuh>' > "$work/nibble.cu"

printf 'load %s on %s cores, least CPU time of %s runs, over an empty file\n' \
    "$(cut -d' ' -f1 /proc/loadavg)" "$(nproc)" "$runs"
for compiler in g++ clang++; do
    command -v "$compiler" > /dev/null || { echo "$compiler: not found"; continue; }
    "$compiler" --version | head -n 1
    flags=(-std=c++20 -O2 -Iinclude -c -o "$work/out.o")
    empty=$(seconds "$compiler" "${flags[@]}" "$work/empty.cpp")
    for entry in fp4_e2m1:0.2 nibble:0.4 matrix:1.5; do
        name=${entry%%:*} budget=${entry##*:}
        [ "$compiler" = g++ ] || budget=-  # the budgets are g++'s
        if [ "$name" = matrix ]; then
            [ -d "$cccl" ] || { echo "  matrix.hpp: left out, no CCCL in $cccl"; continue; }
            flags+=(-isystem "$cccl")
        fi
        full=$(seconds "$compiler" "${flags[@]}" "$work/$name.cpp")
        row "$name.hpp" "$budget" "$empty" "$full"
    done
done

nvcc=${CUDACXX:-$(command -v nvcc || echo "$cuda/bin/nvcc")}
if [ -x "$nvcc" ]; then
    "$nvcc" --version | sed -n 's/.*\(release [0-9.]*\).*/nvcc \1, sm_90a/p'
    flags=(-std=c++20 -O2 -Iinclude -arch=sm_90a -c -o "$work/out.o")
    runs=2
    empty=$(seconds "$nvcc" "${flags[@]}" "$work/empty.cu")
    full=$(seconds "$nvcc" "${flags[@]}" "$work/nibble.cu")
    row nibble.cuh 6 "$empty" "$full"
else
    echo "nvcc: not found"
fi
echo "$missed budgets missed"
