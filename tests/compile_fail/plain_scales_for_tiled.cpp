// SPDX-License-Identifier: Apache-2.0
// cuBLASLt reads scales in tiles of 128x4; a matrix with plain rows of scales is another type.
// expect: no matching function for call to .(check|nibble::interop::cublaslt::check)|no matching function for call
#include <nibble/interop/cublaslt.hpp>

using nibble::nvfp4_block;

bool right(nibble::quantized_view<nvfp4_block const, nibble::layout::scale_tile_128x4> const& operand) {
  return nibble::interop::cublaslt::check(operand) == nibble::interop::cublaslt::refusal::none;
}
#ifdef NIBBLE_BREAK
bool wrong(nibble::quantized_view<nvfp4_block const> const& operand) {
  return nibble::interop::cublaslt::check(operand) == nibble::interop::cublaslt::refusal::none;
}
#endif
