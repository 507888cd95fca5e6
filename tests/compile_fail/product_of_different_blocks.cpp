// SPDX-License-Identifier: Apache-2.0
// The operands of a product share the block size.
// expect: got blocks of different sizes; both operands need the same along K
#include <nibble/matmul.hpp>
#include <nibble/nibble.hpp>

using plain = nibble::quantizer<>;
using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;

template <class B>
void multiply(nibble::quantized_by<plain> const& a, nibble::quantized_by<B> const& b,
              nibble::matrix_view<float> const& out) {
  nibble::matmul<nibble::product::ordered>(a.view(), plain{}, b.view(), B{}, out);
}
template void multiply<plain>(nibble::quantized_by<plain> const&, nibble::quantized_by<plain> const&,
                       nibble::matrix_view<float> const&);
#ifdef NIBBLE_BREAK
template void multiply<mx>(nibble::quantized_by<plain> const&, nibble::quantized_by<mx> const&,
                       nibble::matrix_view<float> const&);
#endif
