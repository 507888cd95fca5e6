# SPDX-License-Identifier: Apache-2.0
"""FSDP2 that gathers weights as codes, scales and amaxes: 4.5 bits an element in place of 16 or 32.

    nt.convert(model); nt.shard_weights(model)
    for block in model.blocks: fully_shard(block)
    fully_shard(model)
    ...
    optimizer.step(); nt.share_weight_amaxes(model)    # one all-reduce for all weights
"""
import torch
import torch.distributed as dist
from torch.utils import _pytree as pytree

from .layer import Linear
from .operators import facts, gradients, layout, ops, shared_amaxes

_aten = torch.ops.aten
# What gives another such weight; everything else gives plain tensors.
_KEEPS_CLASS = {_aten.empty_like.default, _aten.new_zeros.default, _aten.slice.Tensor, _aten.copy_.default,
                _aten.view.default, _aten.as_strided.default, _aten._to_copy.default, _aten._pin_memory.default,
                _aten.split.Tensor, _aten.clone.default, _aten.detach.default, _aten.zeros_like.default}


class ShardedWeight(torch.Tensor):
    """A weight, or a process's rows of it, in high precision, that FSDP2 gathers as codes."""

    @staticmethod
    def __new__(cls, tensor):
        return torch.Tensor._make_wrapper_subclass(
            cls, tensor.size(), strides=tensor.stride(), storage_offset=tensor.storage_offset(), dtype=tensor.dtype,
            layout=tensor.layout, device=tensor.device, pin_memory=tensor.is_pinned(),
            requires_grad=tensor.requires_grad)

    def __init__(self, tensor):
        self._tensor = tensor
        self._amaxes = None  # of the whole weight, until it changes

    def __repr__(self):
        return f"ShardedWeight({self._tensor})"

    def __tensor_flatten__(self):
        return ["_tensor"], None

    @staticmethod
    def __tensor_unflatten__(inner, _, size, stride):
        return ShardedWeight(inner["_tensor"])

    @classmethod
    def __torch_dispatch__(cls, function, types, args, kwargs=None):
        plain = lambda tree: pytree.tree_map_only(cls, lambda t: t._tensor, tree)
        if function is _aten.detach.default:
            return cls(plain(args)[0].detach())
        out = function(*plain(args), **plain(kwargs or {}))
        if function._schema.is_mutable:
            for changed in pytree.tree_leaves(args):
                if isinstance(changed, cls):
                    changed._amaxes = None
        if function is _aten.copy_.default:
            return args[0]
        return pytree.tree_map_only(torch.Tensor, cls, out) if function in _KEEPS_CLASS else out

    def _shared_amaxes(self, module, group):
        """Of the whole weight: what share_weight_amaxes left, unless the weight changed since."""
        if self._amaxes is None:
            self._amaxes = ops.amaxes(self._tensor, "weight", module.streams, module.seed, module.recipe)
            dist.all_reduce(self._amaxes, dist.ReduceOp.MAX, group)
        return self._amaxes

    def fsdp_pre_all_gather(self, mesh, outer_size, outer_stride, module, mp_policy):
        if mesh.size() == 1:
            raise RuntimeError("nibble: got one process, which has nothing to gather; leave shard_weights out")
        rows, columns = self._tensor.shape
        amaxes = self._shared_amaxes(module, mesh.get_group())
        data, _ = ops.operands(self._tensor, "weight", module.streams, module.seed, module.recipe, False, amaxes, [])
        codes, scales_at, scales, amax_at, _, _ = layout(module.recipe, 1, rows, columns)
        parts = (data[:codes].view(rows, -1), data[scales_at:scales_at + scales].view(rows, -1),
                 data[amax_at:amax_at + 4])
        return parts, (module.recipe, tuple(outer_size))

    def fsdp_post_all_gather(self, gathered, metadata, param_dtype, *, out=None):
        if out is None:
            return GatheredWeight(*gathered, *metadata, param_dtype), ()
        mine = (out._codes, out._scales, out._amax)
        if any(a.data_ptr() != b.data_ptr() for a, b in zip(mine, gathered, strict=True)):
            raise RuntimeError("nibble: FSDP gathered a weight to another place than before")
        return None


class GatheredWeight(torch.Tensor):
    """A whole weight as codes, for the time that a layer uses it."""

    @staticmethod
    def __new__(cls, codes, scales, amax, recipe, size, dtype):
        return torch.Tensor._make_wrapper_subclass(cls, size, dtype=dtype, device=codes.device)

    def __init__(self, codes, scales, amax, recipe, size, dtype):
        self._codes, self._scales, self._amax, self._recipe = codes, scales, amax, recipe

    def __repr__(self):
        return f"GatheredWeight({tuple(self.shape)}, recipe={self._recipe})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args, kwargs=None):
        if function in (_aten.detach.default, _aten.as_strided.default, _aten.view.default):
            t = args[0]
            return cls(t._codes, t._scales, t._amax, t._recipe, tuple(t.shape), t.dtype)
        raise NotImplementedError(f"nibble: {function} of a weight that was gathered as codes; only its layer can "
                                  "use it. For other uses gather the sharded weight itself: weight.full_tensor()")


def _operand(codes, scales, amax, recipe, rows, columns):
    """The parts of a gathered weight in one buffer, as the operators take it."""
    code_bytes, scales_at, scale_bytes, amax_at, _, size = layout(recipe, 1, rows, columns)
    data = codes.new_zeros(size)
    data[:code_bytes] = codes.view(-1)
    data[scales_at:scales_at + scale_bytes] = scales.view(-1)
    data[amax_at:amax_at + 4] = amax[:4]  # every process has the same
    return data


class _Multiply(torch.autograd.Function):
    """The layer on a gathered weight. Of the weight it keeps the gathered parts alone, which FSDP frees after the
    forward pass and gathers again before the backward pass."""

    @staticmethod
    def forward(ctx, x, weight, layer, x_amaxes, place):
        streams, seed, recipe, exact = layer.streams, layer.seed, layer.recipe, layer.mode == "exact"
        rows, columns = weight.shape
        parts = (weight._codes, weight._scales, weight._amax)
        keep = any(ctx.needs_input_grad[:2])
        made = _operand(*parts, recipe, rows, columns)
        # The stand-in gives the operator the weight's shape; where codes are given it reads no more of it.
        y, kept_x, _ = ops.linear(x, x.new_empty(1).expand(rows, columns), streams, seed, recipe, exact, keep, made,
                                  made, x_amaxes, None, place, "")
        ctx.save_for_backward(kept_x, streams, *parts)
        ctx.call = (seed, recipe, exact, columns, x.dtype, weight.dtype, place)
        ctx.rows, ctx.group = rows, layer.groups["dy"]
        return y

    @staticmethod
    def backward(ctx, dy):
        kept_x, streams, *parts = ctx.saved_tensors
        seed, recipe, _, columns, *_ = ctx.call
        made = _operand(*parts, recipe, ctx.rows, columns)
        turned = ops.later_operand(made, "weight", ctx.rows, columns, streams, seed, recipe, [])
        amaxes = shared_amaxes(dy, "dy", streams, seed, recipe, ctx.group)
        return *gradients(ctx, dy, kept_x, turned, amaxes, streams, *ctx.call), None, None, None


multiply_gathered = _Multiply.apply


def shard_weights(model):
    """Lets fully_shard, which is called next, gather the weights of the quantized layers as codes.

    errors  ValueError for a recipe whose codes for the backward pass are not those of the forward pass turned:
            there the weight is quantized a second time. Nothing is changed then.
    """
    of_all = [(name, module) for name, module in model.named_modules() if isinstance(module, Linear)]
    for name, module in of_all:
        call = torch.zeros(9, dtype=torch.int64), 0, module.recipe
        try:
            ops.amaxes(torch.zeros(16, 16), "weight", *call)
            ops.later_operand(torch.zeros(layout(module.recipe, 1, 16, 16)[-1], dtype=torch.uint8), "weight", 16, 16,
                              *call, [])
        except ValueError as error:
            raise ValueError(f"{name}: weights under recipe {module.recipe} cannot be gathered as codes: {error}") from None
    for _, module in of_all:
        weight = module.weight
        module.weight = torch.nn.Parameter(ShardedWeight(weight.detach()), requires_grad=weight.requires_grad)
    return model


def _sharded(model):
    """(layer, its ShardedWeight, the mesh it is sharded over) for each layer that gathers codes."""
    for name, module in model.named_modules():
        local = getattr(module.weight, "_local_tensor", None) if isinstance(module, Linear) else None
        if isinstance(local, ShardedWeight):
            mesh = module.weight.device_mesh
            rows, tile = module.out_features, facts(module.recipe, 1)[0]
            if rows % (tile * mesh.size()):
                raise ValueError(f"{name}: got {rows} outputs for {mesh.size()} processes; need a multiple of "
                                 f"{tile * mesh.size()}, so that each has whole tiles of {tile} rows")
            yield module, local, mesh


@torch.no_grad()
def share_weight_amaxes(model):
    """Finds the amaxes of all sharded weights with one all-reduce: after each optimizer step. Without this call
    each weight has an all-reduce of its own before it is gathered."""
    found = list(_sharded(model))
    if not found:
        return
    if len({mesh.get_group().group_name for _, _, mesh in found}) > 1:
        raise ValueError("got weights that are sharded over different groups; need one")
    amaxes = torch.stack([ops.amaxes(local._tensor, "weight", module.streams, module.seed, module.recipe)
                          for module, local, _ in found])
    dist.all_reduce(amaxes, dist.ReduceOp.MAX, found[0][2].get_group())
    for row, (_, local, _) in zip(amaxes.unbind(), found, strict=True):
        local._amaxes = row
