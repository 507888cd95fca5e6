# SPDX-License-Identifier: Apache-2.0
"""Tensor and sequence parallel layers: each process has rows, or columns, of the weight.

What a single process would quantize is a piece here: its amaxes are those of the group, its random numbers those
of its place in the whole. So every code is the single process's, and so are the results that no process adds up
with another's: y and dW of a column-parallel layer, dx and dW of a row-parallel one. The others are sums of
floats over the group.
"""
import torch
import torch.distributed as dist
from torch import nn

from .layer import Linear


def _gather(x, group):
    out = x.new_empty((x.shape[0] * group.size(), *x.shape[1:]))
    dist.all_gather_into_tensor(out, x.contiguous(), group)
    return out


def _sum(x, group):
    x = x.contiguous().clone()
    dist.all_reduce(x, group=group)
    return x


def _sum_and_scatter(x, group):
    out = x.new_empty((x.shape[0] // group.size(), *x.shape[1:]))
    dist.reduce_scatter_tensor(out, x.contiguous(), group=group)
    return out


def _function(name, forward, backward):
    """An autograd function of (x, group) from two collectives."""
    def run(ctx, x, group):
        ctx.group = group
        return forward(x, group)
    return type(name, (torch.autograd.Function,), {
        "forward": staticmethod(run), "backward": staticmethod(lambda ctx, dy: (backward(dy, ctx.group), None))}).apply


_same = lambda x, group: x.view_as(x)
copy_to_all = _function("CopyToAll", _same, _sum)  # x is on every process; its gradient is a sum
sum_over_all = _function("SumOverAll", _sum, _same)
gather_tokens = _function("GatherTokens", _gather, _sum_and_scatter)
scatter_tokens = _function("ScatterTokens", _sum_and_scatter, _gather)


def _part(size, group, of):
    if size % group.size():
        raise ValueError(f"got {size} {of} for {group.size()} processes; need a multiple")
    part = size // group.size()
    return slice(group.rank() * part, (group.rank() + 1) * part)


class ColumnParallelLinear(Linear):
    """A process has some outputs: x whole (or, sequence parallel, some tokens of it), y some outputs."""

    @classmethod
    def of(cls, linear, group, recipe="nvfp4", mode="fast", seed=0, layer=0, sequence_parallel=False):
        mine = _part(linear.out_features, group, "outputs")
        part = nn.Linear(linear.in_features, mine.stop - mine.start, linear.bias is not None,
                         device=linear.weight.device, dtype=linear.weight.dtype)
        with torch.no_grad():
            part.weight.copy_(linear.weight[mine])
            if linear.bias is not None:
                part.bias.copy_(linear.bias[mine])
        made = super().of(part, recipe, mode, seed, layer, groups={"weight": group, "dy": group},
                          parts={"outputs": (group.rank(), group.size())})
        made.tensor_group, made.sequence_parallel = group, sequence_parallel
        return made

    def forward(self, x):
        return super().forward((gather_tokens if self.sequence_parallel else copy_to_all)(x, self.tensor_group))


class RowParallelLinear(Linear):
    """A process has some inputs: x some inputs, y whole (or, sequence parallel, some tokens of it)."""

    @classmethod
    def of(cls, linear, group, recipe="nvfp4", mode="fast", seed=0, layer=0, sequence_parallel=False):
        mine = _part(linear.in_features, group, "inputs")
        part = nn.Linear(mine.stop - mine.start, linear.out_features, False, device=linear.weight.device,
                         dtype=linear.weight.dtype)
        with torch.no_grad():
            part.weight.copy_(linear.weight[:, mine])
        made = super().of(part, recipe, mode, seed, layer, groups={"x": group, "weight": group},
                          parts={"inputs": (group.rank(), group.size())})
        made.after = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone())
        made.tensor_group, made.sequence_parallel = group, sequence_parallel
        return made

    def forward(self, x):
        y = super().forward(x)
        y = (scatter_tokens if self.sequence_parallel else sum_over_all)(y, self.tensor_group)
        return y if self.after is None else y + self.after.to(y.dtype)
