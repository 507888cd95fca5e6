// SPDX-License-Identifier: Apache-2.0
// A view with plain scales cannot be made of a matrix whose scales lie in tiles.
// expect: conversion from .* to non-scalar type|no viable conversion from
#include <nibble/quantized_matrix.hpp>

using tiled = nibble::quantized_matrix<nibble::nvfp4_block, nibble::layout::scale_tile_128x4>;

void right(tiled& matrix) {
  [[maybe_unused]] nibble::quantized_view<nibble::nvfp4_block, nibble::layout::scale_tile_128x4> view = matrix.view();
}
#ifdef NIBBLE_BREAK
void wrong(tiled& matrix) { [[maybe_unused]] nibble::quantized_view<nibble::nvfp4_block> view = matrix.view(); }
#endif
