// SPDX-License-Identifier: Apache-2.0
// Products on the device: exact and ordered byte for byte the host's, fast equal where sums fit.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <cmath>

#include <nibble/device/matmul.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>
#include <nibble/ue5m3.hpp>

#include "support/device_memory.cuh"
#include "support/matrices.hpp"

namespace {

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

struct extents {
  matrix_index m, n, k;
};

/// Random codes and scales of any finite value, signs too: more than any quantizer would make.
template <class Q, class Layout>
quantized_by<Q, Layout> random_operand(matrix_index rows, matrix_index columns, std::uint64_t seed) {
  quantized_by<Q, Layout> result(shape_for<Q, Layout>(rows, columns));
  oracle::bit_source random(seed);
  auto const view = result.view();
  using element = typename Q::element_type;
  using scale = typename Q::scale_type;
  for (matrix_index i = 0; i < rows; ++i) {
    for (matrix_index k = 0; k < columns; ++k) {
      element code = element::from_bits(random.below(element::format.mask() + 1));
      while (!(std::abs(static_cast<float>(code)) < INFINITY)) {
        code = element::from_bits(random.below(element::format.mask() + 1));
      }
      view.codes(i, k) = code;
    }
    for (matrix_index b = 0; b < view.scales.extent(1); ++b) {
      if constexpr (std::is_same_v<scale, float>) {
        view.scales(i, b) = fixture::varied(seed, i, b);
      } else {
        scale s = scale::from_bits(random.below(256));
        while (static_cast<float>(s) != static_cast<float>(s)) s = scale::from_bits(random.below(256));
        view.scales(i, b) = s;
      }
    }
  }
  for (matrix_index i = 0; i < view.amax.extent(0); ++i) {
    for (matrix_index j = 0; j < view.amax.extent(1); ++j) {
      view.amax(i, j) = std::abs(fixture::varied(seed + 1, i, j)) + 0.37f;
    }
  }
  return result;
}

/// A copy in device memory.
template <class Q, class Layout>
fixture::device_matrix<Q, Layout> uploaded(quantized_by<Q, Layout> const& from) {
  fixture::device_matrix<Q, Layout> to(from.shape());
  auto const copy = [](void* target, void const* source, std::size_t bytes) {
    if (bytes > 0) REQUIRE(cudaMemcpy(target, source, bytes, cudaMemcpyHostToDevice) == cudaSuccess);
  };
  copy(to.codes.data(), from.code_bytes().data(), to.codes.size());
  copy(to.scale_bytes.data(), from.scales().data(), to.scale_bytes.size());
  copy(to.amax.data(), from.amax().data(), to.amax.size() * sizeof(float));
  return to;
}

cublas::handle const& library() {
  static cublas::handle const handle;
  REQUIRE(handle.state() == device::status::success);
  return handle;
}

/// out on the device, starting from what `before` holds.
template <product Mode, class Q, class Layout, class T>
std::vector<T> multiplied(quantized_by<Q, Layout> const& a, quantized_by<Q, Layout> const& b,
                          fixture::matrix<T> const& before, epilogue e = {}) {
  auto on_a = uploaded<Q>(a), on_b = uploaded<Q>(b);
  fixture::device_vector<T> out(before.values.begin(), before.values.end());
  auto const host_view = before.view();
  cuda::std::array<matrix_index, 2> const strides{host_view.stride(0), host_view.stride(1)};
  matrix_view<T> const view(out.data(), {host_view.extents(), strides});
  fixture::device_vector<float> bias;
  if (e.bias != nullptr) {
    bias = fixture::device_vector<float>(e.bias, e.bias + before.columns);
    e.bias = bias.data();
  }
  std::size_t const bytes =
      device::matmul_workspace<Mode>(library(), on_a.view(), Q{}, on_b.view(), Q{}, view, e);
  fixture::device_vector<std::uint8_t> memory(bytes, std::uint8_t{0xFF});
  device::workspace const workspace{memory.data(), bytes};
  REQUIRE(device::matmul<Mode>(library(), cuda::stream_ref{cudaStream_t{}}, workspace, on_a.view(), Q{},
                               on_b.view(), Q{}, view, e) == device::status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return fixture::copied(out);
}

template <class T>
int differences(std::vector<T> const& a, std::vector<T> const& b) {
  int count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += std::memcmp(&a[i], &b[i], sizeof(T)) != 0;
  return count + (a.size() != b.size());
}

/// Elements in which host and device differ.
template <product Mode, class Q, class Layout = plain, class T = float>
int mismatches(extents s, std::uint64_t seed, epilogue const& e = {}, bool turned = false) {
  auto const a = random_operand<Q, Layout>(s.m, s.k, seed), b = random_operand<Q, Layout>(s.n, s.k, seed + 7);
  auto before = fixture::filled<T>(s.m, s.n, seed + 9);
  if (turned) before = fixture::restrided(before, 2, 2 * s.m + 3);
  auto expected = before;
  matmul<Mode>(a.view(), Q{}, b.view(), Q{}, expected.view(), e, threads{1});
  return differences(multiplied<Mode, Q>(a, b, before, e), expected.values);
}

using row_scaled = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
using block_scaled = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_block_128<>>>;

}  // namespace

// bugs: D17 G2
TEST_CASE("exact products of 2000 shapes are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  oracle::bit_source random(11);
  int wrong = 0;
  for (int i = 0; i < fixture::times(2000); ++i) {
    extents const s{1 + random.below(40), 1 + random.below(40), random.below(90)};
    wrong += i % 2 == 0 ? mismatches<product::exact, quantizer<>>(s, random.below(1u << 30))
                        : mismatches<product::exact, quantizer<>, tiled>(s, random.below(1u << 30));
  }
  CHECK(wrong == 0);
}

// bugs: E13
TEST_CASE("exact products of many tiles, long sums, no sum, one row, amaxes a row") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  CHECK(mismatches<product::exact, q>({1, 1, 0}, 1) == 0);
  CHECK(mismatches<product::exact, q>({5, 300, 0}, 2) == 0);
  CHECK(mismatches<product::exact, q>({1, 4101, 33}, 3) == 0);
  CHECK(mismatches<product::exact, q>({4115, 3, 31}, 4) == 0);
  CHECK(mismatches<product::exact, q>({129, 257, 1040}, 5) == 0);
  CHECK(mismatches<product::exact, q>({3, 5, 32768}, 6) == 0);
  CHECK(mismatches<product::exact, q>({3, 5, 32784}, 7) == 0);
  CHECK(mismatches<product::exact, q>({2, 17, 100001}, 8) == 0);
  CHECK(mismatches<product::exact, row_scaled>({33, 18, 70}, 9) == 0);
}

TEST_CASE("exact sums at the limits: the largest and the smallest products, all signs, 2^17 of them") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  for (std::uint32_t const scale : {0x7Eu, 0x01u, 0xFEu}) {
    for (std::uint32_t const code : {0x7u, 0xFu, 0x1u}) {
      quantized_by<q> a(shape_for<q>(2, 1 << 17)), b(shape_for<q>(3, 1 << 17));
      for (auto* operand : {&a, &b}) {
        auto const view = operand->view();
        for (matrix_index i = 0; i < view.rows(); ++i) {
          for (matrix_index k = 0; k < view.columns(); ++k) view.codes(i, k) = fp4_e2m1::from_bits(code);
          for (matrix_index s = 0; s < view.scales.extent(1); ++s) {
            view.scales(i, s) = fp8_e4m3::from_bits(operand == &a ? 0x7Eu : scale);
          }
        }
        view.amax(0, 0) = 2688;
      }
      a.view().codes(1, 77) = fp4_e2m1::from_bits(2);
      fixture::matrix<float> expected(2, 3);
      matmul<product::exact>(a.view(), q{}, b.view(), q{}, expected.view(), {}, threads{1});
      CHECK(differences(multiplied<product::exact, q>(a, b, fixture::matrix<float>(2, 3)), expected.values) == 0);
    }
  }
}

TEST_CASE("a NaN scale reaches its row or column and nothing else, in exact and in ordered products") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  auto a = random_operand<q, plain>(20, 50, 1), b = random_operand<q, plain>(30, 50, 2);
  a.view().scales(3, 1) = fp8_e4m3::from_bits(0x7F);
  b.view().scales(29, 3) = fp8_e4m3::from_bits(0xFF);
  fixture::matrix<float> expected(20, 30);
  matmul<product::exact>(a.view(), q{}, b.view(), q{}, expected.view(), {}, threads{1});
  int nan = 0;
  for (float v : expected.values) nan += v != v;
  CHECK(nan == 20 + 30 - 1);
  CHECK(differences(multiplied<product::exact, q>(a, b, fixture::matrix<float>(20, 30)), expected.values) == 0);
  matmul<product::ordered>(a.view(), q{}, b.view(), q{}, expected.view(), {}, threads{1});
  CHECK(differences(multiplied<product::ordered, q>(a, b, fixture::matrix<float>(20, 30)), expected.values) == 0);
}

TEST_CASE("alpha, beta, bias, bf16 results and turned results: the host's bytes") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  std::vector<float> bias(300);
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = fixture::varied(5, 0, static_cast<matrix_index>(i)) * 1e4f;
  for (epilogue const& e : {epilogue{0.3f, 0.0f, nullptr}, epilogue{1.0f, 1.0f, nullptr},
                            epilogue{-2.5f, 0.7f, bias.data()}}) {
    for (extents const s : {extents{48, 64, 48}, extents{19, 37, 50}, extents{4, 8, 0}}) {
      CHECK(mismatches<product::exact, q>(s, 1, e) == 0);
      CHECK(mismatches<product::exact, q, tiled, bf16>(s, 2, e) == 0);
      CHECK(mismatches<product::exact, q>(s, 3, e, true) == 0);
      CHECK(mismatches<product::ordered, q, plain, bf16>(s, 4, e) == 0);
    }
  }
}

TEST_CASE("ordered products of every format are the host's, byte for byte") {
  if (!fixture::has_device()) return;
  for (extents const s : {extents{1, 1, 1}, extents{7, 9, 31}, extents{64, 64, 256}, extents{67, 130, 300},
                          extents{3, 2, 0}}) {
    CHECK(mismatches<product::ordered, quantizer<>>(s, 1) == 0);
    CHECK(mismatches<product::ordered, quantizer<mxfp4_block, scaling::power_of_two<>>, tiled>(s, 2) == 0);
    CHECK(mismatches<product::ordered, quantizer<mxfp8_block, scaling::power_of_two<>>>(s, 3) == 0);
    CHECK(mismatches<product::ordered, quantizer<mxfp8_e5m2_block, scaling::power_of_two<>>>(s, 4) == 0);
    CHECK(mismatches<product::ordered, quantizer<mxfp6_e3m2_block, scaling::power_of_two<>>>(s, 5) == 0);
    CHECK(mismatches<product::ordered, quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>>(
              s, 6) == 0);
    CHECK(mismatches<product::ordered, quantizer<block<fp4_e2m1, ue5m3, 16>, scaling::amax<scaling::tile::row, tensor_scale::none>>>(s, 7) == 0);
    CHECK(mismatches<product::ordered, block_scaled>(s, 8) == 0);
  }
}

TEST_CASE("fast products of powers of two are the exact ones, whatever the result's type and strides") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  std::vector<float> bias(300);
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<float>(i) - 20;
  auto const powers = [](matrix_index rows, matrix_index columns, std::uint64_t seed) {
    auto made = random_operand<q, tiled>(rows, columns, seed);
    oracle::bit_source random(seed);
    auto const view = made.view();
    for (matrix_index i = 0; i < rows; ++i) {
      for (matrix_index k = 0; k < columns; ++k) {
        view.codes(i, k) = fp4_e2m1::from_bits(2 + 2 * random.below(2) + 8 * random.below(2));  // 1, 2, -1, -2
      }
      for (matrix_index b = 0; b < view.scales.extent(1); ++b) {
        view.scales(i, b) = fp8_e4m3::from_bits(0x30 + 8 * random.below(3));  // .5, 1, 2
      }
    }
    view.amax(0, 0) = 2688;
    return made;
  };
  auto const check = [&](extents s, auto type, epilogue const& e, bool turned) {
    using T = decltype(type);
    auto const a = powers(s.m, s.k, 1), b = powers(s.n, s.k, 2);
    auto before = fixture::matrix<T>(s.m, s.n);
    for (auto& v : before.values) v = static_cast<T>(e.beta != 0 ? 3.0f : NAN);  // not read unless beta asks
    if (turned) before = fixture::restrided(before, 1, s.m + 1);
    auto expected = before;
    matmul<product::exact>(a.view(), q{}, b.view(), q{}, expected.view(), e, threads{1});
    return differences(multiplied<product::fast, q>(a, b, before, e), expected.values);
  };
  for (extents const s : {extents{64, 48, 64}, extents{33, 130, 70}, extents{1, 8, 512}, extents{129, 7, 33},
                          extents{2, 3, 0}}) {
    for (epilogue const& e : {epilogue{}, epilogue{4.0f, 1.0f, nullptr}, epilogue{0.5f, 2.0f, bias.data()}}) {
      CHECK(check(s, float{}, e, false) == 0);
      if (fixture::is_brief() && e.beta == 1.0f) continue;
      CHECK(check(s, bf16{}, e, false) == 0);
      CHECK(check(s, float{}, e, true) == 0);
    }
  }
}

TEST_CASE("fast products of any operands are near the ordered ones") {
  if (!fixture::has_device()) return;
  auto const error = [](auto quantizer_type, std::uint64_t seed) {
    using Q = decltype(quantizer_type);
    auto const a = quantized(fixture::filled<float>(70, 512, seed).view(), Q{});
    auto const b = quantized(fixture::filled<float>(90, 512, seed + 1).view(), Q{});
    fixture::matrix<float> expected(70, 90);
    matmul<product::ordered>(a.view(), Q{}, b.view(), Q{}, expected.view(), {}, threads{1});
    auto const got = multiplied<product::fast, Q>(a, b, fixture::matrix<float>(70, 90));
    double off = 0, size = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      double const d = static_cast<double>(got[i]) - static_cast<double>(expected.values[i]);
      off += d * d;
      size += static_cast<double>(expected.values[i]) * static_cast<double>(expected.values[i]);
    }
    return std::sqrt(off / size);
  };
  CHECK(error(quantizer<>{}, 1) < 1e-6);  // exact operands, FP32 sums
  CHECK(error(quantizer<mxfp4_block, scaling::power_of_two<>>{}, 2) < 1e-6);
  CHECK(error(row_scaled{}, 3) < 4e-3);  // operands rounded to bf16
  CHECK(error(block_scaled{}, 4) < 4e-3);
  CHECK(error(quantizer<fp8_block, scaling::amax<scaling::tile::row, tensor_scale::none>>{}, 5) < 4e-3);
}

// bugs: G7
TEST_CASE("shapes that do not fit, too little workspace and sums past 2^20 are statuses") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  fixture::device_matrix<q, plain> a(shape_for<q>(8, 32)), b(shape_for<q>(6, 32)), c(shape_for<q>(6, 48));
  fixture::device_vector<float> out(48, -1.0f);
  auto const view = *make_matrix_view(cuda::std::span<float>(out.data(), 48), 8, 6);
  cuda::stream_ref const stream{cudaStream_t{}};
  std::size_t const bytes = device::matmul_workspace<product::exact>(library(), a.view(), q{}, b.view(), q{}, view);
  fixture::device_vector<std::uint8_t> memory(bytes);
  device::workspace const full{memory.data(), bytes};
  auto const status_of = [&](device::workspace const& w, auto& right) {
    return device::matmul<product::exact>(library(), stream, w, a.view(), q{}, right.view(), q{}, view);
  };
  CHECK(status_of(full, c) == device::status::shape_mismatch);
  CHECK(status_of({full.data, bytes - 1}, b) == device::status::workspace_too_small);
  CHECK(status_of({static_cast<std::uint8_t*>(full.data) + 16, bytes}, b) ==
        device::status::workspace_too_small);
  CHECK(status_of({}, b) == device::status::workspace_too_small);
  CHECK(out[0] == -1.0f);

  fixture::device_matrix<q, plain> longer(shape_for<q>(1, (1 << 20) + 16));
  auto const one = *make_matrix_view(cuda::std::span<float>(out.data(), 1), 1, 1);
  CHECK(device::matmul<product::exact>(library(), stream, full, longer.view(), q{}, longer.view(), q{}, one) ==
        device::status::sum_too_long);
}

TEST_CASE("a product captured in a graph gives the same bytes each time it is launched") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  auto const a = random_operand<q, plain>(64, 96, 1), b = random_operand<q, plain>(48, 96, 2);
  auto on_a = uploaded<q>(a), on_b = uploaded<q>(b);
  fixture::device_vector<float> out(64 * 48);
  auto const view = *make_matrix_view(cuda::std::span<float>(out.data(), out.size()), 64, 48);
  cudaStream_t stream{};
  REQUIRE(cudaStreamCreate(&stream) == cudaSuccess);
  auto const run = [&](auto mode) {
    constexpr product chosen = decltype(mode)::value;
    std::size_t const bytes =
        device::matmul_workspace<chosen>(library(), on_a.view(), q{}, on_b.view(), q{}, view);
    fixture::device_vector<std::uint8_t> memory(bytes);
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    CHECK(device::matmul<chosen>(library(), stream, {memory.data(), bytes}, on_a.view(), q{},
                                 on_b.view(), q{}, view) == device::status::success);
    cudaGraph_t graph{};
    cudaGraphExec_t ready{};
    REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
    REQUIRE(cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess);
    std::vector<float> first;
    for (int i = 0; i < 2; ++i) {
      fixture::fill(out.begin(), out.end(), -1.0f);
      REQUIRE(cudaGraphLaunch(ready, stream) == cudaSuccess);
      REQUIRE(cudaStreamSynchronize(stream) == cudaSuccess);
      auto const got = fixture::copied(out);
      if (i == 1) CHECK(got == first);
      first = got;
    }
    cudaGraphExecDestroy(ready);
    cudaGraphDestroy(graph);
    return first;
  };
  fixture::matrix<float> expected(64, 48);
  matmul<product::exact>(a.view(), q{}, b.view(), q{}, expected.view(), {}, threads{1});
  expected.values.resize(64 * 48);
  CHECK(run(std::integral_constant<product, product::exact>{}) == expected.values);
  run(std::integral_constant<product, product::fast>{});
  cudaStreamDestroy(stream);
}
