// SPDX-License-Identifier: Apache-2.0
// Matrices of integers are not quantized by accident: raw 16-bit words are bf16 only if they say so.
// expect: got a matrix of integers; need float, nibble::bf16 or nibble::fp16
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

template <class T>
void quantize(nibble::matrix_view<T const> const& in, nibble::quantized_view<nibble::nvfp4_block> const& out) {
  nibble::quantize(in, out, nibble::quantizer<>{});
}
template void quantize(nibble::matrix_view<nibble::bf16 const> const&, nibble::quantized_view<nibble::nvfp4_block> const&);
#ifdef NIBBLE_BREAK
template void quantize(nibble::matrix_view<unsigned short const> const&,
                       nibble::quantized_view<nibble::nvfp4_block> const&);
#endif
