// SPDX-License-Identifier: Apache-2.0
// The columns of tiles alone, two at a time where thresholds make their codes: device bytes are host bytes, also
// where one of the two is of the rare kind.
#include <doctest/doctest.h>

#include <nibble/device/tile_kernel.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

namespace {

using namespace nibble;

template <class Quantizer>
int different_bytes(fixture::matrix<bf16> const& values, Quantizer const& q) {
  auto const expected = quantized(transposed(values.view()), q);
  fixture::on_device<bf16> const in(values);
  fixture::guarded_matrix out(expected.shape());
  float const amax = expected.view().amax(0, 0);
  cudaMemcpy(out.view().amax.data_handle(), &amax, sizeof(amax), cudaMemcpyHostToDevice);
  using device::detail::no_side;
  CHECK(device::detail::launch_tiles(nullptr, in.view, no_side{}, no_side{}, q, out.view()) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(out.guards_hold());
  return out.different_bytes(expected);
}

/// Every third column has something rare in it: NaN, zeros, -416, subnormals. Nothing so large that the scales
/// of the other columns would be 0.
fixture::matrix<bf16> mixed() {
  auto values = fixture::filled<bf16>(144, 272, 8);
  for (matrix_index j = 0; j < 272; j += 3) {
    for (matrix_index i = j % 16; i < 144; i += j % 2 == 0 ? 1 : 5) {
      std::uint16_t const rare[4]{0x7FC0, 0x8000, 0xC3D0, 0x0042};
      values(i, j) = bf16::from_bits(rare[j / 3 % 4]);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("columns in pairs: device bytes are host bytes, whatever the neighbour is") {
  if (!fixture::has_device()) return;
  using rht = transform::random_hadamard<16, bf16>;
  auto const values = mixed();
  CHECK(different_bytes(values, quantizer<>{}) == 0);
  CHECK(different_bytes(values, quantizer{scaling::amax<>{}, rounding::nearest_even{}, rht{}}) ==
        0);
  CHECK(different_bytes(values, quantizer{scaling::amax<>{}, rounding::stochastic<>{{1, 2}}}) == 0);
  CHECK(different_bytes(values, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) ==
        0);
}
