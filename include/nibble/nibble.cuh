// SPDX-License-Identifier: Apache-2.0
// Everything, kernels and launchers included. Needs nvcc.
#pragma once

#include "nibble/device/amax.cuh"
#include "nibble/device/dequantize.cuh"
#include "nibble/device/quantize.cuh"
#include "nibble/device/requantize.cuh"
#include "nibble/device/swizzle.cuh"
#include "nibble/matrix.hpp"
