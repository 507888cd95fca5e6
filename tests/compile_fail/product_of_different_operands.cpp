// SPDX-License-Identifier: Apache-2.0
// The operands of a product share the block size and the transform; exact needs one amax along K.
// expect: got blocks of different sizes; both operands need the same along K
// expect: got a transform on one operand only, or two that differ
// expect: got an outer scale per 1x128 block; need product::ordered
#include <nibble/matmul.hpp>
#include <nibble/nibble.hpp>

using nibble::nvfp4_block;
using plain = nibble::quantizer<>;
using mx = nibble::quantizer<nibble::mxfp4_block, nibble::scaling::power_of_two<>>;
using rotated = nibble::quantizer<nvfp4_block, nibble::scaling::amax<>, nibble::rounding::nearest_even,
                                  nibble::transform::hadamard<>>;
using by_128 = nibble::quantizer<
    nvfp4_block, nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_block_128<>>>;

template <nibble::product Mode, class A, class B>
void multiply(nibble::quantized_by<A> const& a, nibble::quantized_by<B> const& b,
              nibble::matrix_view<float> const& out) {
  nibble::matmul<Mode>(a.view(), A{}, b.view(), B{}, out);
}

void right(nibble::quantized_by<plain> const& a, nibble::matrix_view<float> const& out) {
  multiply<nibble::product::exact, plain, plain>(a, a, out);
}
#ifdef NIBBLE_BREAK
void wrong(nibble::quantized_by<plain> const& a, nibble::quantized_by<mx> const& b,
           nibble::matrix_view<float> const& out) {
  multiply<nibble::product::ordered, plain, mx>(a, b, out);
  multiply<nibble::product::exact, plain, rotated>(a, a, out);
  multiply<nibble::product::exact, by_128, by_128>(a, a, out);
}
#endif
