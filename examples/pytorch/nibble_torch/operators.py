# SPDX-License-Identifier: Apache-2.0
"""The operators of the compiled libraries, what PyTorch's tracers must know of them, and their gradients."""
import functools
import os
import pathlib

import torch

ROLES = ("fprop_x", "fprop_w", "dgrad_dy", "dgrad_w", "wgrad_dy", "wgrad_x")
TURNED = (3, 4, 5)  # the roles whose operand is made of the transposed tensor
OPERANDS = {"x": (0, 5), "weight": (1, 3), "dy": (2, 4)}  # of a tensor: for its earlier product, for its later


def _load():
    folder = pathlib.Path(os.environ.get("NIBBLE_TORCH_LIB") or pathlib.Path(__file__).parent / "lib")
    library = folder / "libnibble_torch.so"
    if not library.exists():
        raise ImportError(f"no {library}; build it: cmake -S examples/pytorch -B build/torch && "
                          "cmake --build build/torch, or set NIBBLE_TORCH_LIB to the folder that has it")
    torch.ops.load_library(library)
    on_gpu = folder / "libnibble_torch_cuda.so"
    if on_gpu.exists() and torch.version.cuda:
        torch.ops.load_library(on_gpu)


_load()
ops = torch.ops.nibble


@functools.cache
def recipes():
    """The names that a recipe can have."""
    return ("bf16", *ops.recipes())


def require_recipe(name):
    if name not in recipes():
        raise ValueError(f"unknown recipe '{name}'; there are: {', '.join(recipes())}")


@functools.cache
def facts(recipe, role):
    """Block size, transform size, bits of a code, bytes of a scale, kind of amaxes."""
    return tuple(ops.facts(recipe, role))


def _up(value, step):
    return (value + step - 1) // step * step


def layout(recipe, role, rows, columns):
    """(code bytes, place of the scales, their bytes, place of the amaxes, their number, bytes in all) of
    an operand. rows, columns: of the operand, before a transform pads it."""
    block, transform, bits, scale_bytes, kind = facts(recipe, role)
    columns = _up(columns, transform)
    blocks = _up(columns, block) // block
    codes = rows * blocks * block * bits // 8
    scales = rows * blocks * scale_bytes
    amaxes = (1, rows, rows * (_up(columns, 128) // 128))[kind]
    scales_at = _up(codes, 256)
    amax_at = scales_at + _up(scales, 256)
    return codes, scales_at, scales, amax_at, amaxes, amax_at + _up(4 * amaxes, 256)


def operand_bytes(recipe, role, rows, columns):
    return layout(recipe, role, rows, columns)[-1]


def streams(layer, step=0, device="cpu"):
    """The names of the random numbers that a layer draws at a step: see nibble::layer_key."""
    if not (0 <= layer < 1 << 16 and 0 <= step < 1 << 40):
        raise ValueError(f"got layer {layer} and step {step}; need a layer below 2^16 and a step below 2^40")
    of_role = [step << 24 | layer << 8 | role << 1 | (role in TURNED) for role in range(6)]
    of_signs = [step << 24 | layer << 8 | (6 + product) << 1 for product in range(3)]
    return torch.tensor([value - (1 << 64) if value >> 63 else value for value in of_role + of_signs],
                        dtype=torch.int64, device=device)


# --- what a tracer needs: shapes and types ------------------------------------------------------------

def _bytes(like, count):
    return like.new_empty((count,), dtype=torch.uint8)


@torch.library.register_fake("nibble::linear")
def _(x, weight, streams, seed, recipe, exact, keep, made, turned, x_amaxes, weight_amaxes, place, group):
    tokens, inputs = x.shape
    outputs = weight.shape[0]
    kept_x = operand_bytes(recipe, 5, inputs, tokens) if keep else 0
    kept_weight = operand_bytes(recipe, 3, inputs, outputs) if keep and made is None else 0
    return x.new_empty((tokens, outputs)), _bytes(x, kept_x), _bytes(x, kept_weight)


@torch.library.register_fake("nibble::linear_backward")
def _(dy, kept_x, kept_weight, inputs, x_type, weight_type, needs_dx, needs_dw, streams, seed, recipe, exact,
      amaxes, place):
    tokens, outputs = dy.shape
    return (dy.new_empty((tokens, inputs) if needs_dx else (0,), dtype=x_type),
            dy.new_empty((outputs, inputs) if needs_dw else (0,), dtype=weight_type))


@torch.library.register_fake("nibble::operands")
def _(input, tensor, streams, seed, recipe, both, amaxes, place):
    rows, columns = input.shape
    first, second = OPERANDS[tensor]
    return (_bytes(input, operand_bytes(recipe, first, rows, columns)),
            _bytes(input, operand_bytes(recipe, second, columns, rows) if both else 0))


@torch.library.register_fake("nibble::later_operand")
def _(codes, tensor, rows, columns, streams, seed, recipe, place):
    return _bytes(codes, operand_bytes(recipe, OPERANDS[tensor][1], columns, rows))


@torch.library.register_fake("nibble::amaxes")
def _(input, tensor, streams, seed, recipe):
    return input.new_empty((2,), dtype=torch.float32)


@torch.library.register_fake("nibble::product")
def _(a, b, m, n, k, product, recipe, exact, dtype):
    return a.new_empty((m, n), dtype=dtype)


@torch.library.register_fake("nibble::decode")
def _(operand, role, rows, columns, streams, seed, recipe, dtype):
    return operand.new_empty((rows, columns), dtype=dtype)


# --- gradients ----------------------------------------------------------------------------------------

def shared_amaxes(input, tensor, streams, seed, recipe, group):
    """The amaxes of a tensor's operands, the largest over the processes of a group; None without a group."""
    if not group:
        return None
    from torch.distributed._functional_collectives import all_reduce
    with torch.no_grad():
        return all_reduce(ops.amaxes(input.detach(), tensor, streams, seed, recipe), "max", group)


def gradients(ctx, dy, kept_x, kept_weight, amaxes, streams, seed, recipe, exact, inputs, x_type, weight_type, place):
    """dx and dw of a layer whose two first inputs are x and the weight; None for what nobody asks for."""
    needs_dx, needs_dw = ctx.needs_input_grad[:2]
    dx, dw = ops.linear_backward.default(dy, kept_x, kept_weight, inputs, x_type, weight_type, needs_dx, needs_dw,
                                         streams, seed, recipe, exact, amaxes, place)
    return dx if needs_dx else None, dw if needs_dw else None


def _setup(ctx, inputs, output):
    x, weight, streams, seed, recipe, exact, keep, _, turned, _, _, place, group = inputs
    _, kept_x, kept_weight = output
    ctx.save_for_backward(kept_x, kept_weight if turned is None else turned, streams)
    ctx.mark_non_differentiable(kept_x, kept_weight)
    ctx.set_materialize_grads(False)
    ctx.call = (seed, recipe, exact, weight.shape[1], x.dtype, weight.dtype, place)
    ctx.group = group
    ctx.kept = keep


def _backward(ctx, dy, *_):
    nothing = [None] * 11
    if dy is None:
        return None, None, *nothing
    if not ctx.kept:
        raise RuntimeError("nibble::linear: got a backward pass, but was told to keep nothing for one")
    kept_x, kept_weight, streams = ctx.saved_tensors
    amaxes = shared_amaxes(dy, "dy", streams, *ctx.call[:2], ctx.group)
    return *gradients(ctx, dy, kept_x, kept_weight, amaxes, streams, *ctx.call), *nothing


torch.library.register_autograd("nibble::linear", _backward, setup_context=_setup)


class _Eager(torch.autograd.Function):
    """What register_autograd makes of `linear`, in a third of the time on the host; tracers take the other."""

    @staticmethod
    def forward(ctx, *call):
        with torch._C._AutoDispatchBelowAutograd():
            output = ops.linear.default(*call)
        ctx.set_materialize_grads(False)
        _setup(ctx, call, output)
        return output

    backward = staticmethod(_backward)


def linear(*call):
    """y of the operator `linear`."""
    if torch.compiler.is_compiling():
        return ops.linear(*call)[0]
    return _Eager.apply(*call)[0]
