// SPDX-License-Identifier: Apache-2.0
// Clusters of any size and number give the bits of the kernel that any GPU takes.
#include <doctest/doctest.h>

#include <type_traits>
#include <vector>

#include <nibble/device/weight_only.cuh>
#include <nibble/quantizer.hpp>
#include <nibble/scaling/power_of_two.hpp>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
namespace few = nibble::device::detail;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;
using mx = quantizer<mxfp4_block, scaling::power_of_two<>>;

constexpr cudaStream_t stream = nullptr;

/// Weights, x and an output, all of bytes that no case chose.
template <class T, class ScaleLayout, class Quantizer>
struct operands {
  matrix_index rows, of_x;
  fixture::device_matrix<Quantizer, ScaleLayout> w;
  fixture::device_vector<T> x;
  fixture::device_vector<float> out;

  operands(matrix_index r, matrix_index n, matrix_index k)
      : rows(n), of_x(r), w(shape_for<Quantizer, ScaleLayout>(n, k)), out(static_cast<std::size_t>(r * n)) {
    std::vector<std::uint8_t> codes(w.codes.size()), scales(w.scale_bytes.size());
    bool const is_mx = std::is_same_v<Quantizer, mx>;
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 0x9E37'79B1u >> 13);
    for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>((is_mx ? 120 : 0x20) + i * 37 % (is_mx ? 16 : 64));
    fixture::transfer(codes.begin(), codes.end(), w.codes.begin());
    fixture::transfer(scales.begin(), scales.end(), w.scale_bytes.begin());
    w.amax[0] = 1.0f;
    std::vector<T> values(static_cast<std::size_t>(r * k));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = T(static_cast<float>(static_cast<int>(i * 7919 % 509) - 254) / 37.0f);
    x = fixture::device_vector<T>(values.begin(), values.end());
  }
  matrix_view<T> in() {
    return *make_matrix_view(cuda::std::span<T>(x.data(), x.size()), of_x, w.shape.columns);
  }
  /// What a launch writes over poison.
  template <class Launch>
  std::vector<float> product(Launch const& launch) {
    fixture::fill(out.begin(), out.end(), -1.0f);
    auto const view = *make_matrix_view(cuda::std::span<float>(out.data(), out.size()), of_x, rows);
    REQUIRE(launch(view) == device::status::success);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    return fixture::copied(out);
  }
};

/// Bytes that clusters of one to eight blocks, one to three of them, with room for all sums or for those
/// of a turn, get unlike weight_only.
template <int Rows, class T, class ScaleLayout, class Quantizer>
int unlike(matrix_index r, matrix_index n, matrix_index k) {
  operands<T, ScaleLayout, Quantizer> all(r, n, k);
  auto const expected = all.product([&](auto const& out) {
    return few::launch_weight_only<1, true, Quantizer>(stream, all.in(), all.w.view(), out, {});
  });
  CHECK(expected.front() != -1.0f);
  std::size_t const room = static_cast<std::size_t>(few::few_room{}.shared);
  auto const units = static_cast<int>((n + 15) / 16);
  int different = 0, fitting = 0;
  for (int blocks_log2 = 0; blocks_log2 <= 3; ++blocks_log2) {
    for (int clusters = 1; clusters <= 3; ++clusters) {
      auto grid = few::share_few<Rows>(clusters, blocks_log2, units, static_cast<int>(k), r < Rows ? static_cast<int>(r) : Rows, room);
      for (; grid.shares.turns > 0; grid.shares.turns /= 2) {
        ++fitting;
        different += fixture::bytes_unlike(all.product([&](auto const& out) {
          auto const x = all.in();
          auto const w = all.w.view();
          using launch = few::few_clusters<Rows, Quantizer, std::remove_const_t<decltype(x)>, std::remove_const_t<decltype(w)>, std::remove_cvref_t<decltype(out)>>;
          return launch(stream, r, grid, clusters == 2)(x, w, out, {});
        }), expected);
      }
    }
  }
  CHECK(fitting >= 12);
  return different;
}

}  // namespace

TEST_CASE("clusters of one to eight blocks give the bits of one block with eight warps") {
  if (!fixture::has_device() || few::few_room{}.multiprocessors == 0) return;
  CHECK(unlike<1, bf16, plain, quantizer<>>(1, 70, 1664) == 0);
  CHECK(unlike<8, bf16, plain, quantizer<>>(1, 70, 1664) == 0);
  CHECK(unlike<8, bf16, tiled, quantizer<>>(8, 300, 2944) == 0);
  CHECK(unlike<16, bf16, plain, quantizer<>>(16, 530, 4096) == 0);
  CHECK(unlike<8, bf16, plain, quantizer<>>(19, 33, 256) == 0);
  CHECK(unlike<16, fp16, tiled, quantizer<>>(11, 129, 128) == 0);
  CHECK(unlike<16, bf16, tiled, mx>(9, 200, 5120) == 0);
}
