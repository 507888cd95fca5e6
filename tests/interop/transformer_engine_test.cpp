// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/interop/transformer_engine.hpp>
#include <nibble/quantize.hpp>

#include "support/matrices.hpp"

namespace te = nibble::interop::transformer_engine;

TEST_CASE("data and scale_inv have the sizes of TransformerEngine's tensors") {
  auto const values = fixture::filled(144, 80);
  auto const compact = nibble::quantized<te::compact_scales>(values.view(), te::one_dimensional{});
  auto const swizzled = nibble::quantized<te::swizzled_scales>(values.view(), te::one_dimensional{});
  CHECK(compact.code_bytes().size() == 144 * 40);
  CHECK(compact.scales().size() == 256 * 8);  // rows to 128, scales to 4
  CHECK(swizzled.scales().size() == 256 * 8);
  int differences = 0;
  for (int i = 0; i < 144; ++i) {
    for (int b = 0; b < 5; ++b) {
      auto const plain = compact.scales()[static_cast<std::size_t>(i * 8 + b)];
      auto const at = static_cast<std::size_t>((i / 128 * 2 + b / 4) * 512 + i % 32 * 16 +
                                               i % 128 / 32 * 4 + b % 4);
      differences += plain.bits() != swizzled.scales()[at].bits();
    }
  }
  CHECK(differences == 0);
}

TEST_CASE("the Four Over Six example: MAE, bound 256, chooses 4") {
  float const block[16] = {4, 3.9f, 2.1f, -1.9f, 1, .9f, -3.1f, 2.95f,
                           .4f, -.6f, 1.6f, -1.4f, 3, -2, .1f, -4};
  float values[16];
  for (int i = 0; i < 16; ++i) values[i] = static_cast<float>(nibble::bf16(block[i]));
  auto const chosen = te::four_over_six<>{}(values, nibble::tensor_amax{16});
  CHECK(chosen.scale.bits() == 0x6C);
  std::uint8_t const expected[8] = {0x66, 0xC4, 0x22, 0x5D, 0x91, 0xB3, 0xC5, 0xE0};
  for (int i = 0; i < 8; ++i) CHECK(chosen.codes.bytes()[i] == expected[i]);
}

TEST_CASE("extents it accepts are multiples of 16") {
  static_assert(te::accepts(16, 32) && !te::accepts(17, 32) && !te::accepts(16, 24));
  CHECK(!te::accepts(0, 16));
}
