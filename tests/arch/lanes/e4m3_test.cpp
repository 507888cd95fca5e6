// SPDX-License-Identifier: Apache-2.0
// Several e4m3 scales at once are those of each value.
#include <nibble/arch/lanes/e4m3.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include <nibble/fp8_e4m3.hpp>

#include "support/everywhere.hpp"

#if NIBBLE_HAS_LANES
namespace lanes = nibble::arch::lanes;

namespace {

/// The scale of the float whose bits are `bits`, which stands in every lane.
bool rounds_alike(std::uint32_t bits) {
  float const value = std::bit_cast<float>(bits);
  auto const [codes, values] = lanes::round_to_e4m3(lanes::floats{} + value);
  float const magnitude = std::bit_cast<float>(bits & 0x7FFF'FFFFu);
  nibble::fp8_e4m3 const expected(magnitude < 448.0f ? magnitude : 448.0f);
  bool alike = true;
  for (int lane = 0; lane != lanes::count; ++lane) {
    float const found = values[lane];
    alike = alike && codes[lane] == expected.bits() &&
            std::bit_cast<std::uint32_t>(found) ==
                std::bit_cast<std::uint32_t>(static_cast<float>(expected));
  }
  return alike;
}

}  // namespace

TEST_CASE("scales in lanes are fp8_e4m3, and 448 for what is larger or no number") {
  // Every 509th float, and all within 16 of where a code begins or two meet.
  CHECK(everywhere::host_sweep((std::uint64_t{1} << 32) / 509, [](std::uint64_t i) {
          return rounds_alike(static_cast<std::uint32_t>(i * 509));
        }) == 0);
  int wrong = 0;
  for (std::uint32_t code = 0; code != 0x7E; ++code) {
    auto const here = static_cast<float>(nibble::fp8_e4m3::from_bits(static_cast<std::uint8_t>(code)));
    auto const next =
        static_cast<float>(nibble::fp8_e4m3::from_bits(static_cast<std::uint8_t>(code + 1)));
    for (float const centre : {here, (here + next) / 2, next}) {
      std::uint32_t const bits = std::bit_cast<std::uint32_t>(centre);
      for (std::uint32_t step = 0; step != 33; ++step) {
        wrong += bits + step >= 16 && !rounds_alike(bits + step - 16) ? 1 : 0;
      }
    }
  }
  CHECK(wrong == 0);
}
#endif
