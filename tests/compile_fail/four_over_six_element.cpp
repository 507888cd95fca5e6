// SPDX-License-Identifier: Apache-2.0
// The choice between 4 and 6 is about the grid of e2m1.
// bugs: A11
// expect: got an element other than fp4_e2m1
#include <nibble/nibble.hpp>

template <class Element>
auto quantize_zeros() {
  float values[16]{};
  using block = nibble::block<Element, nibble::fp8_e4m3, 16>;
  return nibble::quantizer<block, nibble::scaling::four_over_six<>>{}(values, nibble::tensor_amax{0});
}

auto q = quantize_zeros<nibble::fp4_e2m1>();
#ifdef NIBBLE_BREAK
auto broken = quantize_zeros<nibble::fp6_e2m3>();
#endif
