// SPDX-License-Identifier: Apache-2.0
// An exact product needs one amax along K.
// expect: got an outer scale per 1x128 block; need product::ordered
#include <nibble/matmul.hpp>
#include <nibble/nibble.hpp>

using by_128 = nibble::quantizer<
    nibble::nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_block_128<>>>;

template <nibble::product Mode>
void multiply(nibble::quantized_by<by_128> const& a, nibble::matrix_view<float> const& out) {
  nibble::matmul<Mode>(a.view(), by_128{}, a.view(), by_128{}, out);
}
template void multiply<nibble::product::ordered>(nibble::quantized_by<by_128> const&,
                                                 nibble::matrix_view<float> const&);
#ifdef NIBBLE_BREAK
template void multiply<nibble::product::exact>(nibble::quantized_by<by_128> const&,
                                               nibble::matrix_view<float> const&);
#endif
