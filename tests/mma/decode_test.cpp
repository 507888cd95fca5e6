// SPDX-License-Identifier: Apache-2.0
// Codes decoded in registers are their values, for every code in every position.
// runs: host device
#include <doctest/doctest.h>

#include <nibble/fp4_e2m1.hpp>
#include <nibble/mma/decode.hpp>

#include "support/everywhere.hpp"

namespace {

namespace format = nibble::format;
namespace mma = nibble::mma;

template <format::float_format To>
struct is_decoded {
  /// index: a position and a code there; the other seven positions hold another code.
  NIBBLE_HD bool operator()(std::uint64_t index) const {
    auto const position = static_cast<int>(index % 8);
    auto const code = static_cast<std::uint32_t>(index / 8 % 16);
    auto const others = static_cast<std::uint32_t>(index / 128);
    std::uint32_t const word =
        (others * 0x1111'1111u & ~(15u << (4 * position))) | code << (4 * position);
    std::uint32_t pairs[4] = {};
    mma::decode_e2m1<To>(word, pairs);
    for (int i = 0; i < 8; ++i) {
      float const decoded = format::decode<To>(pairs[i % 4] >> (16 * (i / 4)) & 0xFFFFu);
      auto const expected = static_cast<float>(nibble::fp4_e2m1::from_bits(i == position ? code : others));
      // Both products are exact: powers of two, and nothing below 2^-149.
      float const scaled = expected * (To == format::fp16 ? 0x1p-14f : 0x1p-126f);
      if (nibble::detail::float_bits(decoded) != nibble::detail::float_bits(scaled)) return false;
    }
    return true;
  }
};

}  // namespace

TEST_CASE("every code in every position becomes its value in halves and in bf16") {
  static_assert(mma::decoded_exponent<format::fp16> == -14);
  static_assert(mma::decoded_exponent<format::bf16> == -126);
  CHECK(everywhere::sweep(8 * 16 * 16, is_decoded<format::fp16>{}) == 0);
  CHECK(everywhere::sweep(8 * 16 * 16, is_decoded<format::bf16>{}) == 0);
}
