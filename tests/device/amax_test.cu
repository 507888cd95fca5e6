// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <limits>

#include <nibble/device/amax.cuh>
#include <nibble/tensor_scale/per_row.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {
using q = nibble::quantizer<>;
using per_row =
    nibble::quantizer<nibble::nvfp4_block,
                      nibble::scaling::amax<nibble::scaling::tile::row, nibble::tensor_scale::per_row<>>>;

template <class Quantizer>
std::vector<float> amaxes_of(fixture::matrix<float> const& values) {
  fixture::device_vector<float> const in(values.values.begin(), values.values.end());
  auto const view = values.view();
  cuda::std::array<nibble::matrix_index, 2> const strides{view.stride(0), view.stride(1)};
  nibble::matrix_view<float const> const on_device(in.data(), {view.extents(), strides});
  fixture::device_matrix<Quantizer, cuda::std::layout_right> out(
      nibble::shape_for<Quantizer>(values.rows, values.columns));
  CHECK(nibble::device::find_amax(cuda::stream_ref{cudaStream_t{}}, on_device, out.view(), Quantizer{}) ==
        nibble::device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return fixture::copied(out.amax);
}
}  // namespace

// bugs: A10 A15
TEST_CASE("one extreme value anywhere is found, NaN is not, and an old amax is forgotten") {
  if (!fixture::has_device()) return;
  for (nibble::matrix_index const at : {0, 1, 4095, 8191}) {
    fixture::matrix<float> values(64, 128);
    values(at / 128, at % 128) = -3.5f;
    values(5, 5) = std::numeric_limits<float>::quiet_NaN();
    CHECK(amaxes_of<q>(values) == std::vector<float>{3.5f});
  }
  CHECK(amaxes_of<q>(fixture::matrix<float>(16, 16)) == std::vector<float>{0.0f});
  fixture::matrix<float> tiny(1, 16);
  tiny(0, 3) = -0x1p-149f;
  CHECK(amaxes_of<q>(tiny) == std::vector<float>{0x1p-149f});  // subnormals are kept
}

TEST_CASE("amaxes of rows are those of the rows") {
  if (!fixture::has_device()) return;
  auto const values = fixture::filled(37, 50, 8);
  auto const found = amaxes_of<per_row>(values);
  for (int i = 0; i < 37; ++i) {
    float expected = 0;
    for (int j = 0; j < 50; ++j) expected = std::max(expected, std::abs(values(i, j)));
    CHECK(found[static_cast<std::size_t>(i)] == expected);
  }
}
