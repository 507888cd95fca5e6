# SPDX-License-Identifier: Apache-2.0
"""Activations and gradients quantized under the amaxes of the step before: one all-reduce a step for all of them."""
import torch
import torch.distributed as dist

from .operators import gradients, ops, shared_amaxes

ROWS = {"x": 0, "dy": 1}  # of a layer's buffers `amaxes` and `seen`


def prepare(layer):
    """Gives a layer its buffers: the amaxes in use, and the largest since they were shared. They are part of its
    state, since what a step computes depends on the step before."""
    for name in ("amaxes", "seen"):
        layer.register_buffer(name, torch.zeros(2, 2, device=layer.weight.device))


def _amaxes(layer, name, tensor):
    """The amaxes to quantize a tensor under: those that the processes last agreed on, or before that the current
    ones."""
    call = tensor, name, layer.streams, layer.seed, layer.recipe
    seen = layer.seen[ROWS[name]]
    if layer.has_amaxes:
        torch.maximum(seen, ops.amaxes(*call), out=seen)
        return layer.amaxes[ROWS[name]].clone()
    group = layer.groups[name]
    found = shared_amaxes(*call, group) if group else ops.amaxes(*call)
    torch.maximum(seen, found, out=seen)
    return found


class _Multiply(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x, weight, layer, place):
        call = layer.seed, layer.recipe, layer.mode == "exact"
        y, kept_x, kept_weight = ops.linear(x, weight, layer.streams, *call, any(ctx.needs_input_grad), None, None,
                                            _amaxes(layer, "x", x), None, place, "")
        ctx.save_for_backward(kept_x, kept_weight, layer.streams)
        ctx.layer, ctx.call = layer, (*call, weight.shape[1], x.dtype, weight.dtype, place)
        return y

    @staticmethod
    def backward(ctx, dy):
        kept_x, kept_weight, streams = ctx.saved_tensors
        amaxes = _amaxes(ctx.layer, "dy", dy)
        return *gradients(ctx, dy, kept_x, kept_weight, amaxes, streams, *ctx.call), None, None


multiply_delayed = _Multiply.apply


@torch.no_grad()
def share_amaxes(model, group=None):
    """Lets the next step quantize activations and gradients under the largest amaxes of this one, over all processes
    of a group: one all-reduce. For a model that was converted with delayed=True, after each step."""
    from .layer import layers
    of_all = [each for each in layers(model) if each.delayed]
    if not of_all:
        raise ValueError("got a model without delayed amaxes; convert it with delayed=True")
    seen = torch.stack([each.seen for each in of_all])
    if group is not None:
        dist.all_reduce(seen, dist.ReduceOp.MAX, group)
    torch._foreach_copy_([each.amaxes for each in of_all], list(seen.unbind()))
    torch._foreach_zero_([each.seen for each in of_all])
    for each in of_all:
        each.has_amaxes = True
