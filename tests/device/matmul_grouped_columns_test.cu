// SPDX-License-Identifier: Apache-2.0
// Sums over the columns of many groups in one launch: for each group the host's product, empty groups
// among them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include <nibble/device/matmul_grouped_columns.cuh>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>
#include <nibble/recipes/mxfp8.hpp>
#include <nibble/transform/random_hadamard.hpp>

#include "support/captured.cuh"
#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

namespace {

constexpr int guard = 64;
constexpr float poison = 12345.0f;
cuda::stream_ref const stream{cudaStream_t{}};

/// A matrix of tokens x features, its features' rows parted by token on the device.
template <class Quantizer, class ScaleLayout>
struct tokens_on_device {
  using block = typename Quantizer::block_type;
  grouped_columns_shape<block, ScaleLayout> shape;
  managed<float> in;
  managed<int> offsets;
  managed<std::uint8_t> codes;
  managed<typename block::scale_type> scales;
  managed<float> amaxes;

  tokens_on_device(fixture::matrix<float> const& host, std::vector<int> const& starts)
      : shape{host.columns, host.rows, static_cast<matrix_index>(starts.size()) - 1},
        in(host.values),
        offsets(starts),
        codes(static_cast<std::size_t>(shape.code_bytes())),
        scales(static_cast<std::size_t>(shape.scale_count())),
        amaxes(starts.size() - 1) {
    for (auto& code : codes.span()) code = 0x77;  // what padding holds must not matter
    quantize(stream);
  }
  void quantize(cuda::stream_ref on) {
    REQUIRE(device::quantize_grouped_columns(on, transposed(in.view(shape.columns, shape.rows)),
                                             columns(), view(),
                                             Quantizer{}) == device::status::success);
  }
  cuda::std::span<int const> columns() { return offsets.span(); }
  grouped_columns_view<block, ScaleLayout> view() {
    return *make_grouped_columns_view<block, ScaleLayout>(codes.span(), scales.span(),
                                                          amaxes.span(), shape);
  }
};

/// Gradients of all experts' weights, `guard` floats around them.
struct gradients {
  matrix_index rows, columns;
  managed<float> values;

  gradients(fixture::matrix<float> const& before)
      : rows(before.rows), columns(before.columns), values([&] {
          std::vector<float> all(guard, poison);
          all.insert(all.end(), before.values.begin(), before.values.end());
          all.insert(all.end(), guard, poison);
          return all;
        }()) {}
  matrix_view<float> view() {
    return *make_matrix_view(values.span().subspan(guard, values.span().size() - 2 * guard), rows,
                             columns);
  }
};

/// The host's products of each group, over what `expected` holds.
template <product Mode, class Quantizer>
void multiply_on_host(fixture::matrix<float> const& dy, fixture::matrix<float> const& x,
                      std::vector<int> const& starts, fixture::matrix<float>& expected,
                      epilogue const& e) {
  for (std::size_t g = 0; g + 1 < starts.size(); ++g) {
    matrix_index const first = starts[g], size = starts[g + 1] - first;
    auto const turned = [&](fixture::matrix<float> const& from) {
      return transposed(*part(from.view(), first, 0, size, from.columns));
    };
    auto const left = quantized(turned(dy), Quantizer{}), right = quantized(turned(x), Quantizer{});
    matmul<Mode>(
        left.view(), Quantizer{}, right.view(), Quantizer{},
        *part(expected.view(), static_cast<matrix_index>(g) * dy.columns, 0, dy.columns, x.columns),
        e);
  }
}

struct difference {
  int bytes = 0;
  double relative = 0;
};
difference compared(gradients const& got, fixture::matrix<float> const& expected) {
  auto const all = got.values.values();
  difference result;
  double off = 0, size = 0;
  for (int i = 0; i < guard; ++i) {
    auto const from_end = all.size() - 1 - static_cast<std::size_t>(i);
    result.bytes += (all[static_cast<std::size_t>(i)] != poison) + (all[from_end] != poison);
  }
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    float const is = all[i + guard], should = expected.values[i];
    result.bytes += std::memcmp(&is, &should, sizeof(float)) != 0;
    double const d = static_cast<double>(is) - static_cast<double>(should);
    off += d * d, size += static_cast<double>(should) * static_cast<double>(should);
  }
  result.relative = std::sqrt(off / size);
  return result;
}

template <product Mode, product Reference, class Quantizer, class ScaleLayout>
difference compare(std::vector<int> const& starts, matrix_index outputs, matrix_index inputs,
                   bool are_powers = false, epilogue const& e = {}) {
  auto const groups = static_cast<matrix_index>(starts.size()) - 1;
  auto dy = fixture::filled<float>(starts.back() + 3, outputs, 5);  // tokens of no expert, too
  auto x = fixture::filled<float>(starts.back() + 3, inputs, 6);
  if (are_powers) {  // so few bits that all sums fit a float
    for (float& value : dy.values) value = value > 0 ? 2.0f : value < -40 ? -1.0f : 0.0f;
    for (float& value : x.values) value = value > 0 ? 1.0f : value < -40 ? -4.0f : 0.0f;
  }
  tokens_on_device<Quantizer, ScaleLayout> a(dy, starts), b(x, starts);
  auto expected = fixture::filled<float>(groups * outputs, inputs, 7);
  gradients out(expected);
  REQUIRE(device::matmul_grouped_columns<Mode>(stream, a.view(), Quantizer{}, a.columns(), b.view(),
                                               Quantizer{}, out.view(),
                                               e) == device::status::success);
  multiply_on_host<Reference, Quantizer>(dy, x, starts, expected, e);
  return compared(out, expected);
}

using mxfp8 = recipes::mxfp8::fprop_x::quantizer;
using rotated =
    quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::random_hadamard<16>>;
constexpr auto exact = product::exact, ordered = product::ordered, fast = product::fast;
epilogue const accumulate{1.0f, 1.0f, nullptr};
/// Empty groups first, in the middle and last; one token; sizes that are no multiple of 16 or 128.
std::vector<int> const uneven{0, 0, 5, 5, 150, 279, 280, 344, 344};

}  // namespace

TEST_CASE("exact and ordered gradients of groups are the host's of each group, byte for byte") {
  if (!fixture::has_device()) return;
  CHECK(compare<exact, exact, quantizer<>, plain>(uneven, 50, 70).bytes == 0);
  CHECK(compare<exact, exact, quantizer<>, tiled>(uneven, 130, 257, false, accumulate).bytes == 0);
  CHECK(compare<exact, exact, rotated, tiled>(uneven, 64, 128, false, accumulate).bytes == 0);
  CHECK(compare<exact, exact, quantizer<>, tiled>({0, 128, 256, 384}, 128, 64).bytes == 0);
  CHECK(compare<ordered, ordered, mxfp8, plain>(uneven, 70, 33, false, accumulate).bytes == 0);
  std::vector<int> many(101);  // more groups than a warp has lanes
  for (int g = 1; g <= 100; ++g) many[static_cast<std::size_t>(g)] = 2 * g;
  CHECK(compare<exact, exact, quantizer<>, tiled>(many, 17, 20).bytes == 0);
}

TEST_CASE("fast gradients of groups are near the exact ones, and equal where sums fit a float") {
  if (!fixture::has_device()) return;
  CHECK(compare<fast, exact, quantizer<>, tiled>(uneven, 200, 300).relative < 1e-5);
  CHECK(compare<fast, exact, quantizer<>, tiled>(uneven, 129, 513, true).bytes == 0);
  CHECK(compare<fast, exact, quantizer<>, tiled>(uneven, 128, 256, true, accumulate).bytes == 0);
  CHECK(compare<fast, exact, quantizer<>, plain>(uneven, 60, 70).relative < 1e-6);
}

TEST_CASE("a graph of quantizing and multiplying serves other tokens and other offsets") {
  if (!fixture::has_device()) return;
  std::vector<int> const first{0, 40, 40, 120}, second{0, 1, 97, 120};
  auto const dy = fixture::filled<float>(120, 40, 1), x = fixture::filled<float>(120, 150, 2);
  tokens_on_device<quantizer<>, tiled> a(dy, first), b(x, first);
  fixture::matrix<float> expected(120, 150);
  gradients out(expected);
  fixture::captured const graph([&](cuda::stream_ref on) {
    a.quantize(on);
    b.quantize(on);
    REQUIRE(device::matmul_grouped_columns<exact>(on, a.view(), quantizer<>{}, a.columns(),
                                                  b.view(), quantizer<>{}, out.view(),
                                                  accumulate) == device::status::success);
  });
  graph.replay();
  multiply_on_host<exact, quantizer<>>(dy, x, first, expected, accumulate);
  CHECK(compared(out, expected).bytes == 0);
  auto const other = fixture::filled<float>(120, 40, 3);
  for (std::size_t i = 0; i < other.values.size(); ++i) a.in.span()[i] = other.values[i];
  for (std::size_t g = 0; g < second.size(); ++g) {
    a.offsets.span()[g] = b.offsets.span()[g] = second[g];
  }
  graph.replay();
  multiply_on_host<exact, quantizer<>>(other, x, second, expected, accumulate);
  CHECK(compared(out, expected).bytes == 0);
}

TEST_CASE("offsets that fall make an empty group, those outside end at the last token") {
  if (!fixture::has_device()) return;
  auto const dy = fixture::filled<float>(100, 30, 1), x = fixture::filled<float>(100, 40, 2);
  // Quantized as they should be: then what each product reads is known.
  tokens_on_device<quantizer<>, tiled> a(dy, {0, 60, 60, 100}), b(x, {0, 60, 60, 100});
  managed<int> wild(std::vector<int>{0, 60, 20, 300});  // 20 to 300: reads other groups' columns
  auto expected = fixture::filled<float>(90, 40, 7);
  gradients out(expected);
  for (auto const& offsets : {std::vector<int>{0, 60, 20, 300}, {-9, 60, 60, 1'000'000}}) {
    for (std::size_t i = 0; i < 4; ++i) wild.span()[i] = offsets[i];
    cuda::std::span<int const> const columns = wild.span();
    CHECK(device::matmul_grouped_columns<exact>(stream, a.view(), quantizer<>{}, columns, b.view(),
                                                quantizer<>{},
                                                out.view()) == device::status::success);
    CHECK(device::matmul_grouped_columns<fast>(stream, a.view(), quantizer<>{}, columns, b.view(),
                                               quantizer<>{},
                                               out.view()) == device::status::success);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    for (std::size_t i = 30 * 40; i < 60 * 40 && offsets[2] == 20; ++i) {
      CHECK(out.view().data_handle()[i] == 0.0f);  // group 1, whose offsets fall
    }
  }
  // The last offsets are the right ones once brought inside.
  REQUIRE(device::matmul_grouped_columns<exact>(
              stream, a.view(), quantizer<>{}, cuda::std::span<int const>(wild.span()), b.view(),
              quantizer<>{}, out.view()) == device::status::success);
  multiply_on_host<exact, quantizer<>>(dy, x, {0, 60, 60, 100}, expected, {});
  CHECK(compared(out, expected).bytes == 0);
}

TEST_CASE("groups of columns of other shapes are refused") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  auto const tokens = fixture::filled<float>(20, 6, 1);
  tokens_on_device<q, plain> a(tokens, {0, 4, 20}), b(fixture::filled<float>(20, 8, 1), {0, 4, 20}),
      fewer(fixture::filled<float>(19, 8, 1), {0, 4, 19}), more(tokens, {0, 4, 5, 20});
  managed<float> out(std::vector<float>(200, poison));
  auto const multiply = [&](auto& right, matrix_index rows, matrix_index columns, auto offsets) {
    return device::matmul_grouped_columns<exact>(stream, a.view(), q{}, offsets, right.view(), q{},
                                                 out.view(rows, columns));
  };
  constexpr auto wrong = device::status::shape_mismatch;
  CHECK(multiply(fewer, 12, 8, a.columns()) == wrong);
  CHECK(multiply(more, 12, 6, a.columns()) == wrong);
  CHECK(multiply(b, 6, 8, a.columns()) == wrong);
  CHECK(multiply(b, 12, 7, a.columns()) == wrong);
  CHECK(multiply(b, 12, 8, a.columns().first(2)) == wrong);
  for (float const value : out.values()) CHECK(value == poison);
  CHECK(multiply(b, 12, 8, a.columns()) == device::status::success);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
}
