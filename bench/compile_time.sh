#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What one include costs: CPU seconds over an empty file, least of several runs, and the lines that the
# compiler then reads, against the budgets and beside the headers of others; and what a program costs.
# Arguments: none. Environment: NIBBLE_CCCL, a folder with CCCL's headers (default: the toolkit's);
# NIBBLE_CUTLASS and NIBBLE_UNIVERSAL, folders that hold cute/tensor.hpp and universal/number/...
# (CUTLASS is in PyPI's nvidia-cutlass, below cutlass_library/source/include). RUNS: how often (5).
set -euo pipefail
cd "$(dirname "$0")/.."

cuda=${CUDA_HOME:-/usr/local/cuda}
cccl=${NIBBLE_CCCL:-$cuda/include/cccl}
runs=${RUNS:-5}
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

# row NAME BUDGET EMPTY FULL LINES
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
    printf '  %-44s %6s s %8s lines   %s\n' "$1" "$cost" "$5" "$verdict"
}

# include COMPILER BUDGET HEADER FLAGS...: the row of a header, or why there is none
include() {
    local compiler=$1 budget=$2 header=$3 full lines
    shift 3
    echo "#include <$header>" > "$work/one.$extension"
    if ! "$compiler" "${flags[@]}" "$@" -E "$work/one.$extension" -o "$work/one.i" > "$work/log" 2>&1; then
        printf '  %-44s left out: %s\n' "$header" "$(grep -m 1 -oE '(fatal )?error: .*' "$work/log")"
        return
    fi
    lines=$(wc -l < "$work/one.i")
    full=$(seconds "$compiler" "${flags[@]}" "$@" -c "$work/one.$extension" -o "$work/out.o")
    row "$header" "$budget" "$empty" "$full" "$lines"
}

# peers COMPILER: what the headers of others cost, where they are
peers() {
    [ ! -e "$cuda/include/cuda_fp4.h" ] || include "$1" - cuda_fp4.h -isystem "$cuda/include"
    if [ -n "${NIBBLE_CUTLASS:-}" ]; then
        local cutlass=(-isystem "$NIBBLE_CUTLASS" -isystem "$cuda/include" -isystem "$cccl")
        include "$1" - cutlass/float_subbyte.h "${cutlass[@]}"
        include "$1" - cute/tensor.hpp "${cutlass[@]}"
    fi
    if [ -n "${NIBBLE_UNIVERSAL:-}" ]; then
        include "$1" - universal/number/cfloat/cfloat.hpp -isystem "$NIBBLE_UNIVERSAL"
    fi
}

printf 'load %s on %s cores, least CPU time of %s runs, over an empty file\n' \
    "$(cut -d' ' -f1 /proc/loadavg)" "$(nproc)" "$runs"
extension=cpp
: > "$work/empty.cpp"
for compiler in g++ clang++; do
    command -v "$compiler" > /dev/null || { echo "$compiler: not found"; continue; }
    "$compiler" --version | head -n 1
    flags=(-std=c++20 -O2 -Iinclude)
    empty=$(seconds "$compiler" "${flags[@]}" -c "$work/empty.cpp" -o "$work/out.o")
    budgets=(0.2 0.4 1.5)  # those of g++
    [ "$compiler" = g++ ] || budgets=(- - -)
    include "$compiler" "${budgets[0]}" nibble/fp4_e2m1.hpp
    include "$compiler" "${budgets[1]}" nibble/nibble.hpp
    include "$compiler" - nibble/io.hpp
    include "$compiler" "${budgets[2]}" nibble/matrix.hpp -isystem "$cccl"
    peers "$compiler"
    full=$(seconds "$compiler" "${flags[@]}" examples/first_block.cpp -o "$work/program")
    row "examples/first_block.cpp, linked" - 0 "$full" "$(wc -l < examples/first_block.cpp)"
done

nvcc=${CUDACXX:-$(command -v nvcc || echo "$cuda/bin/nvcc")}
if [ -x "$nvcc" ]; then
    "$nvcc" --version | sed -n 's/.*\(release [0-9.]*\).*/nvcc \1, sm_90a/p'
    extension=cu
    : > "$work/empty.cu"
    flags=(-std=c++20 -O2 -Iinclude -arch=sm_90a)
    runs=${RUNS:-2}
    empty=$(seconds "$nvcc" "${flags[@]}" -c "$work/empty.cu" -o "$work/out.o")
    include "$nvcc" - nibble/nibble.hpp
    include "$nvcc" 6 nibble/nibble.cuh
    peers "$nvcc"
    full=$(seconds "$nvcc" "${flags[@]}" examples/kernel.cu -o "$work/program")
    row "examples/kernel.cu, linked" - 0 "$full" "$(wc -l < examples/kernel.cu)"
else
    echo "nvcc: not found"
fi
echo "$missed budgets missed"
