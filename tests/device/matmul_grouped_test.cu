// SPDX-License-Identifier: Apache-2.0
// Products of many groups in one launch: for each group the host's product, empty groups among them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include <nibble/device/grouped.cuh>
#include <nibble/device/matmul_grouped.cuh>
#include <nibble/part.hpp>
#include <nibble/quantize.hpp>
#include <nibble/recipes/mxfp8.hpp>

#include "support/has_device.cuh"
#include "support/managed.cuh"
#include "support/matrices.hpp"

using namespace nibble;
using fixture::managed;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

namespace {

cuda::stream_ref const stream{cudaStream_t{}};

/// Groups of rows on the device.
template <class Quantizer, class ScaleLayout>
struct groups_on_device {
  using block = typename Quantizer::block_type;
  quantized_shape<block, ScaleLayout> shape;
  managed<float> in;
  managed<int> offsets;
  managed<std::uint8_t> codes;
  managed<typename block::scale_type> scales;
  managed<float> amaxes;

  groups_on_device(fixture::matrix<float> const& host, std::vector<int> const& starts)
      : shape(grouped_shape(shape_for<Quantizer, ScaleLayout>(host.rows, host.columns),
                            static_cast<matrix_index>(starts.size()) - 1)),
        in(host.values),
        offsets(starts),
        codes(static_cast<std::size_t>(shape.code_bytes())),
        scales(static_cast<std::size_t>(shape.scale_count())),
        amaxes(starts.size() - 1) {
    REQUIRE(device::quantize_grouped(stream, in.view(host.rows, host.columns), rows(), view(),
                                     Quantizer{}) == device::status::success);
  }
  cuda::std::span<int const> rows() { return offsets.span(); }
  grouped_view<block, ScaleLayout> view() {
    return *make_grouped_view<block, ScaleLayout>(codes.span(), scales.span(), amaxes.span(),
                                                  shape);
  }
};

struct difference {
  int bytes = 0;
  double relative = 0;
};

/// The device's products of all groups against the host's of each.
template <product Mode, product Reference, class Quantizer, class ScaleLayout>
difference compare(std::vector<int> const& starts, matrix_index columns, matrix_index outputs,
                   bool are_powers = false, epilogue e = {}) {
  auto const groups = static_cast<matrix_index>(starts.size()) - 1;
  auto x = fixture::filled<float>(starts.back() + 3, columns, 5);  // rows of no group, too
  auto w = fixture::filled<float>(groups * outputs, columns, 6);
  if (are_powers) {  // so few bits that all sums fit a float
    for (float& value : x.values) value = value > 0 ? 2.0f : value < -40 ? -1.0f : 0.0f;
    for (float& value : w.values) value = value > 0 ? 1.0f : value < -40 ? -4.0f : 0.0f;
  }
  std::vector<int> even;
  for (int g = 0; g <= groups; ++g) even.push_back(g * static_cast<int>(outputs));
  groups_on_device<Quantizer, ScaleLayout> a(x, starts), b(w, even);
  auto const before = fixture::filled<float>(x.rows, outputs, 7);
  managed<float> out(before.values);
  auto expected = before;
  REQUIRE(device::matmul_grouped<Mode>(stream, a.view(), Quantizer{}, a.rows(), b.view(),
                                       Quantizer{}, out.view(x.rows, outputs),
                                       e) == device::status::success);
  for (matrix_index g = 0; g < groups; ++g) {
    matrix_index const first = starts[static_cast<std::size_t>(g)],
                       last = starts[static_cast<std::size_t>(g) + 1];
    auto const left = quantized(*part(x.view(), first, 0, last - first, columns), Quantizer{});
    auto const right = quantized(*part(w.view(), g * outputs, 0, outputs, columns), Quantizer{});
    matmul<Reference>(left.view(), Quantizer{}, right.view(), Quantizer{},
                      *part(expected.view(), first, 0, last - first, outputs), e);
  }
  auto const got = out.values();
  difference result;
  double off = 0, size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    result.bytes += std::memcmp(&got[i], &expected.values[i], sizeof(float)) != 0;
    double const d = static_cast<double>(got[i]) - static_cast<double>(expected.values[i]);
    off += d * d,
        size += static_cast<double>(expected.values[i]) * static_cast<double>(expected.values[i]);
  }
  result.relative = std::sqrt(off / size);
  return result;
}

using mxfp8 = recipes::mxfp8::fprop_x::quantizer;
/// Empty groups first, in the middle and last; sizes that are no multiple of a tile.
std::vector<int> const uneven{0, 0, 5, 5, 150, 279, 280, 344, 344};

}  // namespace

TEST_CASE("exact and ordered products of groups are the host's of each group, byte for byte") {
  if (!fixture::has_device()) return;
  constexpr auto exact = product::exact, ordered = product::ordered;
  CHECK(compare<exact, exact, quantizer<>, plain>(uneven, 50, 70).bytes == 0);
  CHECK(compare<exact, exact, quantizer<>, tiled>(uneven, 192, 130).bytes == 0);
  CHECK(compare<exact, exact, quantizer<>, tiled>({0, 40, 48, 130}, 64, 48, false,
                                                  {0.5f, 2.0f, nullptr})
            .bytes == 0);
  CHECK(compare<ordered, ordered, mxfp8, plain>(uneven, 70, 33).bytes == 0);
  CHECK(compare<ordered, ordered, quantizer<>, plain>({0, 3}, 0, 5).bytes == 0);  // sums of nothing
  std::vector<int> many(101);  // more groups than a warp has lanes
  for (int g = 1; g <= 100; ++g) many[static_cast<std::size_t>(g)] = 2 * g;
  CHECK(compare<exact, exact, quantizer<>, tiled>(many, 48, 17).bytes == 0);
}

TEST_CASE("fast products of groups are near the exact ones, and equal where sums fit a float") {
  if (!fixture::has_device()) return;
  constexpr auto exact = product::exact, fast = product::fast;
  CHECK(compare<fast, exact, quantizer<>, tiled>(uneven, 640, 300).relative < 1e-5);
  CHECK(compare<fast, exact, quantizer<>, tiled>(uneven, 640, 300, true).bytes == 0);
  CHECK(compare<fast, exact, quantizer<>, tiled>(uneven, 64, 513, true).bytes == 0);
  CHECK(compare<fast, exact, quantizer<>, plain>(uneven, 640, 300).relative < 1e-6);
}

TEST_CASE("groups of other shapes are refused") {
  if (!fixture::has_device()) return;
  using q = quantizer<>;
  groups_on_device<q, plain> a(fixture::filled<float>(6, 32, 1), {0, 2, 6}),
      b(fixture::filled<float>(8, 32, 1), {0, 4, 8});
  managed<float> out(std::size_t{64});
  auto const multiply = [&](auto const& view, auto offsets) {
    return device::matmul_grouped<product::exact>(stream, a.view(), q{}, offsets, b.view(), q{},
                                                  view);
  };
  CHECK(multiply(out.view(6, 4), a.rows()) == device::status::success);
  CHECK(multiply(out.view(6, 8), a.rows()) == device::status::shape_mismatch);
  CHECK(multiply(out.view(5, 4), a.rows()) == device::status::shape_mismatch);
  CHECK(multiply(out.view(6, 4), a.rows().first(2)) == device::status::shape_mismatch);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
}
