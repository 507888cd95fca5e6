// SPDX-License-Identifier: Apache-2.0
// The unit of storage of block-scaled formats: some codes and the scale they share.
#pragma once

#include "nibble/e8m0.hpp"
#include "nibble/fp4_e2m1.hpp"
#include "nibble/fp6_e2m3.hpp"
#include "nibble/fp6_e3m2.hpp"
#include "nibble/fp8_e4m3.hpp"
#include "nibble/fp8_e5m2.hpp"
#include "nibble/packed.hpp"

namespace nibble {

/// Size elements and their scale.
///
/// shape   the packed codes, then the scale; an aggregate of standard layout without padding.
/// units   value_i = codes[i] * scale * (what the scaling policy's tensor scale says).
template <class Element, class Scale, int Size>
struct block {
  using element_type = Element;
  using scale_type = Scale;
  static constexpr int size = Size;

  packed<Element, Size> codes;
  Scale scale;
};

using nvfp4_block = block<fp4_e2m1, fp8_e4m3, 16>;
using mxfp4_block = block<fp4_e2m1, e8m0, 32>;
using mxfp6_e2m3_block = block<fp6_e2m3, e8m0, 32>;
using mxfp6_e3m2_block = block<fp6_e3m2, e8m0, 32>;
using mxfp8_block = block<fp8_e4m3, e8m0, 32>;
using mxfp8_e5m2_block = block<fp8_e5m2, e8m0, 32>;
using fp8_block = block<fp8_e4m3, float, 128>;  // the FP8 baseline: 128 elements, an FP32 scale

static_assert(sizeof(nvfp4_block) == 9 && sizeof(mxfp4_block) == 17 && sizeof(mxfp8_block) == 33);
static_assert(sizeof(mxfp6_e2m3_block) == 25 && sizeof(fp8_block) == 132);

}  // namespace nibble
