// SPDX-License-Identifier: Apache-2.0
// A step of weights arrives the same by asynchronous copies and by ordinary loads, with repeated rows
// and zero columns past the edges, and x in the order in which codes are decoded.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/bf16.hpp>
#include <nibble/device/weight_only_source.cuh>
#include <nibble/quantizer.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace detail = nibble::device::detail;

/// One warp: both ways to bring the 16 rows from `first_row`, compared where rows exist.
template <class View>
__global__ void compare(View w, matrix_index first_row, matrix_index step, detail::few_strides strides, int* wrong) {
  __shared__ detail::few_weights<16> copied, loaded;
  int const lane = static_cast<int>(threadIdx.x);
  detail::few_source<16> const source(w, first_row, strides);
  source.fetch(copied, step, w.columns(), strides);
#if NIBBLE_HAS_MMA_F16
  arch::ptx::cp_async_commit();
  arch::ptx::cp_async_wait<0>();
#endif
  detail::fetch_any(loaded, w, first_row, step);
  __syncwarp();
  for (int row = lane; row < 16; row += 32) {
    matrix_index const at = first_row + row < w.rows() ? first_row + row : w.rows() - 1;
    int const of_last = static_cast<int>(at - first_row);
    int count = 0;
    for (int piece = 0; piece < 4; ++piece) {
      uint4 const a = copied.piece(row, piece), b = loaded.piece(of_last, piece);
      count += a.x != b.x || a.y != b.y || a.z != b.z || a.w != b.w;
      count += a.x != mma::load_codes(w, at, 128 * step + 32 * piece);
    }
    uint2 const a = copied.scales[row], b = loaded.scales[of_last];
    count += a.x != b.x || a.y != b.y || a.x != mma::load_scales(w, at, 8 * step);
    if (count != 0) atomicAdd(wrong, count);
  }
}

template <class ScaleLayout>
int differences(matrix_index rows, matrix_index columns, matrix_index scale_step) {
  auto const shape = shape_for<quantizer<>, ScaleLayout>(rows, columns);
  fixture::device_matrix<quantizer<>, ScaleLayout> w(shape);
  std::vector<std::uint8_t> codes(w.codes.size()), scales(w.scale_bytes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 0x9E37'79B1u >> 13);
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(i * 37 % 127);
  thrust::copy(codes.begin(), codes.end(), w.codes.begin());
  thrust::copy(scales.begin(), scales.end(), w.scale_bytes.begin());
  thrust::device_vector<int> wrong(1, 0);
  for (matrix_index row = 0; row < rows; row += 16) {
    for (matrix_index step = 0; step < (columns + 127) / 128; ++step) {
      compare<<<1, 32>>>(w.view(), row, step, {shape.pitch() / 2, scale_step}, thrust::raw_pointer_cast(wrong.data()));
    }
  }
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return wrong[0];
}

__global__ void load_x(bf16 const* x, std::uint32_t* pairs) {
  std::uint32_t whole[4], part[4], strided[4];
  detail::pair_eight(detail::load_eight<true>(x, 1, 8), whole);
  detail::pair_eight(detail::load_eight<false>(x, 1, 3), part);
  detail::pair_eight(detail::load_eight<false>(x, 2, 8), strided);
  for (int j = 0; j < 4; ++j) {
    pairs[j] = whole[j];
    pairs[4 + j] = part[j];
    pairs[8 + j] = strided[j];
  }
}

}  // namespace

TEST_CASE("copies and loads bring the same step, in both scale layouts and past the edges") {
  if (!fixture::has_device()) return;
  CHECK(differences<cuda::std::layout_right>(32, 256, 8) == 0);
  CHECK(differences<cuda::std::layout_right>(21, 192, 8) == 0);
  CHECK(differences<layout::scale_tile_128x4>(32, 256, 1024) == 0);
  CHECK(differences<layout::scale_tile_128x4>(139, 320, 1024) == 0);
}

TEST_CASE("eight of x are four pairs of an element and the fourth after it") {
  if (!fixture::has_device()) return;
  std::vector<bf16> x(16);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = bf16::from_bits(static_cast<int>(i) + 1);
  thrust::device_vector<bf16> const device(x.begin(), x.end());
  thrust::device_vector<std::uint32_t> pairs(12);
  load_x<<<1, 1>>>(thrust::raw_pointer_cast(device.data()), thrust::raw_pointer_cast(pairs.data()));
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(pairs);
  for (std::uint32_t j = 0; j < 4; ++j) {
    CHECK(got[j] == ((j + 1) | (j + 5) << 16));
    CHECK(got[4 + j] == (j < 3 ? j + 1 : 0));
    CHECK(got[8 + j] == ((2 * j + 1) | (2 * j + 9) << 16));
  }
}
