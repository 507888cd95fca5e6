// SPDX-License-Identifier: Apache-2.0
// Zeros where they belong and nowhere else. That a GPU without code for them gets none: tests/refused.
#include <doctest/doctest.h>

#include <nibble/device/clear.cuh>
#include <nibble/nibble.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

namespace {

__global__ void nothing() {}

}  // namespace

TEST_CASE("so many zeros, and none beside them") {
  if (!fixture::has_device()) return;
  for (std::size_t const count : {0, 1, 3, 48, 4099}) {
    fixture::guarded_bytes floats(count * sizeof(float)), bytes(count, 1);
    CHECK(device::detail::clear(cudaStream_t{}, nothing, floats.as<float>()) == device::status::success);
    CHECK(device::detail::clear(cudaStream_t{}, nothing, bytes.as<fp8_e4m3>()) == device::status::success);
    CHECK(fixture::bytes_unlike(floats.inside(), std::vector<float>(count)) == 0);
    CHECK(fixture::bytes_unlike(bytes.inside(), std::vector<std::uint8_t>(count)) == 0);
    CHECK(floats.guards_hold());
    CHECK(bytes.guards_hold());
  }
}

TEST_CASE("two places at once, one of them empty or not") {
  if (!fixture::has_device()) return;
  for (std::size_t const count : {0, 5}) {
    fixture::guarded_bytes first(count * sizeof(float)), second(3);
    CHECK(device::detail::clear(cudaStream_t{}, nothing, first.as<float>(), second.as<std::uint8_t>()) ==
          device::status::success);
    CHECK(fixture::bytes_unlike(first.inside(), std::vector<float>(count)) == 0);
    CHECK(fixture::bytes_unlike(second.inside(), std::vector<std::uint8_t>(3)) == 0);
    CHECK(first.guards_hold());
    CHECK(second.guards_hold());
  }
}

TEST_CASE("the padding of scales in tiles becomes zero, and no scale") {
  if (!fixture::has_device()) return;
  auto const shape = shape_for<quantizer<>, layout::scale_tile_128x4>(130, 16 * 6);
  fixture::guarded_matrix<nvfp4_block, layout::scale_tile_128x4> out(shape);
  auto const view = out.view();
  device::detail::launch_clear_padding(cudaStream_t{}, view);
  std::vector<std::uint8_t> expected(static_cast<std::size_t>(shape.scale_count()), 0);
  for (matrix_index r = 0; r < 130; ++r) {
    for (matrix_index c = 0; c < 6; ++c) {
      expected[static_cast<std::size_t>(view.scales.mapping()(r, c))] = fixture::guarded_bytes::poison;
    }
  }
  CHECK(fixture::bytes_unlike(out.scales.inside(), expected) == 0);
  CHECK(out.scales.guards_hold());
  CHECK(out.codes.is_untouched());
}

TEST_CASE("behind a launch that failed padding is left alone") {
  if (!fixture::has_device()) return;
  fixture::guarded_matrix<nvfp4_block, layout::scale_tile_128x4> out(
      shape_for<quantizer<>, layout::scale_tile_128x4>(130, 16 * 6));
  nothing<<<0, 1>>>();
  device::detail::launch_clear_padding(cudaStream_t{}, out.view());
  CHECK(cudaGetLastError() != cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(out.is_untouched());
}
