// SPDX-License-Identifier: Apache-2.0
// Tiles of 128x128 shared by a block of threads: the host's bytes, made and turned.
#include <doctest/doctest.h>

#include <nibble/device/quantize.cuh>
#include <nibble/device/transpose.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>
#include <nibble/transpose.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;
using squares = quantizer<fp8_block, scaling::amax<scaling::tile::square, tensor_scale::none>>;
using drawn = quantizer<fp8_block, scaling::amax<scaling::tile::square, tensor_scale::none>, rounding::stochastic<>>;

/// Bytes of a matrix, and of its tiles turned, that differ between the host and the device.
template <class Quantizer, class T>
int different_tiles(fixture::matrix<T> const& values, Quantizer const& q) {
  auto const view = values.view();
  auto const expected = quantized(view, q);
  auto const turned = transpose_tiles<Quantizer>(expected.view());
  fixture::device_vector<T> const memory(values.values.begin(), values.values.end());
  cuda::std::array<matrix_index, 2> const strides{view.stride(0), view.stride(1)};
  matrix_view<T const> const in(memory.data(), {view.extents(), strides});
  fixture::device_matrix<Quantizer, cuda::std::layout_right> made(expected.shape()), moved(turned.shape());
  cuda::stream_ref const stream{cudaStream_t{}};
  REQUIRE(device::quantize(stream, in, made.view(), q) == device::status::success);
  REQUIRE(device::transpose_tiles<Quantizer>(stream, made.view(), moved.view()) == device::status::success);
  return made.different_bytes(expected) + moved.different_bytes(turned);
}

}  // namespace

TEST_CASE("tiles of 128x128 are the host's bytes, made of any matrix and turned") {
  if (!fixture::has_device()) return;
  for (auto const& [rows, columns] : {std::pair{256, 384}, {128, 128}, {130, 300}, {1, 1}, {127, 4}, {5, 640}}) {
    CAPTURE(rows);
    CAPTURE(columns);
    CHECK(different_tiles(fixture::filled<float>(rows, columns, 3), squares{}) == 0);
    CHECK(different_tiles(fixture::filled<bf16>(rows, columns, 4), squares{}) == 0);
    CHECK(different_tiles(fixture::filled<bf16>(rows, columns, 5), drawn{{}, {{7, 8}}}) == 0);
  }
  auto const values = fixture::filled<bf16>(200, 260, 5);
  CHECK(different_tiles(fixture::restrided(values, 273, 1), squares{}) == 0);
  CHECK(different_tiles(fixture::restrided(values, 1, 200), squares{}) == 0);  // columns run fastest
}
