// SPDX-License-Identifier: Apache-2.0
// A matrix of one kind of blocks cannot be filled as another.
// expect: got a view of other blocks than the quantizer makes
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;
using input = nibble::matrix_view<float const>;

void right(input const& in, nibble::quantized_view<nibble::nvfp4_block> const& out) {
  nibble::quantize(in, out, nibble::quantizer<>{});
}
#ifdef NIBBLE_BREAK
void wrong(input const& in, nibble::quantized_view<nibble::nvfp4_block> const& out) {
  nibble::quantize(in, out, mx{});
}
#endif
