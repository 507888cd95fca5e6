// SPDX-License-Identifier: Apache-2.0
// A tile of 16x16 shares one scale, so it needs one amax.
// expect: got square tiles under an amax per row
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

template <class Outer>
using tiles = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::square, Outer>>;
using input = nibble::matrix_view<float const>;

void right(input const& in, nibble::quantized_view<nibble::nvfp4_block> const& out) {
  nibble::quantize(in, out, tiles<nibble::tensor_scale::current<>>{});
}
#ifdef NIBBLE_BREAK
void wrong(input const& in, nibble::quantized_view<nibble::nvfp4_block> const& out) {
  nibble::quantize(in, out, tiles<nibble::tensor_scale::per_row<>>{});
}
#endif
