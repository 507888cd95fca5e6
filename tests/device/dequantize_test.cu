// SPDX-License-Identifier: Apache-2.0
// That contiguous values equal the host's is quantize_test's; here are results of other types and strides, and the refusals.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include <nibble/device/dequantize.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>

#include "support/device_bytes.cuh"
#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

/// How many elements of a result of 48 x 64 at these strides, `shift` elements off alignment, are not the host's, or are
/// between them and not left alone.
template <class T, class Quantizer>
int wrong_elements(Quantizer const& q, nibble::matrix_index down, nibble::matrix_index across,
                   std::size_t shift) {
  using namespace nibble;
  constexpr matrix_index rows = 48, columns = 64;
  auto const host = quantized(fixture::filled<float>(rows, columns, 4).view(), q);
  fixture::matrix<T> expected(rows, columns);
  dequantize(host.view(), expected.view(), q);
  fixture::guarded_matrix<typename Quantizer::block_type> in(host);
  auto const count = static_cast<std::size_t>((rows - 1) * down + (columns - 1) * across + 1);
  fixture::guarded_bytes out(count * sizeof(T), shift * sizeof(T));
  cuda::std::array<matrix_index, 2> const strides{down, across};
  matrix_view<T> const result(out.as<T>().data(), {matrix_extents(rows, columns), strides});
  CHECK(device::dequantize(fixture::default_stream, in.view(), result, q) ==
        device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto bytes = out.inside();
  int wrong = !out.guards_hold();
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index j = 0; j < columns; ++j) {
      auto* const got = bytes.data() + static_cast<std::size_t>(i * down + j * across) * sizeof(T);
      T const need = expected(i, j);
      wrong += std::memcmp(got, &need, sizeof(T)) != 0;
      std::fill(got, got + sizeof(T), fixture::guarded_bytes::poison);
    }
  }
  for (std::uint8_t const byte : bytes) wrong += byte != fixture::guarded_bytes::poison;
  return wrong;
}

}  // namespace

// bugs: E8
TEST_CASE("results at any strides and off alignment are the host's, and nothing between is touched") {
  if (!fixture::has_device()) return;
  using namespace nibble;
  auto const check = [](auto const& q) {
    struct steps {
      matrix_index down, across;
    };
    for (steps const s : {steps{64, 1}, steps{72, 1}, steps{67, 1}, steps{1, 48}, steps{1, 51},
                          steps{130, 2}}) {
      for (unsigned const shift : {0u, 1u, 3u, 8u}) {
        CHECK(wrong_elements<float>(q, s.down, s.across, shift) == 0);
        CHECK(wrong_elements<bf16>(q, s.down, s.across, shift) == 0);
        CHECK(wrong_elements<fp16>(q, s.down, s.across, shift) == 0);
      }
    }
  };
  check(quantizer<>{});
  check(quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  check(quantizer{scaling::amax<>{}, rounding::nearest_even{}, transform::random_hadamard<16, bf16>{}});
  check(quantizer<mxfp4_block, scaling::power_of_two<>>{});
}

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
