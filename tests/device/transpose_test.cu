// SPDX-License-Identifier: Apache-2.0
// Square tiles turned on the device: the host's bytes, padding included.
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

template <class Q, class Layout = cuda::std::layout_right>
int mismatches(matrix_index rows, matrix_index columns) {
  auto const values = fixture::filled<float>(rows, columns, 3);
  auto const straight = quantized<Layout>(values.view(), Q{});
  auto const expected = transpose_tiles<Q>(straight.view());
  fixture::device_vector<float> in(values.values.begin(), values.values.end());
  auto const view =
      *make_matrix_view(cuda::std::span<float const>(in.data(), in.size()), rows, columns);
  fixture::device_matrix<Q, Layout> first(straight.shape()), turned(expected.shape());
  cuda::stream_ref const stream{cudaStream_t{}};
  REQUIRE(device::quantize(stream, view, first.view(), Q{}) == device::status::success);
  REQUIRE(device::transpose_tiles<Q>(stream, first.view(), turned.view()) == device::status::success);
  return turned.different_bytes(expected);
}

using squares = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using fp8_squares = quantizer<fp8_block, scaling::amax<scaling::tile::square, tensor_scale::none>>;

}  // namespace

TEST_CASE("turned tiles of 16x16 nibbles and of 128x128 bytes are the host's bytes") {
  if (!fixture::has_device()) return;
  CHECK(mismatches<squares>(64, 128) == 0);
  CHECK(mismatches<squares>(33, 70) == 0);
  CHECK(mismatches<squares>(1, 300) == 0);
  CHECK(mismatches<squares, layout::scale_tile_128x4>(48, 208) == 0);
  CHECK(mismatches<squares, layout::scale_tile_128x4>(256, 128) == 0);
  CHECK(mismatches<fp8_squares>(130, 300) == 0);
}

TEST_CASE("an output of another shape is refused") {
  if (!fixture::has_device()) return;
  fixture::device_matrix<squares, cuda::std::layout_right> a(shape_for<squares>(32, 48)), b(shape_for<squares>(32, 48));
  CHECK(device::transpose_tiles<squares>(cuda::stream_ref{cudaStream_t{}}, a.view(), b.view()) ==
        device::status::shape_mismatch);
  // Views that nobody checked: scales for half the blocks, and rows that lie on one another.
  fixture::device_matrix<squares, cuda::std::layout_right> turned(shape_for<squares>(48, 32));
  auto few_scales = turned.view(), no_pitch = turned.view();
  few_scales.scales = {few_scales.scales.data_handle(), matrix_extents(48, 1)};
  no_pitch.codes = {no_pitch.codes.data_handle(),
                    {matrix_extents(48, 32), cuda::std::array<matrix_index, 2>{16, 1}}};
  CHECK(device::transpose_tiles<squares>(cuda::stream_ref{cudaStream_t{}}, a.view(), few_scales) ==
        device::status::shape_mismatch);
  CHECK(device::transpose_tiles<squares>(cuda::stream_ref{cudaStream_t{}}, a.view(), no_pitch) ==
        device::status::code_layout);
}
