// SPDX-License-Identifier: Apache-2.0
// expect: got a block with one table
#include <nibble/nibble.hpp>
#include <nibble/scaling/adaptive.hpp>

constexpr float values[16]{1, 2, 3};
constexpr auto fine = nibble::quantizer<nibble::if4_block, nibble::scaling::adaptive<>>{}(values, nibble::tensor_amax{3});
static_assert(fine.scale.tag() <= 1);
#ifdef NIBBLE_BREAK
constexpr auto broken = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::adaptive<>>{}(values, nibble::tensor_amax{3});
#endif
