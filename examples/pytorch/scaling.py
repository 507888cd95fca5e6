# SPDX-License-Identifier: Apache-2.0
"""What the codes save on the wire, and what more GPUs give: run by launch.py, one process a GPU.

    launch.py -n 4 scaling.py gather      FSDP2's all-gather of 1 GiB of bf16 weights, as bf16 and as codes
    launch.py -n 4 scaling.py step        tokens/s of the model of train_hybrid.py under DistributedDataParallel
"""
import argparse
import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

import nibble_torch as nt


def say(*what):
    if dist.get_rank() == 0:
        print(*what, flush=True)


WARM, REPEATS = 3, 10  # calls


def seconds(call, repeats=REPEATS):
    """The median time of a call, of the slowest process."""
    times = []
    for i in range(WARM + repeats):
        dist.barrier()
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    taken = torch.tensor(times[WARM:], device="cuda")
    dist.all_reduce(taken, dist.ReduceOp.MAX)
    return taken.median().item()


def gathered(count, bytes_of_all):
    """The time of NCCL's all-gather alone, into so many bytes."""
    out = torch.empty(bytes_of_all // count * count, dtype=torch.uint8, device="cuda")
    mine = torch.zeros(bytes_of_all // count, dtype=torch.uint8, device="cuda")
    return seconds(lambda: dist.all_gather_into_tensor(out, mine), repeats=20)


def gather(options):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
    from nibble_torch.fsdp import ShardedWeight
    count, width = dist.get_world_size(), options.width
    mesh = init_device_mesh("cuda", (count,))
    layers = options.mebibytes * 2**20 // (2 * width * width)
    size = layers * width * width

    def sharded(recipe):
        torch.manual_seed(0)
        made = nn.Sequential(*(nn.Linear(width, width, bias=False, device="cuda") for _ in range(layers)))
        if recipe != "bf16":
            nt.shard_weights(nt.convert(made, recipe, keep=()))
        return fully_shard(made, mesh=mesh, mp_policy=MixedPrecisionPolicy(torch.bfloat16, torch.float32))

    moved = []
    before = ShardedWeight.fsdp_pre_all_gather
    def counting(self, mesh, outer_size, outer_stride, module, mp_policy):
        parts, metadata = before(self, mesh, outer_size, outer_stride, module, mp_policy)
        moved.append(count * sum(p.numel() * p.element_size() for p in parts))
        return parts, metadata

    found = {}
    for recipe in ("bf16", options.recipe):
        made = sharded(recipe)
        if recipe != "bf16":
            nt.share_weight_amaxes(made)
            check(made)
            ShardedWeight.fsdp_pre_all_gather = counting
        def call():
            made.unshard()
            made.reshard()
        moved.clear()
        taken = seconds(call)
        bytes_moved = sum(moved) // (WARM + REPEATS) if moved else 2 * size
        found[recipe] = (bytes_moved, taken, gathered(count, bytes_moved))
        ShardedWeight.fsdp_pre_all_gather = before
        amaxes = seconds(lambda: nt.share_weight_amaxes(made)) if recipe != "bf16" else 0
        say(f"{recipe:8s} {bytes_moved / 2**20:8.1f} MiB  unshard {taken * 1e3:7.3f} ms  "
            f"NCCL alone {found[recipe][2] * 1e3:7.3f} ms  amaxes of all weights {amaxes * 1e3:6.3f} ms")
        del made
    a, b = found["bf16"], found[options.recipe]
    say(f"{count} x {torch.cuda.get_device_name()}: {layers} weights of {width} x {width}: {a[0] / b[0]:.2f}x fewer bytes, "
        f"unshard {a[1] / b[1]:.2f}x faster, NCCL alone {a[2] / b[2]:.2f}x")


def check(made):
    """What was gathered are the codes of the whole weight."""
    layer = made[0]
    whole = layer.weight.full_tensor()
    whole = getattr(whole, "_tensor", whole)
    of_whole = nt.quantize(whole, layer.recipe, "fprop_w", seed=layer.seed, layer=layer.layer)
    made.unshard()
    same = (torch.equal(layer.weight._codes.view(-1), of_whole.codes)
            and torch.equal(layer.weight._scales.view(-1), of_whole.scales))
    made.reshard()
    say("gathered codes and scales are those of the whole weight" if same else "WRONG: gathered codes differ")
    if not same:
        sys.exit(1)


def step(options):
    import hybrid
    rank, count = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(0)
    model = hybrid.Hybrid(hybrid.SHAPES[options.shape]).cuda()
    if options.recipe != "bf16":
        nt.convert(model, options.recipe)
    if options.compile:
        for block in model.blocks:
            block.compile()
    wrapped = nn.parallel.DistributedDataParallel(model, device_ids=[torch.cuda.current_device()],
                                                  broadcast_buffers=False, gradient_as_bucket_view=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    text = torch.randint(256, (options.batch, 1025), device="cuda", dtype=torch.uint8,
                         generator=torch.Generator("cuda").manual_seed(rank))

    def one():
        with torch.autocast("cuda", torch.bfloat16):
            loss = wrapped(text[:, :-1], text[:, 1:])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        nt.advance(model)

    taken = seconds(one)
    say(f"{options.recipe} {count} x {torch.cuda.get_device_name()}: {taken * 1e3:.2f} ms a step, "
        f"{options.batch * 1024 / taken:,.0f} tokens/s a GPU")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("gather", "step"))
    parser.add_argument("--recipe", default="nvfp4")
    parser.add_argument("--width", type=int, default=8192, help="of the weights to gather")
    parser.add_argument("--mebibytes", type=int, default=1024, help="of bf16 weights to gather")
    parser.add_argument("--batch", type=int, default=32, help="windows of 1024 tokens in a process's step")
    parser.add_argument("--compile", action="store_true", help="the blocks of the model to train")
    parser.add_argument("--shape", default="h30", help="of the model to train")
    options = parser.parse_args()
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl")
    {"gather": gather, "step": step}[options.what](options)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
