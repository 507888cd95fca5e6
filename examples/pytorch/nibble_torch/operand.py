# SPDX-License-Identifier: Apache-2.0
"""Single quantized matrices: to codes, back to numbers, and products of two."""
import dataclasses

import torch

from .operators import OPERANDS, ROLES, TURNED, layout, ops, require_recipe, streams

PRODUCTS = {("fprop_x", "fprop_w"): "fprop", ("dgrad_dy", "dgrad_w"): "dgrad", ("wgrad_dy", "wgrad_x"): "wgrad"}


@dataclasses.dataclass
class QuantizedTensor:
    """A matrix as an operand of a recipe's product: quantized along its columns, over which the product sums."""
    data: torch.Tensor  # codes, scales and amaxes in one buffer
    shape: tuple
    recipe: str
    role: str
    streams: torch.Tensor
    seed: int

    def _part(self, first, size):
        return self.data[first:first + size]

    @property
    def _layout(self):
        return layout(self.recipe, ROLES.index(self.role), *self.shape)

    @property
    def codes(self):
        """Packed, row after row, the even element in the low half of a byte."""
        return self._part(0, self._layout[0])

    @property
    def scales(self):
        return self._part(*self._layout[1:3])

    @property
    def amax(self):
        _, _, _, at, count, _ = self._layout
        return self._part(at, 4 * count).view(torch.float32)


def quantize(x, recipe="nvfp4", role="fprop_x", *, seed=0, layer=0, step=0, amaxes=None, place=()):
    """Quantizes a matrix as the operand `role` of a recipe. For roles that a layer makes of a transposed tensor
    (dgrad_w, wgrad_dy, wgrad_x), x is the matrix before it is transposed, and the result has its transpose's
    shape."""
    require_recipe(recipe)
    if role not in ROLES:
        raise ValueError(f"unknown role '{role}'; there are: {', '.join(ROLES)}")
    number = ROLES.index(role)
    tensor = next(name for name, roles in OPERANDS.items() if number in roles)
    names = streams(layer, step, x.device)
    both = ops.operands(x, tensor, names, seed, recipe, number in TURNED, amaxes, list(place))
    shape = tuple(x.shape[::-1]) if number in TURNED else tuple(x.shape)
    return QuantizedTensor(both[number in TURNED], shape, recipe, role, names, seed)


def dequantize(q, dtype=torch.float32):
    """The numbers that a quantized matrix stands for, its transform undone."""
    return ops.decode(q.data, ROLES.index(q.role), *q.shape, q.streams, q.seed, q.recipe, dtype)


def matmul(a, b, *, mode="fast", dtype=torch.float32):
    """a times b transposed, for the two operands of a product."""
    product = PRODUCTS.get((a.role, b.role))
    if product is None or a.recipe != b.recipe or a.shape[1] != b.shape[1]:
        raise ValueError(f"got {a.role} of {a.recipe}, {a.shape} and {b.role} of {b.recipe}, {b.shape}; need the two "
                         "operands of one product of one recipe, with as many columns")
    return ops.product(a.data, b.data, a.shape[0], b.shape[0], a.shape[1], product, a.recipe, mode == "exact", dtype)
