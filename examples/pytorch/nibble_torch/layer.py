# SPDX-License-Identifier: Apache-2.0
"""The linear layer whose three products are taken in four bits."""
import contextlib

import torch
from torch import nn

from . import delayed as delayed_amaxes
from .operators import facts, linear, ops, require_recipe, shared_amaxes, streams

STEP = 1 << 24  # what a step adds to every stream
TENSORS = ("x", "weight", "dy")
EXTENTS = ("tokens", "inputs", "outputs")


class Linear(nn.Linear):
    """nn.Linear with the products of the forward and of the backward pass quantized as a recipe says.

    Parameters, names and shapes are those of nn.Linear. x: bf16 or fp32, any leading dimensions; under autocast
    it is cast first. The weight is quantized from its own type, fp32 or bf16. For the backward pass it keeps x
    and the weight as codes. Random numbers follow from (seed, layer, step) and an element's place alone.

    groups: {"x": group, "weight": group, "dy": group}, as many as are wanted: the processes that hold parts of that
    tensor, whose amaxes then cover all of it. parts: {"tokens": (number, count), ...}, also of "inputs" and
    "outputs": this process has part `number` of `count` equal ones, and draws the random numbers of its place in the
    whole. delayed: x and dy are quantized under the amaxes of the step before, see share_amaxes.
    """

    def __init__(self, in_features, out_features, bias=True, *, recipe="nvfp4", mode="fast", seed=0, layer=0,
                 groups=None, parts=None, delayed=False, device=None, dtype=None):
        super().__init__(in_features, out_features, bias, device=device, dtype=dtype)
        self._set(recipe, mode, seed, layer, groups, parts, delayed)

    def _set(self, recipe, mode, seed, layer, groups, parts, delayed):
        require_recipe(recipe)
        if mode not in ("fast", "exact"):
            raise ValueError(f"got mode '{mode}'; need fast or exact")
        if not 0 <= seed < 1 << 63:
            raise ValueError(f"got seed {seed}; need one from 0 to 2^63 - 1")
        self.recipe, self.mode, self.seed, self.layer = recipe, mode, seed, layer
        groups, parts = groups or {}, parts or {}
        for given, known in ((groups, TENSORS), (parts, EXTENTS)):
            if not set(given) <= set(known):
                raise ValueError(f"got {sorted(given)}; need some of {known}")
        self.groups = {name: groups[name].group_name if groups.get(name) is not None else "" for name in TENSORS}
        self.parts = {name: parts[name] for name in parts if parts[name][1] > 1}
        self._made = None  # the weight's operands, inside reuse_weights
        self._reuses = False
        self.register_buffer("streams", streams(layer, device=self.weight.device), persistent=False)
        self.delayed, self.has_amaxes = delayed, False
        if delayed:
            delayed_amaxes.prepare(self)

    @classmethod
    def of(cls, plain, recipe="nvfp4", mode="fast", seed=0, layer=0, groups=None, parts=None,
           delayed=False):
        """The quantized layer with the parameters, the very ones, of an nn.Linear."""
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        made.in_features, made.out_features = plain.in_features, plain.out_features
        made.weight, made.bias = plain.weight, plain.bias
        made.training = plain.training
        made._set(recipe, mode, seed, layer, groups, parts, delayed)
        return made

    def reset_parameters(self):
        super().reset_parameters()
        if "streams" in self._buffers:  # of a layer that was made on the meta device and has memory now
            with torch.no_grad():
                self.streams.copy_(streams(self.layer))

    def forward(self, x):
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        if self.recipe == "bf16":
            return nn.functional.linear(x, self.weight.to(x.dtype),
                                        None if self.bias is None else self.bias.to(x.dtype))
        y = self._multiply(x.reshape(-1, self.in_features))
        if self.bias is not None:
            y = y + self.bias.to(y.dtype)
        return y.reshape(*x.shape[:-1], self.out_features)

    def _multiply(self, x):
        keep = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        place = self._place(x.shape[0])
        if self.delayed:
            return delayed_amaxes.multiply_delayed(x, self.weight, self, place)
        amaxes = self._shared_amaxes(x, "x")
        if type(self.weight) not in (nn.Parameter, torch.Tensor):
            from .fsdp import GatheredWeight, multiply_gathered
            if isinstance(self.weight, GatheredWeight):
                return multiply_gathered(x, self.weight, self, amaxes, place)
        made, turned = self._operands(place) if self._reuses else (None, None)
        weight_amaxes = None if self._reuses else self._shared_amaxes(self.weight, "weight")
        return linear(x, self.weight, self.streams, self.seed, self.recipe, self.mode == "exact", keep, made, turned,
                      amaxes, weight_amaxes, place, self.groups["dy"])

    def _shared_amaxes(self, tensor, name):
        return shared_amaxes(tensor, name, self.streams, self.seed, self.recipe, self.groups[name])

    def _place(self, tokens):
        """(first, all) of tokens, inputs and outputs, or nothing where this process has the whole."""
        place = []
        if not self.parts:
            return place
        tile = max(max(facts(self.recipe, role)[:2]) for role in range(6))
        for name, size in zip(EXTENTS, (tokens, self.in_features, self.out_features)):
            number, count = self.parts.get(name, (0, 1))
            if name in self.parts and size % tile:
                raise ValueError(f"got {size} {name} in each of {count} parts; recipe {self.recipe} needs a multiple of "
                                 f"{tile}")
            place += [number * size, count * size]
        return place

    def _operands(self, place):
        if self._made is None:
            with torch.no_grad():
                self._made = ops.operands(self.weight, "weight", self.streams, self.seed, self.recipe, True,
                                          self._shared_amaxes(self.weight, "weight"), place)
        return self._made

    def _load_from_state_dict(self, state, prefix, *rest):
        super()._load_from_state_dict(state, prefix, *rest)
        self.has_amaxes = self.delayed and bool((self.amaxes > 0).any())

    def extra_repr(self):
        return f"{super().extra_repr()}, recipe={self.recipe}, mode={self.mode}, layer={self.layer}"


def layers(model):
    """The quantized layers of a model, in its order."""
    return [module for module in model.modules() if isinstance(module, Linear)]


@torch.no_grad()
def set_step(model, step):
    """Lets all layers draw the random numbers of a step: at the start, and where a run resumes."""
    for each in layers(model):
        each.streams.copy_(streams(each.layer, step))


@torch.no_grad()
def advance(model):
    """Goes on to the next step's random numbers, on the device: one launch, which a CUDA graph can hold."""
    of_all = [each.streams for each in layers(model)]
    if of_all:
        torch._foreach_add_(of_all, STEP)


@contextlib.contextmanager
def reuse_weights(model):
    """Quantizes each weight once, when it is first used, until the block ends: for gradients that are added up
    over several passes. The weights must not change inside."""
    of_all = layers(model)
    try:
        for each in of_all:
            each._reuses = True
        yield
    finally:
        for each in of_all:
            each._reuses, each._made = False, None
