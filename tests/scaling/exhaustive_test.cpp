// SPDX-License-Identifier: Apache-2.0
// The best scale there is: never worse than any other policy's by its own metric.
#include <nibble/scaling/exhaustive.hpp>

#include <doctest/doctest.h>

#include "support/scaling_laws.hpp"

using namespace nibble;

namespace {

using scaling::tile;

template <class Scaling, class Metric>
float error_of(laws::tile_of<Scaling, nvfp4_block> const& in, float amax,
               scaling::chosen<fp8_e4m3> const& scale) {
  constexpr float range = Scaling::outer::template range<fp4_e2m1>;
  return scaling::tile_error<Metric, fp4_e2m1>(in.values, static_cast<float>(scale.scale),
                                               scale.encode, amax, range);
}

/// Blocks on which the other policy's scale has the smaller error, on blocks of finite error.
template <class Metric, class Other, tile Shape>
std::uint32_t beaten(std::uint64_t count) {
  using best = scaling::exhaustive<Metric, Shape, typename Other::outer>;
  static_assert(best::shape == Other::shape);
  oracle::block_generator const generate(81);
  std::uint32_t worse = 0;
  std::uint32_t compared = 0;
  for (std::uint64_t i = 0; i != count; ++i) {
    auto const in = generate(i);
    float const amax = std::bit_cast<float>(in.amax);
    laws::tile_of<best, nvfp4_block> const tile(in.values);
    float const mine = error_of<best, Metric>(tile, amax, tile.choose(amax));
    laws::tile_of<Other, nvfp4_block> const same_tile(in.values);
    float const others = error_of<Other, Metric>(same_tile, amax, same_tile.choose(amax));
    if (others != others) {
      continue;
    }
    ++compared;
    worse += mine <= others ? 0U : 1U;
  }
  CHECK(compared > count * 9 / 10);
  return worse;
}

/// The code of the first finite scale with the smallest error, a NaN being none, by trying all.
std::uint32_t first_best(laws::tile_of<scaling::exhaustive<>, nvfp4_block> const& tile, float amax) {
  auto const factors = tensor_scale::current<>::from<fp4_e2m1>({amax});
  std::uint32_t best = 0;
  float smallest = std::bit_cast<float>(oracle::quiet_nan_bits);
  for (std::uint32_t code = 0; code != 127; ++code) {
    auto const scale = fp8_e4m3::from_bits(code);
    float const encode = scaling::encode_multiplier(static_cast<float>(scale), factors);
    float const error = error_of<scaling::exhaustive<>, scaling::squared_error>(tile, amax, {scale, encode});
    if (error < smallest || (smallest != smallest && error == error)) {
      smallest = error;
      best = code;
    }
  }
  return best;
}

}  // namespace

TEST_CASE("no scale of amax or Four Over Six has a smaller error by the same metric") {
  using enum tile;
  using scaling::absolute_error;
  using scaling::largest_error;
  using scaling::squared_error;
  using tensor_scale::current;
  CHECK(beaten<squared_error, scaling::amax<>, row>(20'000) == 0);
  CHECK(beaten<absolute_error, scaling::amax<>, row>(20'000) == 0);
  CHECK(beaten<squared_error, scaling::four_over_six<squared_error>, row>(20'000) == 0);
  CHECK(beaten<largest_error, scaling::four_over_six<largest_error, row, current<448>>, row>(20'000) == 0);
  CHECK(beaten<squared_error, scaling::amax<square>, square>(500) == 0);
}

TEST_CASE("of several exact scales the smallest is taken") {
  // 6, 3 and -1.5 are exact under 1, and under 2 as 3, 1.5 and -.75 they are not.
  float const values[1][16] = {{6, 3, -1.5f}}, coarse[1][16] = {{6, 3}};
  auto const factors = tensor_scale::current<>::from<fp4_e2m1>({2688});
  auto const only = scaling::exhaustive<>::choose<nvfp4_block>(values, factors);
  CHECK(static_cast<float>(only.scale) == 1.0f);
  CHECK(only.encode == 1.0f);
  // 6 and 3 are exact under 1, 1.5, 2, 3 and 6.
  CHECK(static_cast<float>(scaling::exhaustive<>::choose<nvfp4_block>(coarse, factors).scale) == 1.0f);
}

TEST_CASE("it is the first of all finite scales with the smallest error") {
  oracle::block_generator const generate(82);
  std::uint32_t wrong = 0;
  for (std::uint64_t i = 0; i != 5'000; ++i) {
    auto const in = generate(i);
    laws::tile_of<scaling::exhaustive<>, nvfp4_block> const tile(in.values);
    float const amax = std::bit_cast<float>(in.amax);
    wrong += tile.choose(amax).scale.bits() == first_best(tile, amax) ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("under an infinite amax it is the first scale whose error is no NaN") {
  oracle::sixteen sixes;
  sixes.fill(std::bit_cast<std::uint32_t>(6.0f));
  laws::tile_of<scaling::exhaustive<>, nvfp4_block> const tile(sixes);
  float const amax = std::bit_cast<float>(oracle::infinity_bits);
  std::uint32_t const best = first_best(tile, amax);
  CHECK(best == 1);
  CHECK(tile.choose(amax).scale.bits() == best);
}

TEST_CASE("where every error is NaN the scale is 0") {
  float values[1][16] = {{1, 2, 3}};
  values[0][7] = std::bit_cast<float>(oracle::quiet_nan_bits);
  auto const made =
      scaling::exhaustive<>::choose<nvfp4_block>(values, tensor_scale::current<>::from<fp4_e2m1>({6}));
  CHECK(made.scale.bits() == 0);
  CHECK(made.encode == detail::largest_float);
}

TEST_CASE("the laws hold for the exhaustive search") {
  laws::hold<scaling::exhaustive<scaling::absolute_error>, nvfp4_block>(5'000);
  laws::hold<scaling::exhaustive<scaling::largest_error, tile::square>, nvfp4_block>(200);
}
