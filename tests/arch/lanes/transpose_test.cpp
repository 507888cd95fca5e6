// SPDX-License-Identifier: Apache-2.0
// Element i of row j is lane j of column i, without its sign.
#include <nibble/arch/lanes/transpose.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#if NIBBLE_HAS_LANES
namespace lanes = nibble::arch::lanes;

TEST_CASE("rows become lanes, each element once and without its sign") {
  constexpr std::size_t columns = 32;  // several squares, whatever the registers
  float rows[std::size_t{lanes::count}][columns];
  for (std::size_t r = 0; r != std::size_t{lanes::count}; ++r) {
    for (std::size_t c = 0; c != columns; ++c) {
      auto const number = static_cast<float>(r * columns + c + 1);
      rows[r][c] = (r + c) % 2 != 0 ? -number : number;
    }
  }
  // A NaN keeps its payload: nothing here is arithmetic.
  rows[1][3] = std::bit_cast<float>(0xFF81'2345u);
  lanes::floats turned[columns];
  lanes::transpose_magnitudes(rows, turned);
  int wrong = 0;
  for (std::size_t r = 0; r != std::size_t{lanes::count}; ++r) {
    for (std::size_t c = 0; c != columns; ++c) {
      std::uint32_t const expected = std::bit_cast<std::uint32_t>(rows[r][c]) & 0x7FFF'FFFFu;
      float const found = turned[c][r];
      wrong += std::bit_cast<std::uint32_t>(found) == expected ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}
#endif
