// SPDX-License-Identifier: Apache-2.0
// The choice compares errors in the tensor's units, so it needs a tensor scale.
// expect: got no tensor scale; four_over_six needs tensor_scale::current
#include <nibble/nibble.hpp>

template <class Outer>
auto quantize_zeros() {
  float values[16]{};
  using scaling = nibble::scaling::four_over_six<nibble::scaling::squared_error, nibble::scaling::tile::row, Outer>;
  return nibble::quantizer<nibble::nvfp4_block, scaling>{}(values, nibble::tensor_amax{0});
}

auto q = quantize_zeros<nibble::tensor_scale::current<256>>();
#ifdef NIBBLE_BREAK
auto broken = quantize_zeros<nibble::tensor_scale::none>();
#endif
