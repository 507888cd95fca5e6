// SPDX-License-Identifier: Apache-2.0
// Everything, kernels and launchers included. Needs nvcc.
#pragma once

#include "nibble/device/amax.cuh"
#include "nibble/device/dequantize.cuh"
#include "nibble/device/grouped.cuh"
#include "nibble/device/metrics.cuh"
#include "nibble/device/quantize.cuh"
#include "nibble/device/quantize_both.cuh"
#include "nibble/device/requantize.cuh"
#include "nibble/device/swizzle.cuh"
#include "nibble/device/tile.cuh"
#include "nibble/device/warp.cuh"
#include "nibble/matrix.hpp"
