// SPDX-License-Identifier: Apache-2.0
// What scaling policies share: the shape of a tile, its amax, the multiplier; and the concept.
#include <nibble/scaling/policy.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>

#include <nibble/tensor_scale/current.hpp>

#include "oracle/nvfp4.hpp"
#include "support/witness.hpp"

using namespace nibble;

namespace {

struct without_outer {
  static constexpr scaling::tile shape = scaling::tile::row;
  template <class Block, std::size_t Rows>
  static constexpr scaling::chosen<typename Block::scale_type> choose(
      float const (&)[Rows][std::size_t{Block::size}], tensor_scale::factors const&) noexcept {
    return {};
  }
};
static_assert(!scaling::policy<without_outer, nvfp4_block>);
static_assert(!scaling::policy<int, nvfp4_block>);

// A tile's amax is all that a policy needs which chooses from it alone, and does not divide.
struct of_the_tile : without_outer {
  using outer = tensor_scale::current<>;
};
struct of_its_amax : of_the_tile {
  template <class Block>
  static constexpr scaling::chosen<typename Block::scale_type> choose_for(
      float, tensor_scale::factors) noexcept {
    return {};
  }
};
struct as_a_divisor : of_its_amax {
  static constexpr bool divides = true;
};
static_assert(scaling::policy<of_the_tile, nvfp4_block> &&
              scaling::policy<as_a_divisor, nvfp4_block>);
static_assert(scaling::needs_amax_only<of_its_amax, nvfp4_block>);
static_assert(!scaling::needs_amax_only<of_the_tile, nvfp4_block> &&
              !scaling::needs_amax_only<as_a_divisor, nvfp4_block>);

static_assert(scaling::rows<nvfp4_block>(scaling::tile::row) == 1);
static_assert(scaling::rows<nvfp4_block>(scaling::tile::square) == 16);
static_assert(scaling::rows<fp8_block>(scaling::tile::square) == 128);

constexpr float two_rows[2][3] = {{1, -7, 2}, {-0.0f, 3, 5}};
static_assert(scaling::tile_amax(two_rows) == 7);
constexpr float sixteen[1][16] = {{1, -7, 2}};
static_assert(scaling::tile_amax(sixteen) == 7);
static_assert(scaling::encode_multiplier(1, {1, 2688, 1}) == 1);
static_assert(scaling::encode_multiplier(0, {1, 2688, 1.0f / 2688}) == detail::largest_float);

}  // namespace

TEST_CASE("a square has as many rows as a block has elements") {
  for (scaling::tile const shape : {scaling::tile::row, scaling::tile::square}) {
    CHECK(scaling::rows<nvfp4_block>(shape) == (shape == scaling::tile::row ? 1U : 16U));
  }
}

// bugs: A14
TEST_CASE("a tile's amax is the largest magnitude that is no NaN, in whatever order") {
  std::array<std::uint32_t, std::size(witness::special_floats)> order{};
  std::copy(std::begin(witness::special_floats), std::end(witness::special_floats), order.begin());
  for (std::size_t turn = 0; turn != order.size(); ++turn) {
    std::rotate(order.begin(), order.begin() + 1, order.end());
    float values[4][5];
    for (std::size_t i = 0; i != order.size(); ++i) {
      values[i / 5][i % 5] = std::bit_cast<float>(order[i]);
    }
    CHECK(detail::float_bits(scaling::tile_amax(values)) == oracle::infinity_bits);
  }
  float const only_nan[1][2] = {{std::bit_cast<float>(0x7FC00000U), std::bit_cast<float>(0xFF800001U)}};
  CHECK(detail::float_bits(scaling::tile_amax(only_nan)) == 0);
}

TEST_CASE("the amax of a row is its own, whatever lies behind it") {
  auto const of_first_row = []<std::size_t Columns>(std::integral_constant<std::size_t, Columns>) {
    float values[2][Columns];
    for (std::size_t c = 0; c != Columns; ++c) {
      values[0][c] = -static_cast<float>(c + 1);
      values[1][c] = 1e9f;
    }
    return detail::float_from_bits(scaling::row_amax_bits(values[0])) == static_cast<float>(Columns);
  };
  CHECK(of_first_row(std::integral_constant<std::size_t, 1>{}));
  CHECK(of_first_row(std::integral_constant<std::size_t, 15>{}));
  CHECK(of_first_row(std::integral_constant<std::size_t, 16>{}));
  CHECK(of_first_row(std::integral_constant<std::size_t, 17>{}));
  CHECK(of_first_row(std::integral_constant<std::size_t, 48>{}));
}

#if NIBBLE_HAS_LANES
static_assert(scaling::tiles_at_once % arch::lanes::count == 0);

TEST_CASE("multipliers of several scales are those of each, from 0 to the largest") {
  std::uint32_t wrong = 0;
  for (std::uint32_t const amax : {0x40C00000U, 1U, 0x006CE3EEU, 0x7F7FFFFFU, 0x3EAAAAABU}) {
    auto const factors = tensor_scale::current<>::from<fp4_e2m1>({std::bit_cast<float>(amax)});
    for (int code = 0; code != 127; ++code) {
      arch::lanes::floats scales{};
      for (int lane = 0; lane != arch::lanes::count; ++lane) {
        scales[lane] = static_cast<float>(fp8_e4m3::from_bits((code + lane * 9) % 127));
      }
      auto const made = scaling::encode_multipliers(scales, factors);
      for (int lane = 0; lane != arch::lanes::count; ++lane) {
        wrong += detail::float_bits(made[lane]) ==
                         detail::float_bits(scaling::encode_multiplier(scales[lane], factors))
                     ? 0U
                     : 1U;
      }
    }
  }
  CHECK(wrong == 0);
}
#endif

TEST_CASE("the multiplier is 1 / (scale * S_dec) with two roundings, at most the largest float") {
  std::uint32_t wrong = 0;
  oracle::tensor_scales const tensors[] = {
      oracle::scales_of(0x40C00000U), oracle::scales_of(1), oracle::scales_of(0x006CE3EEU),
      oracle::scales_of(0x7F7FFFFFU), oracle::scales_of(0x3EAAAAABU)};
  for (auto const& tensor : tensors) {
    for (std::uint32_t code = 0; code != 127; ++code) {
      float const scale = static_cast<float>(fp8_e4m3::from_bits(code));
      float const made = scaling::encode_multiplier(
          scale, {0, std::bit_cast<float>(tensor.encode), std::bit_cast<float>(tensor.decode)});
      std::uint32_t const product = oracle::ieee::multiply(std::bit_cast<std::uint32_t>(scale), tensor.decode);
      std::uint32_t const expected = oracle::minimum(
          oracle::ieee::divide(oracle::one_bits, product), oracle::largest_bits);
      wrong += std::bit_cast<std::uint32_t>(made) == expected ? 0U : 1U;
    }
  }
  CHECK(wrong == 0);
}
