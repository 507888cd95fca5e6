// SPDX-License-Identifier: Apache-2.0
// Zeros where they belong and nowhere else. That a GPU without code for them gets none: tests/refused.
#include <doctest/doctest.h>

#include <nibble/device/clear.cuh>
#include <nibble/nibble.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

TEST_CASE("so many zeros, on and off a boundary of 16 bytes, and none beside them") {
  if (!fixture::has_device()) return;
  for (std::size_t const size : {1, 3, 4, 64, 4099}) {
    for (std::size_t const shift : {0, 4, 16}) {
      fixture::guarded_bytes memory(size * sizeof(float), shift);
      CHECK(device::detail::clear(cudaStream_t{}, memory.as<float>().data(), static_cast<matrix_index>(size)) ==
            device::status::success);
      CHECK(fixture::bytes_unlike(memory.inside(), std::vector<float>(size)) == 0);
      CHECK(memory.guards_hold());
    }
  }
  fixture::guarded_bytes scales(48, 1);
  CHECK(device::detail::clear(cudaStream_t{}, scales.as<fp8_e4m3>().data(), 48) == device::status::success);
  CHECK(fixture::bytes_unlike(scales.inside(), std::vector<std::uint8_t>(48)) == 0);
  CHECK(scales.guards_hold());
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
