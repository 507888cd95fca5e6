// SPDX-License-Identifier: Apache-2.0
// A constant outer scale: its factors, and that nothing saturates under a floored power of two.
#include <nibble/tensor_scale/fixed.hpp>

#include <doctest/doctest.h>

#include <cmath>

#include <nibble/epilogue.hpp>
#include <nibble/nibble.hpp>

using namespace nibble;
using three_quarters = tensor_scale::fixed<3, 4>;
using prescaled =
    quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::floor, scaling::tile::row, three_quarters>>;

TEST_CASE("a fixed outer scale multiplies by the fraction, and its inverse puts it back") {
  auto const f = three_quarters::from<fp4_e2m1>({5.0f});
  CHECK(f.encode == 0.75f);
  CHECK(std::fabs(static_cast<double>(f.decode) - 4.0 / 3) < 1e-7);
  CHECK(three_quarters::decode<fp4_e2m1>(3.0f, f) == 4.0f);
  static_assert(tensor_scale::policy<three_quarters>);
}

TEST_CASE("under 3/4 a floored power of two saturates nothing, and loses nothing but rounding") {
  for (int step = 0; step < 4096; ++step) {
    float values[32]{};
    values[5] = 1.0f + static_cast<float>(step) / 4096;  // a whole binade of amaxes
    auto const block = prescaled{}(values, tensor_amax{0});
    float const scaled = values[5] * 0.75f / static_cast<float>(block.scale);
    REQUIRE(scaled <= 6.0f);
    auto const back = prescaled{}.dequantize(block, tensor_amax{0});
    REQUIRE(std::fabs(back[5] - values[5]) <= 0.2001f * values[5]);  // 1 of 5
  }
}

TEST_CASE("a product of two such operands is multiplied by 16/9") {
  CHECK(fold_alpha<prescaled, prescaled>(1.0f, {0}, {0}) == static_cast<float>(16.0 / 9));
  CHECK(fold_alpha<prescaled, quantizer<>>(1.0f, {0}, {1}) ==
        static_cast<float>(4.0 / 3 / 2688));
}
