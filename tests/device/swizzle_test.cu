// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nibble/device/swizzle.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;
using tiled = layout::scale_tile_128x4;

namespace {

/// Bytes that differ from the host's, there and back; `shift` moves the plain scales off alignment.
int different_bytes(matrix_index rows, matrix_index columns, std::size_t shift = 0) {
  auto const values = fixture::filled(rows, columns, 4);
  auto const plain = quantized(values.view(), quantizer<>{});
  auto const expected = quantized<tiled>(values.view(), quantizer<>{});
  std::size_t const count = plain.scales().size();
  fixture::guarded_bytes from(count + shift), back(count + shift);
  from.upload(std::vector<std::uint8_t>(count + shift, 1).data(), count + shift);
  REQUIRE(cudaMemcpy(from.as<std::uint8_t>().data() + shift, plain.scales().data(), count,
                     cudaMemcpyHostToDevice) == cudaSuccess);
  fixture::guarded_bytes tiles(expected.scales().size());
  using plain_view = cuda::std::mdspan<fp8_e4m3, matrix_extents, cuda::std::layout_right>;
  matrix_extents const extents(rows, plain.view().scales.extent(1));
  plain_view const source(from.as<fp8_e4m3>().data() + shift, extents);
  plain_view const returned(back.as<fp8_e4m3>().data() + shift, extents);
  tiled_scales<fp8_e4m3> const target(tiles.as<fp8_e4m3>().data(), extents);
  CHECK(device::swizzle(fixture::default_stream, source, target) == device::status::success);
  CHECK(device::unswizzle(fixture::default_stream, target, returned) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = back.inside();
  return fixture::bytes_unlike(tiles.inside(), expected.scales()) +
         fixture::bytes_unlike(std::vector(got.begin() + static_cast<long>(shift), got.end()),
                               plain.scales()) +
         !tiles.guards_hold() + !back.guards_hold();
}

}  // namespace

// bugs: D1
TEST_CASE("swizzled scales are the host's with zeros for padding, and come back") {
  if (!fixture::has_device()) return;
  CHECK(different_bytes(128, 2048) == 0);
  CHECK(different_bytes(257, 4096 + 64) == 0);
  CHECK(different_bytes(1, 16) == 0);
  CHECK(different_bytes(300, 16 * 7) == 0);
  CHECK(different_bytes(130, 1024, 3) == 0);
  CHECK(different_bytes(0, 64) == 0);
}

TEST_CASE("tiles of other extents are refused") {
  if (!fixture::has_device()) return;
  fixture::guarded_matrix<nvfp4_block> plain(shape_for<quantizer<>>(16, 64));
  fixture::guarded_matrix<nvfp4_block, tiled> other(shape_for<quantizer<>, tiled>(16, 80));
  CHECK(device::swizzle(fixture::default_stream, plain.view().scales, other.view().scales) ==
        device::status::shape_mismatch);
  CHECK(device::unswizzle(fixture::default_stream, other.view().scales, plain.view().scales) ==
        device::status::shape_mismatch);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(other.is_untouched());
  CHECK(plain.is_untouched());
}
