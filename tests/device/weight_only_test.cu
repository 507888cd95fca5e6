// SPDX-License-Identifier: Apache-2.0
// Products of few rows with quantized weights: exact where sums fit 24 bits, near the exact sum
// elsewhere, and the same for every shape of the launch.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <nibble/device/weight_only.cuh>
#include <nibble/quantizer.hpp>
#include <nibble/scaling/power_of_two.hpp>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"
#include "support/slow_producer.cuh"

namespace {

using namespace nibble;
using q = quantizer<>;
using mx = quantizer<mxfp4_block, scaling::power_of_two<>>;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

/// Weights with random codes and scale bytes from `lowest` to `highest`, on both sides.
template <class ScaleLayout, class Quantizer = q>
struct weights {
  using block = typename Quantizer::block_type;
  quantized_shape<block, ScaleLayout> shape;
  fixture::device_matrix<Quantizer, ScaleLayout> device;
  quantized_matrix<block, ScaleLayout> host;

  weights(matrix_index rows, matrix_index columns, unsigned lowest, unsigned highest)
      : shape(shape_for<Quantizer, ScaleLayout>(rows, columns)), device(shape), host(shape) {
    oracle::bit_source random(static_cast<std::uint64_t>(rows * 4096 + columns));
    auto const view = host.view();
    for (matrix_index i = 0; i < rows; ++i) {
      for (matrix_index j = 0; j < columns; ++j) view.codes(i, j) = fp4_e2m1::from_bits(random.below(16));
      for (matrix_index b = 0; b < shape.blocks_per_row(); ++b) {
        view.scales(i, b) = block::scale_type::from_bits(lowest + random.below(highest - lowest + 1));
      }
    }
    view.amax(0, 0) = 100.0f;
    fixture::transfer(host.code_bytes().begin(), host.code_bytes().end(), device.codes.begin());
    cudaMemcpy(device.scale_bytes.data(), host.scales().data(), host.scales().size(),
               cudaMemcpyHostToDevice);
    device.amax[0] = 100.0f;
  }
  double value(matrix_index i, matrix_index j) const {
    auto const view = host.view();
    return static_cast<double>(static_cast<float>(view.codes(i, j))) *
           static_cast<double>(static_cast<float>(view.scale(i, j / block::size)));
  }
};

/// A matrix in device memory whose rows are `pitch` apart.
template <class T>
struct rows_of {
  std::vector<T> host;
  fixture::device_vector<T> device;
  matrix_index rows, columns, pitch;

  rows_of(matrix_index r, matrix_index c, matrix_index p)
      : host(static_cast<std::size_t>(r * p + 1)), rows(r), columns(c), pitch(p) {}
  T& operator()(matrix_index i, matrix_index j) { return host[static_cast<std::size_t>(i * pitch + j)]; }
  matrix_view<T> view() {
    device = fixture::device_vector<T>(host.begin(), host.end());
    cuda::std::array<matrix_index, 2> const strides{pitch, 1};
    return matrix_view<T>(device.data(), {matrix_extents(rows, columns), strides});
  }
  void fetch() { fixture::transfer(device.begin(), device.end(), host.begin()); }
};

template <class T>
rows_of<T> small_integers(matrix_index rows, matrix_index columns, matrix_index pitch) {
  rows_of<T> x(rows, columns, pitch);
  oracle::bit_source random(static_cast<std::uint64_t>(rows * 977 + columns));
  for (auto& value : x.host) value = T(static_cast<float>(static_cast<int>(random.below(17)) - 8));
  return x;
}

constexpr cuda::stream_ref stream() { return cuda::stream_ref{cudaStream_t{}}; }

template <class Quantizer = q, class View, class X, class Out>
void multiply(X const& x, View const& w, Out const& out, epilogue const& e = {}) {
  REQUIRE(device::weight_only_product(stream(), x, w, Quantizer{}, out, e) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
}

template <class Quantizer = q>
float alpha_of(float alpha) {
  return fold_alpha<device::detail::not_quantized, Quantizer>(alpha, tensor_amax{1.0f}, tensor_amax{100.0f});
}

/// Results that are not the exact ones, for sums that fit 24 bits.
template <class T, class ScaleLayout, class Quantizer = q>
int wrong(matrix_index r, matrix_index n, matrix_index k, matrix_index pitch) {
  constexpr bool is_mx = std::is_same_v<Quantizer, mx>;
  weights<ScaleLayout, Quantizer> w(n, k, is_mx ? 126 : 0x38, is_mx ? 128 : 0x40);
  auto x = small_integers<T>(r, k, pitch);
  rows_of<float> out(r, n, n + 3);
  auto const view = out.view();
  multiply<Quantizer>(x.view(), w.device.view(), view, {.alpha = 3.0f});
  out.fetch();
  int count = 0;
  for (matrix_index i = 0; i < r; ++i) {
    for (matrix_index j = 0; j < n; ++j) {
      double sum = 0;
      for (matrix_index l = 0; l < k; ++l) sum += w.value(j, l) * static_cast<double>(static_cast<float>(x(i, l)));
      count += out(i, j) != arch::multiply(alpha_of<Quantizer>(3.0f), static_cast<float>(sum));
    }
  }
  return count;
}

struct shape {
  matrix_index r, n, k, pitch;
};

}  // namespace

TEST_CASE("integers: every shape, alignment and scale layout gives the exact sums") {
  if (!fixture::has_device()) return;
  for (shape const s : {shape{1, 64, 256, 256}, shape{8, 33, 1024, 1024}, shape{9, 16, 2880, 2880}, shape{16, 130, 2080, 2088},
                        shape{17, 40, 160, 168}, shape{32, 48, 512, 512}, shape{40, 20, 384, 384},
                        shape{3, 17, 70, 70}, shape{5, 31, 1000, 1001}, shape{2, 9, 16, 16}, shape{1, 5, 3, 3}}) {
    CAPTURE(s.r);
    CAPTURE(s.k);
    CHECK(wrong<bf16, plain>(s.r, s.n, s.k, s.pitch) == 0);
    CHECK(wrong<bf16, tiled>(s.r, s.n, s.k, s.pitch) == 0);
    CHECK(wrong<fp16, plain>(s.r, s.n, s.k, s.pitch) == 0);
    CHECK(wrong<fp16, tiled>(s.r, s.n, s.k, s.pitch) == 0);
    CHECK(wrong<float, plain>(s.r, s.n, s.k, s.pitch) == 0);
    CHECK(wrong<bf16, plain, mx>(s.r, s.n, s.k, s.pitch) == 0);
  }
  CHECK(wrong<bf16, tiled>(8, 6401, 256, 256) == 0);  // the larger blocks of threads
  CHECK(wrong<fp16, plain>(1, 6423, 96, 96) == 0);
}

TEST_CASE("every scale: one weight at a time is exact") {
  if (!fixture::has_device()) return;
  weights<tiled> w(128, 256, 0, 0x7E);
  rows_of<bf16> x(16, 256, 256);
  for (matrix_index i = 0; i < 16; ++i) x(i, 16 * i + i) = bf16(1.5f);
  rows_of<float> out(16, 128, 128);
  auto const view = out.view();
  multiply(x.view(), w.device.view(), view);
  out.fetch();
  int different = 0;
  for (matrix_index i = 0; i < 16; ++i) {
    for (matrix_index j = 0; j < 128; ++j) {
      different += out(i, j) != arch::multiply(alpha_of(1.0f), static_cast<float>(1.5 * w.value(j, 17 * i)));
    }
  }
  CHECK(different == 0);
}

TEST_CASE("every scale of MXFP4: one weight at a time is exact, or infinite from 2^128 on") {
  if (!fixture::has_device()) return;
  weights<plain, mx> w(256, 256, 0, 254);
  rows_of<bf16> x(8, 256, 256);
  for (matrix_index i = 0; i < 8; ++i) x(i, 32 * i + i) = bf16(1.0f);
  rows_of<float> out(8, 256, 256);
  auto const view = out.view();
  multiply<mx>(x.view(), w.device.view(), view);
  out.fetch();
  int different = 0;
  for (matrix_index i = 0; i < 8; ++i) {
    for (matrix_index j = 0; j < 256; ++j) {
      // The other elements of x are zeros, which infinite weights make NaN.
      bool is_nan = false;
      for (matrix_index l = 0; l < 256; ++l) is_nan = is_nan || (l != 33 * i && std::abs(w.value(j, l)) >= 0x1p128);
      auto const expected = arch::multiply(alpha_of<mx>(1.0f), static_cast<float>(w.value(j, 33 * i)));
      different += is_nan ? !std::isnan(out(i, j)) : out(i, j) != expected;
    }
  }
  CHECK(different == 0);
}

TEST_CASE("a float of 24 bits against one weight is exact, and infinities and NaN are themselves") {
  if (!fixture::has_device()) return;
  weights<plain> w(16, 64, 0x38, 0x38);  // scale 1
  fixture::fill(w.device.codes.begin(), w.device.codes.end(), std::uint8_t{0x22});  // 1
  rows_of<float> x(32, 64, 64), out(32, 16, 16);
  oracle::bit_source random(9);
  for (matrix_index i = 0; i < 28; ++i) {
    x(i, i) = std::ldexp(static_cast<float>(random.below(1u << 24)) - 0x1p23f, static_cast<int>(random.below(200)) - 110);
  }
  x(28, 5) = INFINITY;
  x(29, 6) = -INFINITY;
  x(30, 7) = NAN;
  x(31, 8) = 3.4028235e38f;
  auto const view = out.view();
  multiply(x.view(), w.device.view(), view, {.alpha = 1.0f / alpha_of(1.0f)});
  out.fetch();
  float const alpha = alpha_of(1.0f / alpha_of(1.0f));
  int different = 0;
  for (matrix_index i = 0; i < 32; ++i) {
    for (matrix_index j = 0; j < 16; ++j) {
      float const expected = arch::multiply(alpha, i < 28 ? x(i, i) : x(i, i - 23));
      different += std::isnan(expected) ? !std::isnan(out(i, j)) : out(i, j) != expected;
    }
  }
  CHECK(different == 0);
}

TEST_CASE("any values: near the exact sum, and the same bits in every batch and on every run") {
  if (!fixture::has_device()) return;
  constexpr matrix_index n = 96, k = 4096;
  weights<plain> w(n, k, 0x10, 0x60);
  rows_of<bf16> x(32, k, k);
  oracle::bit_source random(8);
  for (auto& value : x.host) value = bf16((static_cast<float>(random.below(1u << 16)) - 32768.0f) * 0x1p-10f);
  auto const all = x.view();
  rows_of<float> out(32, n, n), again(32, n, n);
  auto const view = out.view();
  multiply(all, w.device.view(), view);
  out.fetch();
  int far = 0;
  for (matrix_index i = 0; i < 32; ++i) {
    for (matrix_index j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (matrix_index l = 0; l < k; ++l) {
        double const term = w.value(j, l) * static_cast<double>(static_cast<float>(x(i, l)));
        sum += term;
        magnitude += std::abs(term);
      }
      double const alpha = static_cast<double>(alpha_of(1.0f));
      far += !(std::abs(static_cast<double>(out(i, j)) - alpha * sum) <= alpha * magnitude * 0x1p-18);
    }
  }
  CHECK(far == 0);
  for (matrix_index const rows : {1, 7, 8, 9, 16, 23, 32}) {
    cuda::std::array<matrix_index, 2> const strides{k, 1};
    matrix_view<bf16> const first(all.data_handle(), {matrix_extents(rows, k), strides});
    auto const target = again.view();
    cuda::std::array<matrix_index, 2> const out_strides{n, 1};
    multiply(first, w.device.view(), matrix_view<float>(target.data_handle(), {matrix_extents(rows, n), out_strides}));
    again.fetch();
    CHECK(std::memcmp(out.host.data(), again.host.data(), static_cast<std::size_t>(rows * n) * sizeof(float)) == 0);
  }
}

TEST_CASE("the epilogue is that of the host's products, into bf16 too") {
  if (!fixture::has_device()) return;
  weights<plain> w(40, 64, 0x38, 0x40);
  auto x = small_integers<fp16>(4, 64, 64);
  rows_of<bf16> out(4, 40, 40);
  for (matrix_index i = 0; i < 160; ++i) out.host[static_cast<std::size_t>(i)] = bf16(static_cast<float>(i));
  auto const before = out.host;
  fixture::device_vector<float> bias(40);
  for (int i = 0; i < 40; ++i) bias[static_cast<std::size_t>(i)] = 0.37f * static_cast<float>(i);
  auto const view = out.view();
  multiply(x.view(), w.device.view(), view, {.alpha = 0.3f, .beta = 0.7f, .bias = bias.data()});
  out.fetch();
  auto const on_host = fixture::copied(bias);
  int different = 0;
  for (matrix_index i = 0; i < 4; ++i) {
    for (matrix_index j = 0; j < 40; ++j) {
      double sum = 0;
      for (matrix_index l = 0; l < 64; ++l) sum += w.value(j, l) * static_cast<double>(static_cast<float>(x(i, l)));
      float expected = arch::multiply(alpha_of(0.3f), static_cast<float>(sum));
      expected = arch::add(expected, arch::multiply(0.7f, static_cast<float>(before[static_cast<std::size_t>(i * 40 + j)])));
      expected = arch::add(expected, on_host[static_cast<std::size_t>(j)]);
      different += out(i, j).bits() != bf16(expected).bits();
    }
  }
  CHECK(different == 0);
}

TEST_CASE("a NaN scale makes NaN of its row's sums alone, and no weights make zeros") {
  if (!fixture::has_device()) return;
  weights<plain> w(32, 64, 0x38, 0x40);
  w.device.scale_bytes[5 * 4 + 2] = 0x7F;
  auto x = small_integers<bf16>(2, 64, 64);
  rows_of<float> out(2, 32, 32);
  auto view = out.view();
  multiply(x.view(), w.device.view(), view);
  out.fetch();
  for (matrix_index j = 0; j < 32; ++j) CHECK(std::isnan(out(1, j)) == (j == 5));

  weights<plain> none(32, 0, 0x38, 0x40);
  rows_of<bf16> nothing(2, 0, 8);
  multiply(nothing.view(), none.device.view(), view);
  out.fetch();
  for (matrix_index j = 0; j < 32; ++j) CHECK(out(0, j) == 0.0f);
}

TEST_CASE("shapes that do not fit are a status") {
  if (!fixture::has_device()) return;
  weights<plain> w(32, 64, 0x38, 0x40);
  auto x = small_integers<bf16>(2, 80, 80);
  rows_of<float> out(2, 32, 32);
  auto const view = out.view();
  CHECK(device::weight_only_product(stream(), x.view(), w.device.view(), q{}, view) ==
        device::status::shape_mismatch);
}

// bugs: F5
TEST_CASE("products that start early read what a slow kernel, and the product before them, have written") {
  if (!fixture::has_device()) return;
  constexpr matrix_index rows = 16, size = 512;
  weights<plain> w(size, size, 0x28, 0x30);
  auto x = small_integers<bf16>(rows, size, size);
  rows_of<bf16> late(rows, size, size), between(rows, size, size), out(rows, size, size);
  auto const from = x.view(), in = late.view(), middle = between.view(), last = out.view();
  multiply(from, w.device.view(), middle);
  multiply(middle, w.device.view(), last);
  out.fetch();
  auto const expected = out.host;
  bool is_zero = true;
  for (bf16 const one : expected) is_zero = is_zero && (one.bits() & 0x7FFFu) == 0;
  CHECK(!is_zero);
  for (int run = 0; run != 8; ++run) {
    for (auto const* view : {&in, &middle, &last}) {
      REQUIRE(cudaMemset(view->data_handle(), 0, rows * size * sizeof(bf16)) == cudaSuccess);
    }
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    fixture::copy_late<<<1, 1024>>>(from.data_handle(), in.data_handle(), rows * size);
    CHECK(device::weight_only_product(stream(), in, w.device.view(), q{}, middle) == device::status::success);
    CHECK(device::weight_only_product(stream(), middle, w.device.view(), q{}, last) == device::status::success);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    out.fetch();
    CHECK(fixture::bytes_unlike(out.host, expected) == 0);
  }
}
