// SPDX-License-Identifier: Apache-2.0
// A matrix of one kind of blocks cannot be read as another.
// expect: got a view of other blocks than the quantizer makes
#include <nibble/dequantize.hpp>
#include <nibble/nibble.hpp>

using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;

void right(nibble::quantized_by<mx> const& in, nibble::matrix_view<float> const& out) {
  nibble::dequantize(in.view(), out, mx{});
}
#ifdef NIBBLE_BREAK
void wrong(nibble::quantized_by<mx> const& in, nibble::matrix_view<float> const& out) {
  nibble::dequantize(in.view(), out, nibble::quantizer<>{});
}
#endif
