// SPDX-License-Identifier: Apache-2.0
// Square tiles whose amaxes are found on the way, and which of them can: device bytes are host bytes where the
// tiles of a warp are of different kinds.
#include <doctest/doctest.h>

#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"

using namespace nibble;

TEST_CASE(
    "square tiles of all kinds side by side: device bytes are host bytes in both directions") {
  if (!fixture::has_device()) return;
  float lift = 1, largest = 1000;
  SUBCASE("of small numbers") {}
  SUBCASE("of numbers around 2^121, whose bits no half has") {
    lift = 0x1p115f;
    largest = 0x1p127f;
  }
  quantizer<nvfp4_block, scaling::amax<scaling::tile::square>> const q;
  auto values = fixture::filled<bf16>(160, 272, 4);
  for (matrix_index i = 0; i < 160; ++i) {
    for (matrix_index j = 0; j < 272; ++j) {
      auto const kind = (i / 16 + j / 16) % 5;
      values(i, j) = bf16(static_cast<float>(values(i, j)) * lift);
      if (kind == 1 && i % 16 == 9 && j % 16 == 3) values(i, j) = bf16::from_bits(0xFFC0);
      if (kind == 2) values(i, j) = bf16::from_bits(0x8000);
      if (kind == 3) values(i, j) = bf16(static_cast<float>(values(i, j)) * 0x1p-20f);
    }
  }
  values(40, 40) = bf16(largest);
  auto const rows = quantized(values.view(), q);
  auto const columns = quantized(transposed(values.view()), q);
  fixture::on_device<bf16> const in(values);
  fixture::guarded_matrix rows_out(rows.shape()), columns_out(columns.shape());
  CHECK(device::quantize_both(fixture::default_stream, in.view, rows_out.view(), columns_out.view(),
                              q, q) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(rows_out.guards_hold());
  CHECK(columns_out.guards_hold());
  CHECK(rows_out.different_bytes(rows) == 0);
  CHECK(columns_out.different_bytes(columns) == 0);
}
