// SPDX-License-Identifier: Apache-2.0
// expect: got a Correction that is no correction::policy
#include <nibble/nibble.hpp>

template <class Correction>
using corrected = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                                    nibble::transform::identity, Correction>;
static_assert(corrected<nibble::correction::eden<128>>::group.columns == 128);
#ifdef NIBBLE_BREAK
struct blind {
  static constexpr int columns = 1;
};
static_assert(corrected<blind>::group.columns == 16);
#endif
