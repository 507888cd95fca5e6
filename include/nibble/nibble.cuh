// SPDX-License-Identifier: Apache-2.0
// The host's part, and the kernels and launchers of quantizing. Needs nvcc. Products and the linear
// layer on the GPU are device/matmul.cuh and device/linear.cuh, a warp's products mma/.
#pragma once

#include "nibble/device/amax.cuh"
#include "nibble/device/dequantize.cuh"
#include "nibble/device/grouped.cuh"
#include "nibble/device/grouped_columns.cuh"
#include "nibble/device/metrics.cuh"
#include "nibble/device/quantize.cuh"
#include "nibble/device/quantize_both.cuh"
#include "nibble/device/requantize.cuh"
#include "nibble/device/swizzle.cuh"
#include "nibble/device/tile.cuh"
#include "nibble/device/warp.cuh"
#include "nibble/matrix.hpp"
