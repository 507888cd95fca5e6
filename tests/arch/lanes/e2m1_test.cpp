// SPDX-License-Identifier: Apache-2.0
// Sixteen e2m1 codes at once are sixteen e2m1 codes.
#include <nibble/arch/lanes/e2m1.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>

#include <nibble/nibble.hpp>

#include "support/everywhere.hpp"
#include "support/sixteen.hpp"

#if NIBBLE_HAS_LANES
namespace arch = nibble::arch;
namespace lanes = nibble::arch::lanes;
using fixture::fenced;
using fixture::same;
using fixture::sixteen;
using fixture::sixteens;

namespace {

/// The low Bits bits of 16 words that change with i.
template <int Bits>
bool draws_alike(std::uint64_t i) {
  sixteen const in(i);
  std::uint32_t random[16];
  for (std::uint64_t k = 0; k != 16; ++k) {
    random[k] = static_cast<std::uint32_t>((i + 16 * k) * 0x85EB'CA6Bu) >> (32 - Bits);
  }
  fenced<std::uint8_t, 8> codes;
  lanes::encode_e2m1_stochastic<Bits>(in.values, random, codes.values);
  auto const& together = codes.values;
  for (std::uint32_t k = 0; k != 16; ++k) {
    std::uint32_t const alone =
        nibble::format::encode<nibble::format::e2m1, nibble::format::stochastic<Bits>>(in.values[k],
                                                                                       random[k]);
    if ((std::uint32_t{together[k / 2]} >> (k % 2 * 4) & 15u) != alone) {
      return false;
    }
  }
  return codes.holds();
}

}  // namespace

// bugs: C1
TEST_CASE("sixteen codes at once are sixteen codes") {
  CHECK(everywhere::host_sweep(sixteens, [](std::uint64_t i) {
          sixteen const in(i);
          fenced<std::uint8_t, 8> codes;
          arch::encode_e2m1(in.values, codes.values);
          for (std::uint32_t k = 0; k != 16; ++k) {
            std::uint32_t const alone = nibble::format::encode<nibble::format::e2m1>(in.values[k]);
            if ((std::uint32_t{codes.values[k / 2]} >> (k % 2 * 4) & 15u) != alone) {
              return false;
            }
          }
          return codes.holds();
        }) == 0);
}

TEST_CASE("sixteen codes by random bits are sixteen codes, at every width") {
  CHECK(everywhere::host_sweep(sixteens, draws_alike<8>) == 0);
  CHECK(everywhere::host_sweep(sixteens, draws_alike<16>) == 0);
}

TEST_CASE("packed codes times a factor are their values times the factor") {
  CHECK(everywhere::host_sweep(sixteens, [](std::uint64_t i) {
          std::uint8_t codes[8];
          for (std::uint64_t b = 0; b != 8; ++b) {
            codes[b] = static_cast<std::uint8_t>((i * 8 + b) * 0x9E37'79B9u >> 11);
          }
          float const factor = sixteen(i).values[0];
          fenced<float, 16> together;
          lanes::decode_e2m1<16>(codes, factor, together.values);
          for (std::uint32_t k = 0; k != 16; ++k) {
            std::uint32_t const code = std::uint32_t{codes[k / 2]} >> (k % 2 * 4);
            float const value = nibble::format::decode<nibble::format::e2m1>(code);
            if (!same(together.values[k], arch::multiply(value, factor))) {
              return false;
            }
          }
          return together.holds();
        }) == 0);
}

namespace {

/// Adds 16 errors of one row by the steps of arithmetic.hpp alone.
template <class Metric>
float plain_error(float const (&values)[16], float scale, float encode, float amax, float range) {
  float sum = 0;
  for (float const value : values) {
    nibble::fp4_e2m1 const code(arch::multiply(value, encode));
    float const scaled = arch::multiply(static_cast<float>(code), scale);
    sum =
        Metric::add(sum, arch::subtract(arch::divide(arch::multiply(scaled, amax), range), value));
  }
  return sum;
}

/// As many rows as there are lanes, alone and together, each under two scales of its own.
template <class Metric>
bool errs_alike(std::uint64_t i) {
  constexpr float amax = 3.1f;
  constexpr float range = 1536.0f;
  constexpr auto count = std::size_t{lanes::count};
  lanes::floats magnitudes[16], scale[2]{}, encode[2]{}, together[2];
  for (std::uint64_t lane = 0; lane != count; ++lane) {
    sixteen const in(i * count + lane);
    for (std::size_t k = 0; k != 16; ++k) {
      magnitudes[k][lane] = nibble::detail::magnitude(in.values[k]);
    }
    for (std::uint64_t s = 0; s != 2; ++s) {
      scale[s][lane] = static_cast<float>(1 + (i + 7 * lane + 3 * s) % 448);
      encode[s][lane] = range / (amax * scale[s][lane]);
    }
  }
  lanes::e2m1_errors<Metric>(magnitudes, scale, encode, amax, range, together);
  for (std::uint64_t lane = 0; lane != count; ++lane) {
    sixteen const in(i * count + lane);
    float const scales[2] = {scale[0][lane], scale[1][lane]};
    float const encodes[2] = {encode[0][lane], encode[1][lane]};
    float alone[2];
    lanes::e2m1_errors<Metric>(in.values, scales, encodes, amax, range, alone);
    for (std::size_t s = 0; s != 2; ++s) {
      float const expected = plain_error<Metric>(in.values, scales[s], encodes[s], amax, range);
      if (!same(alone[s], expected) || !same(together[s][lane], expected)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

TEST_CASE("the errors of a row are those of its elements in order, alone and beside other rows") {
  CHECK(everywhere::host_sweep(sixteens / 4, errs_alike<nibble::scaling::squared_error>) == 0);
  CHECK(everywhere::host_sweep(sixteens / 4, errs_alike<nibble::scaling::absolute_error>) == 0);
  CHECK(everywhere::host_sweep(sixteens / 4, errs_alike<nibble::scaling::largest_error>) == 0);
}
#endif
