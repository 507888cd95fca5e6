// SPDX-License-Identifier: Apache-2.0
// What a read-only view refers to cannot be assigned.
// expect: no match for 'operator='|no match for .operator=.|no viable overloaded '='|use of deleted
#include <nibble/view.hpp>

template <class Block>
void write(nibble::quantized_view<Block> const& view) {
  view.codes(0, 0) = nibble::fp4_e2m1(1.0f);
}

template void write(nibble::quantized_view<nibble::nvfp4_block> const&);
#ifdef NIBBLE_BREAK
template void write(nibble::quantized_view<nibble::nvfp4_block const> const&);
#endif
