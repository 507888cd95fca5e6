# SPDX-License-Identifier: Apache-2.0
"""nibble's quantized linear layers in PyTorch."""
from .convert import Plan, convert
from .delayed import share_amaxes
from .fsdp import shard_weights, share_weight_amaxes
from .layer import Linear, advance, reuse_weights, set_step
from .operand import QuantizedTensor, dequantize, matmul, quantize
from .operators import recipes, streams
from .tensor_parallel import ColumnParallelLinear, RowParallelLinear

__all__ = ["ColumnParallelLinear", "Linear", "Plan", "QuantizedTensor", "RowParallelLinear", "advance", "convert", "dequantize", "matmul", "quantize",
           "recipes", "reuse_weights", "set_step", "shard_weights", "share_amaxes",
           "share_weight_amaxes", "streams"]
