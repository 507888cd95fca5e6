// SPDX-License-Identifier: Apache-2.0
// A rotation cancels only where both operands of a product have it.
// expect: got a transform on one operand only, or two that differ
#include <nibble/matmul.hpp>
#include <nibble/nibble.hpp>

using plain = nibble::quantizer<>;
using rotated = nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                                  nibble::transform::hadamard<>>;

template <class A, class B>
void multiply(nibble::quantized_by<A> const& a, nibble::matrix_view<float> const& out) {
  nibble::matmul<nibble::product::exact>(a.view(), A{}, a.view(), B{}, out);
}
template void multiply<rotated, rotated>(nibble::quantized_by<plain> const&, nibble::matrix_view<float> const&);
#ifdef NIBBLE_BREAK
template void multiply<plain, rotated>(nibble::quantized_by<plain> const&, nibble::matrix_view<float> const&);
#endif
