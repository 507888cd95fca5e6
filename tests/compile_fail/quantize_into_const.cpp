// SPDX-License-Identifier: Apache-2.0
// A read-only quantized matrix cannot be written.
// expect: got a read-only view to write blocks to
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

template <class Block>
void write(nibble::matrix_view<float const> const& in, nibble::quantized_view<Block> const& out) {
  nibble::quantize(in, out, nibble::quantizer<>{});
}
template void write(nibble::matrix_view<float const> const&, nibble::quantized_view<nibble::nvfp4_block> const&);
#ifdef NIBBLE_BREAK
template void write(nibble::matrix_view<float const> const&, nibble::quantized_view<nibble::nvfp4_block const> const&);
#endif
