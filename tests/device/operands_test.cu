// SPDX-License-Identifier: Apache-2.0
// Operands decoded to bf16, code by code against the product that they stand for.
#include <doctest/doctest.h>

#include <nibble/dequantize.hpp>
#include <nibble/device/operands.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;

/// Values in which an operand differs from code times block scale (and outer scale, where rows have
/// their own), rounded to bf16.
template <class Q, class Layout = cuda::std::layout_right>
int mismatches(matrix_index rows, matrix_index columns) {
  auto const host = quantized<Layout>(fixture::filled<float>(rows, columns, 3).view(), Q{});
  fixture::device_matrix<Q, Layout> on_device(host.shape());
  fixture::device_vector<float> in(static_cast<std::size_t>(rows * columns));
  auto const values = fixture::filled<float>(rows, columns, 3);
  fixture::transfer(values.values.begin(), values.values.begin() + rows * columns, in.begin());
  auto const view =
      *make_matrix_view(cuda::std::span<float const>(in.data(), in.size()), rows, columns);
  REQUIRE(device::quantize(cuda::stream_ref{cudaStream_t{}}, view, on_device.view(), Q{}) ==
          device::status::success);

  matrix_index const size = Q::block_type::size, blocks = detail::ceil_div(host.shape().columns, size);
  matrix_index const pitch = blocks * size + 16;
  bf16 const poison = bf16(-7.0f);
  fixture::device_vector<bf16> out(static_cast<std::size_t>(rows * pitch), poison);
  REQUIRE(device::decode_operand<Q>(cudaStream_t{}, on_device.view(), out.data(), pitch) ==
          device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(out);
  int wrong = 0;
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index k = 0; k < pitch; ++k) {
      bf16 want = poison;
      if (k < blocks * size) {
        auto const block = detail::load_block(host.view(), i, k / size);
        float scale = static_cast<float>(block.scale);
        if (!Q::has_one_amax) scale = Q::multiplier(block.scale, Q::prepare({host.view().amax_of(i, k)}));
        want = bf16(arch::multiply(value_of(block, static_cast<int>(k % size)), scale));
      }
      wrong += got[static_cast<std::size_t>(i * pitch + k)].bits() != want.bits();
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("decoded operands are code times scale, and nothing behind a row is touched") {
  if (!fixture::has_device()) return;
  CHECK(mismatches<quantizer<>>(33, 70) == 0);
  CHECK(mismatches<quantizer<>, layout::scale_tile_128x4>(130, 256) == 0);
  CHECK(mismatches<quantizer<mxfp4_block, scaling::power_of_two<>>>(7, 100) == 0);
  CHECK(mismatches<quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>>(5, 300) == 0);
  CHECK(mismatches<quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>>(9, 48) == 0);
}

TEST_CASE("a pitch that is too short, no multiple of 16, or an address off a boundary is refused") {
  if (!fixture::has_device()) return;
  fixture::device_matrix<quantizer<>, cuda::std::layout_right> m(shape_for<quantizer<>>(4, 40));
  fixture::device_vector<bf16> out(4 * 64);
  auto* const to = out.data();
  CHECK(device::decode_operand<quantizer<>>(cudaStream_t{}, m.view(), to, 32) == device::status::shape_mismatch);
  CHECK(device::decode_operand<quantizer<>>(cudaStream_t{}, m.view(), to, 56) == device::status::shape_mismatch);
  CHECK(device::decode_operand<quantizer<>>(cudaStream_t{}, m.view(), to + 1, 48) == device::status::shape_mismatch);
}

TEST_CASE("matrices of any strides are rounded to rows of bf16 with zeros behind them") {
  if (!fixture::has_device()) return;
  auto const plain = fixture::filled<float>(45, 70, 5);
  for (auto const& from : {plain, fixture::restrided(plain, 100, 1), fixture::restrided(plain, 2, 95)}) {
    fixture::device_vector<float> in(from.values.begin(), from.values.end());
    auto const like = from.view();
    cuda::std::array<matrix_index, 2> const strides{like.stride(0), like.stride(1)};
    matrix_view<float const> const view(in.data(), {like.extents(), strides});
    fixture::device_vector<bf16> out(45 * 80, bf16(-7.0f));
    REQUIRE(device::round_operand(cudaStream_t{}, view, out.data(), 80) == device::status::success);
    auto const got = fixture::copied(out);
    int wrong = 0;
    for (matrix_index i = 0; i < 45; ++i) {
      for (matrix_index k = 0; k < 80; ++k) {
        bf16 const want(k < 70 ? plain(i, k) : 0.0f);
        wrong += got[static_cast<std::size_t>(i * 80 + k)].bits() != want.bits();
      }
    }
    CHECK(wrong == 0);
    CHECK(device::round_operand(cudaStream_t{}, view, out.data(), 69) ==
          device::status::shape_mismatch);
  }
}
