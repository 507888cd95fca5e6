# SPDX-License-Identifier: Apache-2.0
"""Which layers of a model are quantized."""
import dataclasses
import fnmatch
import re

from torch import nn

from .layer import Linear
from .operators import require_recipe


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which layers stay as they are: the first blocks, the last ones or a share of them (rounded up), and those
    whose name matches a pattern. See nibble::precision_plan."""
    first_blocks: int = 0
    last_blocks: int = 0
    last_percent: int = 0
    roles: tuple = ()

    def keeps(self, name, block, blocks):
        last = max(self.last_blocks, (blocks * self.last_percent + 99) // 100)
        return (block < self.first_blocks or block >= blocks - last
                or any(fnmatch.fnmatch(name, f"*{role}*") for role in self.roles))


LAST_15_PERCENT = Plan(last_percent=15)
PLANS = {"nvfp4": LAST_15_PERCENT, "mxfp4": LAST_15_PERCENT, "four_over_six": LAST_15_PERCENT,
         "nvfp4_nearest": LAST_15_PERCENT, "nvfp4_sr_forward": LAST_15_PERCENT, "nvfp4_no_sr": LAST_15_PERCENT,
         "nvfp4_no_hadamard": LAST_15_PERCENT}  # as the library's recipes have it; the others keep none


def _keeper(recipe, keep):
    if keep is None:
        keep = PLANS.get(recipe, Plan())
    if isinstance(keep, Plan):
        return lambda name, module, block, blocks: keep.keeps(name, block, blocks)
    if callable(keep):
        return keep
    if isinstance(keep, str):
        raise TypeError(f"got keep='{keep}'; need None, a Plan, a function or a list of patterns")
    patterns = tuple(keep)
    return lambda name, module, block, blocks: any(fnmatch.fnmatch(name, p) for p in patterns)


def _block(name):
    found = re.search(r"(?:^|\.)(\d+)(?:\.|$)", name)
    return None if found is None else int(found.group(1))


def convert(model, recipe="nvfp4", keep=None, seed=0, mode="fast", data_group=None, delayed=False):
    """Puts a quantized layer in the place of each nn.Linear of a model's blocks, with the same parameters, and
    returns the model.

    A layer's block is the first number in its name; layers without one (embeddings, heads) are left alone. keep:
    None for the recipe's own plan, a Plan, patterns of names, or a function of (name, module, block, blocks).
    data_group: processes that have a part each of one batch (DistributedDataParallel): amaxes of activations and
    gradients then cover the whole batch, and each process draws the random numbers of its part. None: every process
    quantizes its part as a batch of its own. delayed: amaxes of activations and gradients are those of the step before,
    which share_amaxes finds for all layers at once.
    All layers of blocks are counted, kept or not, so that a layer's random numbers do not depend on keep.
    """
    require_recipe(recipe)
    found = [(name, module, _block(name)) for name, module in model.named_modules() if type(module) is nn.Linear]
    found = [each for each in found if each[2] is not None]
    if not found:
        raise ValueError("got a model without an nn.Linear in a numbered block; nothing to quantize")
    blocks = 1 + max(block for _, _, block in found)
    keeps = _keeper(recipe, keep)
    groups = parts = None
    if data_group is not None:
        groups = {"x": data_group, "dy": data_group}
        parts = {"tokens": (data_group.rank(), data_group.size())}
    for layer, (name, module, block) in enumerate(found):
        if recipe == "bf16" or keeps(name, module, block, blocks):
            continue
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, Linear.of(module, recipe, mode, seed, layer, groups, parts,
                                                              delayed))
    return model
