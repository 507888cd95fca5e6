// SPDX-License-Identifier: Apache-2.0
// That values equal the host's is quantize_test's; here are the results of other types and the refusals.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/dequantize.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/part.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

TEST_CASE("results in bf16 are the host's, and another shape is refused") {
  if (!fixture::has_device()) return;
  using namespace nibble;
  using q = quantizer<>;
  auto const values = fixture::filled<float>(48, 64, 2);
  fixture::matrix<bf16> expected(48, 64);
  dequantize(quantized(values.view(), q{}).view(), expected.view(), q{});

  fixture::device_vector<float> const in(values.values.begin(), values.values.begin() + 48 * 64);
  auto const on_device =
      *make_matrix_view(cuda::std::span<float const>(in.data(), in.size()), 48, 64);
  fixture::device_matrix<q, cuda::std::layout_right> out(shape_for<q>(48, 64));
  cuda::stream_ref const stream{cudaStream_t{}};
  REQUIRE(device::quantize(stream, on_device, out.view(), q{}) == device::status::success);

  fixture::device_vector<bf16> back(48 * 64);
  auto const view = *make_matrix_view(cuda::std::span<bf16>(back.data(), back.size()), 48, 64);
  CHECK(device::dequantize(stream, out.view(), view, q{}) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got = fixture::copied(back);
  int differences = 0;
  for (std::size_t i = 0; i < got.size(); ++i) differences += got[i].bits() != expected.values[i].bits();
  CHECK(differences == 0);

  auto const narrow = *make_matrix_view(cuda::std::span<bf16>(back.data(), back.size()), 48, 48);
  CHECK(device::dequantize(stream, out.view(), narrow, q{}) == device::status::shape_mismatch);
}

TEST_CASE("a part that ends inside a transform is refused, but in the domain of its codes") {
  if (!fixture::has_device()) return;
  using namespace nibble;
  using wide = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::hadamard<128>>;
  fixture::device_matrix<wide, cuda::std::layout_right> whole(shape_for<wide>(16, 128));
  auto const inside = *part(whole.view(), 0, 0, 16, 16);
  fixture::device_vector<float> back(16 * 16);
  auto const view = *make_matrix_view(cuda::std::span<float>(back.data(), back.size()), 16, 16);
  cuda::stream_ref const stream{cudaStream_t{}};
  CHECK(device::dequantize(stream, inside, view, wide{}) == device::status::shape_mismatch);
  CHECK(device::dequantize(stream, inside, view, wide{}, domain::transformed) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
}
