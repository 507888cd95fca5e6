// SPDX-License-Identifier: Apache-2.0
// The core, and the host algorithms over whole matrices. Needs CCCL (libcu++) beside a C++20
// compiler.
#pragma once

#include "nibble/dequantize.hpp"
#include "nibble/linear.hpp"
#include "nibble/matmul.hpp"
#include "nibble/metrics.hpp"
#include "nibble/nibble.hpp"
#include "nibble/quantize.hpp"
#include "nibble/quantize_both.hpp"
#include "nibble/quantized_matrix.hpp"
#include "nibble/recipe.hpp"
#include "nibble/recipes/bf16.hpp"
#include "nibble/recipes/four_over_six.hpp"
#include "nibble/recipes/fp8.hpp"
#include "nibble/recipes/mxfp4.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "nibble/requantize.hpp"
#include "nibble/swizzle.hpp"
#include "nibble/threads.hpp"
#include "nibble/transpose.hpp"
#include "nibble/view.hpp"
