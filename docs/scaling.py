#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a step of the paper's 12B hybrid takes on 1 to 16384 GPUs: the tables of docs/scaling.md.

usage: scaling.py [--machine gb200|h100] [--latency MICROSECONDS] [--gather RANKS]

A model on paper: bytes and operations counted from the shapes, over rates from data sheets times a share that is
reached. --gather predicts the all-gather of 1 GiB of bf16 weights that examples/nccl_allgather.cu measures.
"""
import argparse
import dataclasses
import itertools
import math

# --- the model and its batch: arXiv 2509.25149, appendix A; the order of blocks is the published one -----------------
PATTERN = "M-M-M-M*-" * 6 + "M-M-M-M-"
WIDTH, FEED_FORWARD, INNER, HEAD, QUERIES, KEYS = 5120, 20480, 10240, 128, 40, 8
GROUPS, STATE, MAMBA_HEADS, CHUNK, VOCABULARY = 8, 128, 128, 256, 131072
LENGTH, SEQUENCES = 8192, 736
MAMBA_IN = 2 * INNER + 2 * GROUPS * STATE + MAMBA_HEADS
QKV = (QUERIES + 2 * KEYS) * HEAD
LINEARS = {"M": [(WIDTH, MAMBA_IN), (INNER, WIDTH)], "-": [(WIDTH, FEED_FORWARD), (FEED_FORWARD, WIDTH)],
           "*": [(WIDTH, QKV), (QUERIES * HEAD, WIDTH)]}
# Elements a token that a block keeps in bf16 for its backward pass, besides the inputs of its linear layers.
KEPT = {"M": WIDTH + MAMBA_IN + INNER + 2 * GROUPS * STATE + INNER, "-": WIDTH + FEED_FORWARD, "*": WIDTH + QKV + QUERIES * HEAD}
ELEMENTWISE = 6  # times that each linear layer's input and output cross memory in bf16, both passes together


@dataclasses.dataclass(frozen=True)
class Format:
    """What a recipe's linear layers hold, send and multiply in."""
    name: str
    code: float             # bytes an element along one direction, scales included
    weight: float           # bytes an element of a gathered weight
    kept_first: int = 0     # blocks in bf16 at the start
    kept_last: int = 0      # and at the end
    encodes: bool = True


FORMATS = [Format("bf16", 2, 2, encodes=False),
           Format("fp8", 1 + 4 / 128, 1 + 4 / 128**2, 1, 2),   # FP32 scales of 1x128, and of 128x128
           Format("nvfp4", 0.5 + 1 / 16, 0.5 + 1 / 16, 2, 8)]  # square tiles repeated as the tensor cores read them


@dataclasses.dataclass(frozen=True)
class Machine:
    """One GPU and what connects it: data sheet, dense, bytes a second in one direction."""
    name: str
    rate: dict              # operations a second
    memory: float           # bytes
    memory_rate: float
    link: float
    domain: int             # GPUs that the fast link joins
    network: float
    latency: float = 20e-6  # of a collective, beside its bytes


MACHINES = {
    "gb200": Machine("GB200", {"bf16": 2.5e15, "fp8": 5e15, "nvfp4": 10e15}, 186e9, 8e12, 900e9, 72, 50e9),
    "h100": Machine("H100 (no FP4: decoded to bf16)", {"bf16": 0.989e15, "fp8": 1.979e15, "nvfp4": 0.989e15}, 80e9, 3.35e12,
                    450e9, 8, 50e9),
}
REACHED = {"matmul": 0.7, "memory": 0.8, "wire": 0.73}  # of the data sheet; the wire as measured, see docs/scaling.md


def kept_blocks(form):
    return [at < form.kept_first or at >= len(PATTERN) - form.kept_last for at in range(len(PATTERN))]


def linears(form, kept):
    """(inputs, outputs) of all linear layers that are kept in bf16, or that are not."""
    return [pair for letter, high in zip(PATTERN, kept_blocks(form)) if high == kept for pair in LINEARS[letter]]


def parameters(pairs):
    return sum(rows * columns for rows, columns in pairs)


def gathered_bytes(form):
    """The whole model's weights once, as they are sent: head and embedding in bf16."""
    return (form.weight * parameters(linears(form, False)) + 2 * parameters(linears(form, True)) + 2 * 2 * VOCABULARY * WIDTH)


ALL = sum(parameters(LINEARS[letter]) for letter in PATTERN) + 2 * VOCABULARY * WIDTH


def activation_bytes(form):
    """Kept for the backward pass, a token: inputs of linear layers as codes along tokens, the rest in bf16."""
    total = 0
    for letter, high in zip(PATTERN, kept_blocks(form)):
        inputs = sum(rows for rows, _ in LINEARS[letter])
        total += 2 * KEPT[letter] + (2 if high else form.code) * inputs
    return total


@dataclasses.dataclass(frozen=True)
class Layout:
    tensor: int     # GPUs that share each matrix, inside a domain
    pipeline: int   # stages
    shard: int      # GPUs that share weights and optimizer state
    data: int       # replicas of the batch


def step(form, machine, at):
    """Seconds of one step, in parts, and bytes of one GPU; None where it does not fit."""
    split = at.tensor * at.pipeline
    rounds = math.ceil(SEQUENCES / at.data)             # sequences a replica, one at a time
    # Memory: FP32 master, two moments and gradient a parameter, one block's gathered weights twice, activations.
    optimizer = 16 * ALL / split / at.shard
    in_flight = min(rounds, at.pipeline)
    memory = optimizer + 2 * gathered_bytes(form) / len(PATTERN) / at.tensor + 2 * 2 * VOCABULARY * WIDTH / at.tensor
    memory += activation_bytes(form) * LENGTH * in_flight / split
    if memory > 0.9 * machine.memory:
        return None, memory
    tokens = rounds * LENGTH
    low, high = parameters(linears(form, False)), parameters(linears(form, True)) + VOCABULARY * WIDTH
    rest = PATTERN.count("*") * 3.5 * 2 * LENGTH * QUERIES * HEAD
    rest += PATTERN.count("M") * 3 * (CHUNK * (GROUPS * STATE + INNER) + 4 * INNER * STATE)
    matmul = tokens / split * (6 * low / machine.rate[form.name] + (6 * high + rest) / machine.rate["bf16"]) / REACHED["matmul"]
    elements = sum(rows + columns for letter in PATTERN for rows, columns in LINEARS[letter])
    coded = sum(rows + columns for rows, columns in linears(form, False)) if form.encodes else 0
    moved = tokens / split * (ELEMENTWISE * 2 * elements + coded * (2 + 2 + 2 * form.code))  # amax, encoding, both directions
    moved += 28 * ALL / split / at.shard                                                      # the optimizer
    crossing = moved / machine.memory_rate / REACHED["memory"]

    def wire(count, ranks, inside):
        return count * (ranks - 1) / ranks / (machine.link if inside else machine.network) / REACHED["wire"]
    inside = at.tensor * at.shard <= machine.domain
    gathers = 2 * rounds                                # forward and backward of each sequence
    sharded = gathers * wire(gathered_bytes(form) / split, at.shard, inside) + rounds * wire(4 * ALL / split, at.shard, inside)
    sharded += 3 * rounds * len(PATTERN) / at.pipeline * machine.latency * (at.shard > 1)
    replicas = at.data // at.shard
    reduced = 2 * wire(4 * ALL / split / at.shard, replicas, at.tensor * at.data <= machine.domain)
    # Tensor and sequence parallel, a block: x gathered for fprop and again for wgrad, dy gathered (two directions), y and dx
    # reduced and scattered in bf16. Codes where the block has codes.
    tensor = 0.0
    for high in kept_blocks(form):
        code = 2 if high or not form.encodes else form.code
        both = 2 if high or not form.encodes else 2 * form.code
        tensor += wire((2 * code + both + 2 * 2) * tokens * WIDTH / at.pipeline, at.tensor, True)
        # five collectives a block, and the amax of x and dy before they can be encoded
        tensor += rounds * (5 + (4 if form.encodes and not high else 0)) * machine.latency / at.pipeline * (at.tensor > 1)
    work = matmul + crossing + tensor
    bubble = work * (at.pipeline - 1) / rounds
    stages = 2 * wire(2 * tokens * WIDTH / at.tensor, 2, at.tensor * at.pipeline <= machine.domain) * 2 * (at.pipeline > 1)
    parts = {"matmul": matmul, "memory": crossing, "tensor": tensor, "pipeline": bubble + stages,
             "shards": max(0.0, sharded - work), "replicas": reduced}
    parts["whole"] = sum(parts.values())
    parts["sent"] = (gathers * gathered_bytes(form) / split + rounds * 4 * ALL / split) * (at.shard - 1) / at.shard
    return parts, memory


def layouts(gpus, machine):
    """Ways to lay that many GPUs out."""
    powers = [2**n for n in range(15)]
    for tensor, pipeline in itertools.product((1, 2, 4, 8), (1, 2, 4, 8, 16)):
        if gpus % (tensor * pipeline) or gpus // (tensor * pipeline) > SEQUENCES:
            continue
        data = gpus // (tensor * pipeline)
        for shard in powers:
            if data % shard == 0:
                yield Layout(tensor, pipeline, shard, data)


def best(form, machine, gpus):
    """The fastest layout that fits, its parts and its memory; without one the least memory."""
    least, found = math.inf, None
    for at in layouts(gpus, machine):
        parts, memory = step(form, machine, at)
        least = min(least, memory)
        if parts and (found is None or parts["whole"] < found[1]["whole"]):
            found = (at, parts, memory)
    return found or (None, None, least)


def alone(form, machine):
    """Seconds that one GPU works on one sequence, whether or not it holds the model."""
    parts, _ = step(form, dataclasses.replace(machine, memory=math.inf), Layout(1, 1, SEQUENCES, SEQUENCES))
    return parts["matmul"] + parts["memory"]


def gather_seconds(form, machine, ranks, elements=2**29):
    """An all-gather of that many elements, a rank's share each."""
    return form.weight * elements * (ranks - 1) / ranks / machine.link / REACHED["wire"] + machine.latency


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", choices=MACHINES, default="gb200")
    parser.add_argument("--gather", type=int, metavar="RANKS", help="only predict the all-gather of 2^29 weights")
    parser.add_argument("--latency", type=float, default=20, metavar="MICROSECONDS", help="of a collective, beside its bytes")
    options = parser.parse_args()
    machine = dataclasses.replace(MACHINES[options.machine], latency=options.latency * 1e-6)
    if options.gather:
        if options.gather < 2:
            parser.error("an all-gather takes two ranks or more")
        for form in FORMATS:
            print(f"{form.name:6} {form.weight * 2**29 / 2**20:7.1f} MiB  {gather_seconds(form, machine, options.gather) * 1e3:.3f} ms")
        return
    print(f"{ALL / 1e9:.2f} G parameters, {SEQUENCES} x {LENGTH} tokens a step; {machine.name}\n")
    rows = [[form.name, f"{gathered_bytes(form) / 1e9:.2f}", f"{parameters(linears(form, False)) / parameters(linears(FORMATS[0], False)):.0%}",
             f"{activation_bytes(form) * LENGTH / 1e9:.1f}", f"{form.code * WIDTH / 1e3:.1f}",
             f"{alone(form, machine):.3f}", f"{(2 * gathered_bytes(form) + 4 * ALL) / alone(form, machine) / 1e9:.0f}"] for form in FORMATS]
    table(["format", "weights gathered once, GB", "of linear weights in it", "kept for backward, GB a sequence", "x gathered over tensor ranks, KB a token",
           "s a sequence on one GPU", "GB/s that hides the shards behind it"], rows)
    rows = []
    for gpus in (4**n for n in range(8)):
        for form in FORMATS:
            at, parts, memory = best(form, machine, gpus)
            if not parts:
                rows.append([str(gpus), form.name, "-", f"{memory / 1e9:.0f}, does not fit"] + ["-"] * 9)
                continue
            share = [f"{100 * parts[name] / parts['whole']:.0f}" for name in ("matmul", "memory", "tensor", "pipeline", "shards", "replicas")]
            rows.append([str(gpus), form.name, f"{at.tensor}/{at.pipeline}/{at.shard}/{at.data}", f"{memory / 1e9:.0f}", f"{parts['whole']:.3f}",
                         f"{SEQUENCES * LENGTH / parts['whole'] / gpus / 1e3:.1f}", f"{parts['sent'] / 1e9:.1f}", *share])
    table(["GPUs", "format", "tensor/stages/shard/data", "GB a GPU", "s a step", "ktokens/s a GPU", "GB of shards sent", "matmul %", "memory %",
           "tensor %", "stages %", "shards %", "replicas %"], rows)


if __name__ == "__main__":
    main()
