// SPDX-License-Identifier: Apache-2.0
// A matrix of one kind of blocks cannot be filled, or read, as another; tiles need one amax.
// expect: got a view of other blocks than the quantizer makes
// expect: got square tiles under an amax per row
#include <nibble/dequantize.hpp>
#include <nibble/nibble.hpp>

using plain = nibble::quantizer<>;
using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;
using tiles_by_row =
    nibble::quantizer<nibble::nvfp4_block,
                      nibble::scaling::amax<nibble::scaling::tile::square, nibble::tensor_scale::per_row<>>>;
using input = nibble::matrix_view<float const>;

void right(input const& in, nibble::quantized_view<nibble::nvfp4_block> const& out) {
  nibble::quantize(in, out, plain{});
}
#ifdef NIBBLE_BREAK
void wrong(input const& in, nibble::quantized_view<nibble::nvfp4_block> const& out,
           nibble::matrix_view<float> const& result) {
  nibble::quantize(in, out, mx{});
  nibble::dequantize(out, result, mx{});
  nibble::quantize(in, out, tiles_by_row{});
}
#endif
