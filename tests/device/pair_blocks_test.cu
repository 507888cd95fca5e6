// SPDX-License-Identifier: Apache-2.0
// Blocks made from bf16 in pairs equal the quantizer's, with a transform and without, the rare ones included.
#include <doctest/doctest.h>

#include <nibble/device/pair_blocks.cuh>
#include <nibble/nibble.hpp>

#include "support/blocks_on_device.cuh"
#include "support/pair_policies.hpp"

namespace {

using namespace nibble;
using namespace fixture::pair_policies;
using scales_up =
    quantizer<nvfp4_block,
              scaling::amax<scaling::tile::row, tensor_scale::current<>, format::away_from_zero>>;
using little_fill =
    quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::current<>,
                                         format::nearest_even, 1, 65536>>;
static_assert(!device::sixteen_encoder<scales_up, true>::has_thresholds &&
              !device::sixteen_encoder<little_fill, true>::has_thresholds);
using wide_scales = quantizer<block<fp4_e2m1, ue5m3, 16>>;  // 2^34 apart
// Floats from a transform are encoded by factors, which thresholds leave no room for.
using float_hadamard = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                                 transform::random_hadamard<16>>;
static_assert(!device::sixteen_encoder<float_hadamard, true>::has_thresholds);
static_assert(device::sixteen_encoder<quantizer<>, true>::has_thresholds &&
              !device::sixteen_encoder<wide_scales, true>::has_thresholds);
using four_or_six = quantizer<nvfp4_block, scaling::four_over_six<>>;
static_assert(device::detail::takes_rows_of_pairs<four_or_six> &&
              !device::detail::takes_pairs<four_or_six>);

template <bool WithThresholds>
struct from_pairs {
  template <class Quantizer>
  using encoder = device::sixteen_encoder<Quantizer, WithThresholds>;

  template <class Quantizer>
  __device__ static std::uint64_t encode(encoder<Quantizer> const& encoder, float (&values)[16],
                                         std::uint64_t position,
                                         typename Quantizer::scale_type& scale) {
    std::uint32_t pairs[8];
    for (int i = 0; i < 8; ++i) {
      pairs[i] = __float_as_uint(values[2 * i]) >> 16 |
                 (__float_as_uint(values[2 * i + 1]) & 0xFFFF'0000u);
    }
    return device::detail::encode_row_of_pairs(encoder, pairs, position, scale);
  }
};

template <bool WithThresholds>
void check_blocks() {
  using encode = from_pairs<WithThresholds>;
  auto const different = [](auto const& q, float amax) {
    return fixture::different_blocks<encode>(q, amax);
  };
  for (float const amax : {1.0f, 6.0f, 3e38f, 1e-38f, 0.0f, 50.0f, 2e-30f}) {
    CAPTURE(amax);
    CHECK(different(made_of<nearest_even, transform::identity>{}, amax) == 0);
    CHECK(different(made_of<nearest_even, hadamard>{}, amax) == 0);
    CHECK(different(made_of<nearest_even, random_hadamard>{}, amax) == 0);
    CHECK(different(made_of<bytes, transform::identity>{{}, {{1, 2}}}, amax) == 0);
    CHECK(different(made_of<bytes, random_hadamard>{{}, {{1, 2}}}, amax) == 0);
    CHECK(different(wide_scales{}, amax) == 0);
    CHECK(different(scales_up{}, amax) == 0);
    CHECK(different(little_fill{}, amax) == 0);
    if constexpr (!WithThresholds) CHECK(different(four_or_six{}, amax) == 0);
  }
}

}  // namespace

TEST_CASE("sixteen bf16 in pairs to a block: codes and scales equal the quantizer's") {
  if (!fixture::has_device()) return;
  SUBCASE("by products") { check_blocks<false>(); }
  SUBCASE("by thresholds") { check_blocks<true>(); }
}
