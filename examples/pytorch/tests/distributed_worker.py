# SPDX-License-Identifier: Apache-2.0
"""What two processes, joined by gloo, check against what each of them computes alone.

    distributed_worker.py RANK PROCESSES RENDEZVOUS RESULT
"""
import json
import pathlib
import sys
import traceback

import torch
import torch.distributed as dist
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import nibble_torch as nt  # noqa: E402
from nibble_torch.operators import layout, ops  # noqa: E402


def numbers(*shape, seed):
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return made * torch.exp2(torch.randint(-3, 4, (shape[0], 1), generator=torch.Generator().manual_seed(seed + 9)))


def same(*pairs):
    for number, (a, b) in enumerate(pairs):
        assert torch.equal(a.detach(), b.detach()), f"pair {number} differs in {(a != b).sum()} of {a.numel()}"


def near(a, b):
    assert (a - b).norm() <= 1e-5 * b.norm(), f"{(a - b).norm()} off {b.norm()}"


def mine(t, dim=0):
    return t.chunk(dist.get_world_size(), dim)[dist.get_rank()].contiguous()


def run(layer, x, dy):
    layer.zero_grad()
    x = x.detach().clone().requires_grad_()
    y = layer(x)
    y.backward(dy)
    return y.detach(), x.grad


def plain(inputs, outputs, bias=False, seed=1):
    torch.manual_seed(seed)
    return nn.Linear(inputs, outputs, bias)


def model(recipe="nvfp4", width=64, **more):
    torch.manual_seed(0)
    blocks = nn.Sequential(*(nn.Sequential(nn.Linear(width, 2 * width, bias=False), nn.SiLU(),
                                           nn.Linear(2 * width, width, bias=False)) for _ in range(2)))
    return nt.convert(blocks, recipe, keep=(), mode="exact", **more)


def check_data_parallel_layers_quantize_as_one_process_does_on_the_whole_batch():
    group = dist.group.WORLD
    parts = {"tokens": (dist.get_rank(), dist.get_world_size())}
    for recipe in ("nvfp4", "nvfp4_sr_forward", "four_over_six", "mxfp4", "fp8"):
        x, dy = numbers(256, 128, seed=1), numbers(256, 128, seed=2)
        whole = nt.Linear.of(plain(128, 128), recipe, "exact", seed=3, layer=4)
        part = nt.Linear.of(plain(128, 128), recipe, "exact", seed=3, layer=4, groups={"x": group, "dy": group},
                            parts=parts)
        y, dx = run(whole, x, dy)
        my_y, my_dx = run(part, mine(x), mine(dy))
        same((my_y, mine(y)), (my_dx, mine(dx)))
        gradient = part.weight.grad.clone()
        dist.all_reduce(gradient)
        near(gradient, whole.weight.grad)  # the sum over tokens is split: two roundings more


def check_codes_of_a_part_are_those_of_the_whole():
    names = nt.streams(4, 7)
    for recipe in ("nvfp4", "nvfp4_sr_forward", "mxfp4"):
        tokens, width = 128, 64
        for which in ("x", "dy"):
            whole = numbers(tokens, width, seed=3)
            amaxes = ops.amaxes(mine(whole), which, names, 1, recipe)
            dist.all_reduce(amaxes, dist.ReduceOp.MAX)
            place = [dist.get_rank() * tokens // 2, tokens, 0, width, 0, width]
            part = ops.operands(mine(whole), which, names, 1, recipe, True, amaxes, place)
            of_all = ops.operands(whole, which, names, 1, recipe, True, None, [])
            for number, role in enumerate({"x": (0, 5), "dy": (2, 4)}[which]):
                rows, columns = ((tokens, width), (width, tokens))[number]
                sizes = layout(recipe, role, rows, columns)
                codes = of_all[number][:sizes[0]].view(rows, -1)
                scales = of_all[number][sizes[1]:sizes[1] + sizes[2]].view(rows, -1)
                my_sizes = layout(recipe, role, *((tokens // 2, width), (width, tokens // 2))[number])
                my_codes = part[number][:my_sizes[0]]
                my_scales = part[number][my_sizes[1]:my_sizes[1] + my_sizes[2]]
                same((my_codes, mine(codes, number).view(-1)), (my_scales, mine(scales, number).view(-1)))


def check_delayed_amaxes_take_one_reduction_a_step_and_are_those_of_one_process():
    from torch.distributed import _functional_collectives as functional
    reductions = []
    before, before_functional = dist.all_reduce, functional.all_reduce
    alone, shared = model(delayed=True), model(delayed=True, data_group=dist.group.WORLD)
    for step in range(3):
        x = numbers(64, 64, seed=step) * 2**step
        y = alone(x)
        y.square().sum().backward()
        nt.share_amaxes(alone)
        dist.all_reduce = lambda *a, **k: (reductions.append(step), before(*a, **k))[1]
        functional.all_reduce = lambda *a, **k: (reductions.append(step), before_functional(*a, **k))[1]
        try:
            my_y = shared(mine(x))
            my_y.square().sum().backward()
            nt.share_amaxes(shared, dist.group.WORLD)
        finally:
            dist.all_reduce, functional.all_reduce = before, before_functional
        same((my_y, mine(y)))
        same(*((a.amaxes, b.amaxes) for a, b in zip(alone.modules(), shared.modules()) if isinstance(a, nt.Linear)))
        nt.advance(alone), nt.advance(shared)
    assert [reductions.count(step) for step in range(3)] == [9, 1, 1]  # of 4 layers: x and dy, then all at once


def check_distributed_data_parallel_trains():
    alone = model(data_group=dist.group.WORLD)
    wrapped = nn.parallel.DistributedDataParallel(model(data_group=dist.group.WORLD), broadcast_buffers=False)
    x = numbers(64, 64, seed=5)
    alone(mine(x)).square().sum().backward()
    wrapped(mine(x)).square().sum().backward()
    for a, b in zip(alone.parameters(), wrapped.module.parameters(), strict=True):
        mean = a.grad.clone()
        dist.all_reduce(mean)
        near(b.grad, mean / dist.get_world_size())


def fully_sharded(made):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    nt.shard_weights(made)
    for block in made:
        fully_shard(block, mesh=mesh)
    return fully_shard(made, mesh=mesh)


def check_fsdp_gathers_codes_and_trains_as_one_process_does():
    for recipe in ("nvfp4", "fp8", "four_over_six"):
        width = 256 if recipe == "fp8" else 64
        x = numbers(128, width, seed=5)  # the same for all, so that the mean of gradients is each one's
        alone, sharded = model(recipe, width), fully_sharded(model(recipe, width))
        steps = [torch.optim.AdamW(m.parameters(), lr=1e-2) for m in (alone, sharded)]
        for step in range(3):
            if step != 1:
                nt.share_weight_amaxes(sharded)  # without it, each weight sees to its own
            outputs = []
            for m, optimizer in zip((alone, sharded), steps, strict=True):
                optimizer.zero_grad()
                y = m(x)
                y.square().mean().backward()
                optimizer.step()
                nt.advance(m)
                outputs.append(y)
            same(outputs)
        for a, b in zip(alone.parameters(), sharded.parameters(), strict=True):
            same((a, b.full_tensor()))


def check_fsdp_moves_nine_bits_in_place_of_thirty_two():
    from nibble_torch.fsdp import ShardedWeight
    moved = []
    before = ShardedWeight.fsdp_pre_all_gather
    def counted(self, mesh, outer_size, outer_stride, module, mp_policy):
        parts, metadata = before(self, mesh, outer_size, outer_stride, module, mp_policy)
        moved.append((sum(p.numel() * p.element_size() for p in parts), self.numel()))
        return parts, metadata
    ShardedWeight.fsdp_pre_all_gather = counted
    try:
        fully_sharded(model())(numbers(32, 64, seed=5))
    finally:
        ShardedWeight.fsdp_pre_all_gather = before
    assert len(moved) == 4
    for size, elements in moved:
        assert size == elements * 9 // 16 + 4


def refused(what, call):
    try:
        call()
    except ValueError as error:
        assert what in str(error), error
    else:
        raise AssertionError(f"did not say '{what}'")


def check_what_cannot_be_gathered_as_codes_is_refused():
    refused("need a multiple of 32, so that each has whole tiles", lambda: nt.share_weight_amaxes(
        fully_sharded(model(width=24))))
    for recipe in ("mxfp4", "quartet2", "nvfp4_nearest"):
        refused("cannot be gathered as codes", lambda: nt.shard_weights(model(recipe)))


def check_tensor_parallel_layers_have_the_codes_of_one_process():
    group = dist.group.WORLD
    for recipe in ("nvfp4", "nvfp4_sr_forward", "fp8"):
        up, down = plain(128, 256, seed=1), plain(256, 128, seed=2)
        x, dy, hidden = numbers(256, 128, seed=3), numbers(256, 128, seed=4), numbers(256, 256, seed=6)
        whole = nt.Linear.of(plain(128, 256, seed=1), recipe, "exact", 3, 4)
        y, dx = run(whole, x, hidden)
        part = nt.ColumnParallelLinear.of(up, group, recipe, "exact", 3, 4)
        my_y, my_dx = run(part, x, mine(hidden, 1))
        same((my_y, mine(y, 1)), (part.weight.grad, mine(whole.weight.grad)))
        near(my_dx, dx)

        whole = nt.Linear.of(plain(256, 128, seed=2), recipe, "exact", 3, 5)
        y, dx = run(whole, hidden, dy)
        part = nt.RowParallelLinear.of(down, group, recipe, "exact", 3, 5)
        my_y, my_dx = run(part, mine(hidden, 1), dy)
        same((my_dx, mine(dx, 1)), (part.weight.grad, mine(whole.weight.grad, 1)))
        near(my_y, y)


def check_sequence_parallel_layers_have_the_codes_of_one_process():
    group = dist.group.WORLD
    x, dy, hidden = numbers(128, 64, seed=3), numbers(128, 64, seed=4), numbers(128, 128, seed=6)
    whole = nt.Linear.of(plain(64, 128, seed=1), "nvfp4", "exact", 3, 4)
    y, dx = run(whole, x, hidden)
    part = nt.ColumnParallelLinear.of(plain(64, 128, seed=1), group, "nvfp4", "exact", 3, 4, sequence_parallel=True)
    my_y, my_dx = run(part, mine(x), mine(hidden, 1))
    same((my_y, mine(y, 1)), (part.weight.grad, mine(whole.weight.grad)))
    near(my_dx, mine(dx))

    whole = nt.Linear.of(plain(128, 64, bias=True, seed=2), "nvfp4", "exact", 3, 5)
    y, dx = run(whole, hidden, dy)
    part = nt.RowParallelLinear.of(plain(128, 64, bias=True, seed=2), group, "nvfp4", "exact", 3, 5,
                                   sequence_parallel=True)
    my_y, my_dx = run(part, mine(hidden, 1), mine(dy))
    same((my_dx, mine(dx, 1)), (part.weight.grad, mine(whole.weight.grad, 1)))
    near(my_y, mine(y))


CHECKS = {name.removeprefix("check_"): f for name, f in list(globals().items()) if name.startswith("check_")}


def main(rank, processes, rendezvous, result):
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=int(rank), world_size=int(processes))
    torch.set_num_threads(1)
    found = {}
    for name, check in CHECKS.items():
        try:
            check()
            found[name] = ""
        except Exception:  # reported by the test of that name; the other process may wait, so go on
            found[name] = traceback.format_exc()
        dist.barrier()
    pathlib.Path(f"{result}.{rank}").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
