// SPDX-License-Identifier: Apache-2.0
// The launcher's choices change no bit: how many rows of x a block of threads makes, and how it loads them.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include <nibble/bf16.hpp>
#include <nibble/device/weight_only_kernel.cuh>
#include <nibble/quantizer.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace detail = nibble::device::detail;

struct doubled {
  __device__ float operator()(float amax) const { return 2.0f * amax; }
};

constexpr int rows = 70, columns = 1600, of_x = 8;

template <int Wide, bool Whole>
std::vector<float> product(quantized_view<nvfp4_block> const& w, matrix_view<bf16> const& x) {
  fixture::device_vector<float> out(of_x * rows, -1.0f);
  auto const view = *make_matrix_view(cuda::std::span<float>(out.data(), out.size()), of_x, rows);
  auto const kernel = &detail::weight_only<Wide, Whole, matrix_view<bf16>, quantized_view<nvfp4_block>, matrix_view<float>, doubled>;
  kernel<<<(rows + 15) / 16, 32 * detail::few_slices>>>(x, w, view, doubled{}, epilogue{});
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return fixture::copied(out);
}

}  // namespace

TEST_CASE("one fragment of x a warp or more, by vectors or by ordinary loads: the same bits") {
  if (!fixture::has_device()) return;
  using plain = cuda::std::layout_right;
  fixture::device_matrix<quantizer<>, plain> w(shape_for<quantizer<>, plain>(rows, columns));
  std::vector<std::uint8_t> codes(w.codes.size()), scales(w.scale_bytes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 0x9E37'79B1u >> 13);
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(0x20 + i * 37 % 64);
  fixture::transfer(codes.begin(), codes.end(), w.codes.begin());
  fixture::transfer(scales.begin(), scales.end(), w.scale_bytes.begin());
  w.amax[0] = 1.0f;
  std::vector<bf16> values(of_x * columns);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = bf16(static_cast<float>(static_cast<int>(i * 7919 % 509) - 254) / 37.0f);
  fixture::device_vector<bf16> device(values.begin(), values.end());
  auto const x =
      *make_matrix_view(cuda::std::span<bf16>(device.data(), device.size()), of_x, columns);
  auto const expected = product<1, true>(w.view(), x);
  auto const same = [&](std::vector<float> const& other) {
    return std::memcmp(expected.data(), other.data(), expected.size() * sizeof(float)) == 0;
  };
  CHECK(expected[0] != 0.0f);
  CHECK(same(product<2, true>(w.view(), x)));
  CHECK(same(product<1, false>(w.view(), x)));
}
