// SPDX-License-Identifier: Apache-2.0
// A read-only matrix is no result.
// expect: got a read-only matrix to write to
#include <nibble/dequantize.hpp>
#include <nibble/nibble.hpp>

template <class T>
void read(nibble::quantized_view<nibble::nvfp4_block> const& in, nibble::matrix_view<T> const& out) {
  nibble::dequantize(in, out, nibble::quantizer<>{});
}
template void read(nibble::quantized_view<nibble::nvfp4_block> const&, nibble::matrix_view<float> const&);
#ifdef NIBBLE_BREAK
template void read(nibble::quantized_view<nibble::nvfp4_block> const&, nibble::matrix_view<float const> const&);
#endif
