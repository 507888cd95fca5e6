// SPDX-License-Identifier: Apache-2.0
// There is no arithmetic on codes: convert, compute, round.
// expect: (no match for .operator\+|invalid operands to binary expression)
#include <nibble/fp4_e2m1.hpp>

float sum(nibble::fp4_e2m1 a, nibble::fp4_e2m1 b) {
  return static_cast<float>(a) + static_cast<float>(b);
}
#ifdef NIBBLE_BREAK
auto of_codes(nibble::fp4_e2m1 a, nibble::fp4_e2m1 b) { return a + b; }
#endif
