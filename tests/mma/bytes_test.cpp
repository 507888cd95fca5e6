// SPDX-License-Identifier: Apache-2.0
// Every code in every byte becomes its value in halves, and packed elements come out in their bytes.
// runs: host device
#include <doctest/doctest.h>

#include <nibble/mma/bytes.hpp>

#include "support/everywhere.hpp"

namespace {

using namespace nibble;

template <class Element>
struct is_decoded {
  /// index: a byte and its place in a word; the other places hold another byte.
  NIBBLE_HD bool operator()(std::uint64_t index) const {
    using of = mma::byte_of<Element>;
    auto const place = static_cast<int>(index % 4);
    auto const byte = static_cast<std::uint32_t>(index / 4 % 256), other = byte * 37u % 256u;
    std::uint32_t const word = (other * 0x0101'0101u & ~(0xFFu << (8 * place))) | byte << (8 * place);
    std::uint32_t pairs[2] = {};
    of::to_halves(word, pairs);
    for (int i = 0; i < 4; ++i) {
      float const got = format::decode<format::fp16>(pairs[i / 2] >> (16 * (i % 2)) & 0xFFFFu);
      auto const value = static_cast<float>(of::element(i == place ? byte : other));
      auto const unit = static_cast<float>(1 << -mma::halves_exponent<Element::format>);
      if (value != value ? got == got : detail::float_bits(got * unit) != detail::float_bits(value)) return false;
    }
    return true;
  }
};

template <class Element>
struct is_spread {
  /// index: a code and its place among four packed elements; the others are another code.
  NIBBLE_HD bool operator()(std::uint64_t index) const {
    using of = mma::byte_of<Element>;
    constexpr int width = Element::format.width();
    constexpr std::uint32_t mask = Element::format.mask();
    auto const place = static_cast<int>(index % 4);
    auto const code = static_cast<std::uint32_t>(index / 4) & mask, other = (code * 11u + 5u) & mask;
    std::uint32_t packed = 0, expected = 0;
    for (int i = 0; i < 4; ++i) {
      std::uint32_t const here = i == place ? code : other;
      packed |= here << (width * i);
      expected |= of::from(Element::from_bits(here)) << (8 * i);
      if (of::element(of::from(Element::from_bits(here))).bits() != here) return false;
    }
    return of::spread(packed) == expected;
  }
};

template <class Element>
void check_format() {
  CHECK(everywhere::sweep(4 * 256, is_decoded<Element>{}) == 0);
  CHECK(everywhere::sweep(4 * 256, is_spread<Element>{}) == 0);
}

}  // namespace

TEST_CASE("every byte in every place of a word becomes its value in halves") {
  check_format<fp8_e4m3>();
  check_format<fp8_e5m2>();
  check_format<fp6_e2m3>();
  check_format<fp6_e3m2>();
  check_format<fp4_e2m1>();
}

TEST_CASE("e2m1 lies where e2m3 has the same value, and names are those of the instruction") {
  for (int code = 0; code < 16; ++code) {
    auto const x = fp4_e2m1::from_bits(code);
    CHECK(static_cast<float>(mma::byte_of<fp6_e2m3>::element(mma::byte_of<fp4_e2m1>::from(x))) == static_cast<float>(x));
  }
  CHECK(doctest::String(mma::byte_of<fp8_e5m2>::text) == "e5m2");
  CHECK(doctest::String(mma::byte_of<fp6_e3m2>::text) == "e3m2");
}
