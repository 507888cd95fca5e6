// SPDX-License-Identifier: Apache-2.0
// A square tile is not made of one row.
// expect: got a row; this quantizer's group has several
#include <nibble/nibble.hpp>

template <nibble::scaling::tile Shape>
auto quantize_row() {
  float values[16]{};
  using q = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<Shape>>;
  return q{}(values, nibble::tensor_amax{1.0f});
}

auto q = quantize_row<nibble::scaling::tile::row>();
#ifdef NIBBLE_BREAK
auto broken = quantize_row<nibble::scaling::tile::square>();
#endif
