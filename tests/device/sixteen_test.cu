// SPDX-License-Identifier: Apache-2.0
// Blocks that one thread encodes equal the quantizer's, the rare ones included.
#include <doctest/doctest.h>

#include <nibble/device/pairs.cuh>
#include <nibble/nibble.hpp>

#include "support/blocks_on_device.cuh"

namespace {

using namespace nibble;
using nearest = quantizer<>;
using stochastic = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>>;
using headroom = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::current<>,
                                                      format::nearest_even, 16, 17>>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using rht = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                      transform::random_hadamard<16, bf16>>;
using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                       transform::random_hadamard<32, bf16>>;
using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
template <class Metric>
using four_or_six = quantizer<nvfp4_block, scaling::four_over_six<Metric>>;

static_assert(device::makes_sixteens<nearest> && device::makes_sixteens<stochastic> &&
              device::makes_sixteens<square> && device::makes_sixteens<rht>);
static_assert(!device::makes_sixteens<wide> && !device::makes_sixteens<by_row> &&
              !device::makes_sixteens<quantizer<mxfp4_block, scaling::power_of_two<>>>);

struct from_floats {
  template <class Quantizer>
  using encoder = device::sixteen_encoder<Quantizer>;
  template <class Quantizer>
  __device__ static std::uint64_t encode(device::sixteen_encoder<Quantizer> const& encoder,
                                         float (&values)[16], std::uint64_t position,
                                         typename Quantizer::scale_type& scale) {
    encoder.transform(values);
    return encoder(values, position, scale);
  }
};

}  // namespace

TEST_CASE("sixteen floats to a block: codes and scales equal the quantizer's") {
  if (!fixture::has_device()) return;
  for (float const amax : {1.0f, 6.0f, 3e38f, 1e-38f, 0.0f}) {
    CAPTURE(amax);
    CHECK(fixture::different_blocks<from_floats>(nearest{}, amax) == 0);
    CHECK(fixture::different_blocks<from_floats>(stochastic{{}, {{5, 6}}}, amax) == 0);
    CHECK(fixture::different_blocks<from_floats>(headroom{}, amax) == 0);
    CHECK(fixture::different_blocks<from_floats>(rht{}, amax) == 0);
  }
}

TEST_CASE("sixteen floats to a block by 4/6: codes and scales equal the quantizer's under every metric") {
  if (!fixture::has_device()) return;
  for (float const amax : {1.0f, 6.0f, 2e12f, 3e38f, 1e-38f, 0.0f}) {
    CAPTURE(amax);
    CHECK(fixture::different_blocks<from_floats>(four_or_six<scaling::squared_error>{}, amax) == 0);
    CHECK(fixture::different_blocks<from_floats>(four_or_six<scaling::absolute_error>{}, amax) == 0);
    CHECK(fixture::different_blocks<from_floats>(four_or_six<scaling::largest_error>{}, amax) == 0);
  }
}
