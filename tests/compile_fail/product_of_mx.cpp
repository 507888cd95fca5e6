// SPDX-License-Identifier: Apache-2.0
// An exact product is proved for e2m1 with E4M3 scales only.
// expect: product::exact is proved for that one, use product::ordered
#include <nibble/matmul.hpp>
#include <nibble/nibble.hpp>

using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;

template <nibble::product Mode>
void multiply(nibble::quantized_by<mx> const& a, nibble::matrix_view<float> const& out) {
  nibble::matmul<Mode>(a.view(), mx{}, a.view(), mx{}, out);
}

template void multiply<nibble::product::ordered>(nibble::quantized_by<mx> const&,
                                                 nibble::matrix_view<float> const&);
#ifdef NIBBLE_BREAK
template void multiply<nibble::product::exact>(nibble::quantized_by<mx> const&,
                                               nibble::matrix_view<float> const&);
#endif
