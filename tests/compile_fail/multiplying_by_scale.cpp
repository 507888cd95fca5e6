// SPDX-License-Identifier: Apache-2.0
// A code times its scale is a product of floats, in the order that the policy states.
// expect: (no match for .operator\*|invalid operands to binary expression)
#include <nibble/block.hpp>

float value(nibble::fp4_e2m1 code, nibble::fp8_e4m3 scale) {
  return static_cast<float>(code) * static_cast<float>(scale);
}
#ifdef NIBBLE_BREAK
auto of_types(nibble::fp4_e2m1 code, nibble::fp8_e4m3 scale) { return code * scale; }
#endif
