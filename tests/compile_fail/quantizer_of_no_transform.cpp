// SPDX-License-Identifier: Apache-2.0
// A transform must have an inverse.
// expect: got a Transform that is no transform::policy
#include <nibble/nibble.hpp>

struct one_way {
  static constexpr int size = 16;
  static void apply(float (&)[16]) noexcept {}
};
template <class Transform>
using with = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>,
                               nibble::rounding::nearest_even, Transform>;

with<nibble::transform::hadamard<>> q;
#ifdef NIBBLE_BREAK
with<one_way> broken;
#endif
