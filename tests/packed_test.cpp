// SPDX-License-Identifier: Apache-2.0
// Element i lies in the bits from i * width on, and writing it touches no other.
// runs: host device
#include <nibble/packed.hpp>

#include <doctest/doctest.h>

#include <type_traits>

#include <nibble/block.hpp>

#include "support/everywhere.hpp"

using nibble::packed;

static_assert(sizeof(packed<nibble::fp4_e2m1, 16>) == 8 &&
              sizeof(packed<nibble::fp4_e2m1, 3>) == 2);
static_assert(sizeof(packed<nibble::fp6_e2m3, 32>) == 24 &&
              sizeof(packed<nibble::fp6_e3m2, 3>) == 3);
static_assert(sizeof(packed<nibble::fp8_e4m3, 5>) == 5 &&
              alignof(packed<nibble::fp8_e4m3, 5>) == 1);
static_assert(std::is_trivially_copyable_v<packed<nibble::fp6_e2m3, 7>> &&
              std::is_standard_layout_v<packed<nibble::fp6_e2m3, 7>>);

namespace {

/// Draws N codes, sets them in a scattered order over a background of ones or zeros, and reads
/// them, the bits in the bytes, and the bits that belong to no element.
template <class T, int N>
struct round_trip {
  NIBBLE_HD bool operator()(std::uint64_t i) const {
    constexpr auto width = static_cast<std::uint32_t>(T::format.width());
    packed<T, N> p{};
    std::uint8_t const background = i % 2 != 0 ? 0xFF : 0;
    for (std::size_t b = 0; b != sizeof p; ++b) {
      p.bytes()[b] = background;
    }
    std::uint32_t codes[std::size_t{N}];
    for (int k = 0; k != N; ++k) {
      int const at = k * 5 % N;  // N is no multiple of 5
      codes[at] = static_cast<std::uint32_t>((i + 1) * 0x9E37'79B9'7F4A'7C15u >> (k + 8)) &
                  T::format.mask();
      p.set(at, T::from_bits(codes[at]));
    }
    packed<T, N> const& read = p;
    for (std::uint32_t k = 0; k != N; ++k) {
      if (read[static_cast<int>(k)].bits() != codes[k]) {
        return false;
      }
      for (std::uint32_t bit = 0; bit != width; ++bit) {
        std::uint32_t const at = k * width + bit;
        if ((std::uint32_t{read.bytes()[at / 8]} >> (at % 8) & 1u) != (codes[k] >> bit & 1u)) {
          return false;
        }
      }
    }
    for (std::uint32_t at = N * width; at != 8 * sizeof p; ++at) {
      if ((std::uint32_t{read.bytes()[at / 8]} >> (at % 8) & 1u) != (background & 1u)) {
        return false;
      }
    }
    return true;
  }
};

constexpr packed<nibble::fp4_e2m1, 4> in_order() {
  packed<nibble::fp4_e2m1, 4> p{};
  for (int i = 0; i != 4; ++i) {
    p.set(i, nibble::fp4_e2m1::from_bits(i + 1));
  }
  return p;
}
static_assert(in_order().bytes()[0] == 0x21 && in_order().bytes()[1] == 0x43);
// To the last one: a read past the bytes does not compile.
static_assert(in_order()[2].bits() == 3 && in_order()[3].bits() == 4);

// Widths that leave any number of bits over, and may cross a byte by a single bit.
class fp5_e2m2 : public nibble::number<fp5_e2m2, nibble::format::float_format{2, 2, 1}> {
  using number::number;
};
class fp7_e3m3 : public nibble::number<fp7_e3m3, nibble::format::float_format{3, 3, 3}> {
  using number::number;
};

}  // namespace

TEST_CASE("each element is read where it was written, and nothing beside it changes") {
  CHECK(everywhere::sweep(4096, round_trip<nibble::fp4_e2m1, 16>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<nibble::fp4_e2m1, 7>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<nibble::fp4_e2m1, 1>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<nibble::fp6_e2m3, 32>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<nibble::fp6_e3m2, 9>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<fp5_e2m2, 13>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<fp7_e3m3, 9>{}) == 0);
  CHECK(everywhere::sweep(4096, round_trip<nibble::fp8_e5m2, 13>{}) == 0);
}

TEST_CASE("the sizes are constants of the type") {
  CHECK(packed<nibble::fp4_e2m1, 3>::size == 3);
  CHECK(packed<nibble::fp4_e2m1, 3>::size_bytes == 2);
  CHECK(packed<nibble::fp6_e2m3, 5>::size_bytes == 4);
}
