// SPDX-License-Identifier: Apache-2.0
// expect: got stochastic rounding to special values
#include <nibble/nibble.hpp>
#include <nibble/scaling/adaptive.hpp>

constexpr float values[16]{1, 2, 3};
template <class Rounding>
using razer = nibble::quantizer<nibble::razer_block, nibble::scaling::adaptive<>, Rounding>;
constexpr auto fine = razer<nibble::rounding::nearest_even>{}(values, nibble::tensor_amax{3});
static_assert(fine.scale.tag() <= 1);
#ifdef NIBBLE_BREAK
constexpr auto broken = razer<nibble::rounding::stochastic<>>{}(values, nibble::tensor_amax{3});
#endif
