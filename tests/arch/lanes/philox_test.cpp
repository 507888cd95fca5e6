// SPDX-License-Identifier: Apache-2.0
// Words and their bytes, several at once.
#include <nibble/arch/lanes/philox.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <initializer_list>

#include <nibble/nibble.hpp>

#include "support/everywhere.hpp"
#include "support/sixteen.hpp"

#if NIBBLE_HAS_LANES
namespace arch = nibble::arch;
namespace lanes = nibble::arch::lanes;
using fixture::fenced;

TEST_CASE("the bytes of four words go to elements in little-endian order") {
  std::uint32_t const words[4] = {0x03020100, 0x07060504, 0x0B0A0908, 0xFF0E0D0C};
  fenced<std::uint32_t, 16> bytes;
  lanes::spread_bytes(words, bytes.values);
  for (std::uint32_t k = 0; k != 15; ++k) {
    CHECK(bytes.values[k] == k);
  }
  CHECK(bytes.values[15] == 0xFF);
  CHECK(bytes.holds());
}

TEST_CASE("several calls at once are the calls one by one, across a carry into the high words too") {
  for (std::uint64_t const first : {std::uint64_t{0}, std::uint64_t{0xFFFF'FFFEu}, ~std::uint64_t{0} - 1}) {
    constexpr int calls = lanes::count / 2;
    fenced<std::uint32_t[4], calls> together;
    lanes::philox<10>(0x0123'4567'89AB'CDEFu, 0xFEDC'BA98'7654'3210u, first, together.values[0]);
    CHECK(together.holds());
    nibble::random::philox4x32<> const plain{0x0123'4567'89AB'CDEFu, 0xFEDC'BA98'7654'3210u};
    for (int call = 0; call != calls; ++call) {
      auto const alone = plain(first + static_cast<std::uint64_t>(call));
      for (int w = 0; w != 4; ++w) {
        CHECK(together.values[call][w] == alone.value[w]);
      }
    }
  }
}
#endif
