// SPDX-License-Identifier: Apache-2.0
// More than 2^31 elements and more than 65535 tiles in a dimension: the last rows are right, which no
// index of 32 bits would reach.
#include <doctest/doctest.h>

#include <nibble/device/grouped.cuh>
#include <nibble/device/metrics.cuh>
#include <nibble/device/requantize.cuh>
#include <nibble/device/swizzle.cuh>
#include <nibble/nibble.hpp>
#include <nibble/part.hpp>

#include "support/device_bytes.cuh"
#include "support/large_values.cuh"

using namespace nibble;
using tiled = layout::scale_tile_128x4;

namespace {

constexpr matrix_index rows = (matrix_index{1} << 24) + 33, columns = 128, tail = 64;
constexpr matrix_index before = rows - tail;
static_assert(rows * columns > (matrix_index{1} << 31));

/// A device matrix without guards, as large as need be.
template <class Block, class ScaleLayout>
struct large_matrix {
  quantized_shape<Block, ScaleLayout> shape;
  fixture::device_vector<std::uint8_t> codes, scales;
  fixture::device_vector<float> amax;

  explicit large_matrix(quantized_shape<Block, ScaleLayout> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count())),
        amax(static_cast<std::size_t>(s.amax_count())) {}
  auto code_span() { return cuda::std::span<std::uint8_t>(codes.data(), codes.size()); }
  auto scale_span() {
    using scale = typename Block::scale_type;
    return cuda::std::span<scale>(reinterpret_cast<scale*>(scales.data()), scales.size());
  }
  auto amax_span() { return cuda::std::span<float>(amax.data(), amax.size()); }
  /// The codes of the last rows.
  std::vector<std::uint8_t> tail_codes() const {
    std::vector<std::uint8_t> result(static_cast<std::size_t>(tail * columns / 2));
    REQUIRE(cudaMemcpy(result.data(), codes.data() + (codes.size() - result.size()), result.size(),
                       cudaMemcpyDeviceToHost) == cudaSuccess);
    return result;
  }
};

}  // namespace

// bugs: E2 E4
TEST_CASE(
    "beyond 2^31 elements the last rows are grouped, requantized, swizzled and counted as ever") {
  if (!fixture::has_device()) return;
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  if (free < std::size_t{9} << 30) {
    MESSAGE("no CUDA device with 9 GB free");
    return;
  }
  constexpr auto ok = device::status::success;
  using q = quantizer<>;
  using mxfp4 = quantizer<mxfp4_block, scaling::power_of_two<>>;
  fixture::device_vector<bf16> values(static_cast<std::size_t>(rows * columns));
  bf16* const first = values.data();
  fixture::fill_with_values<<<4096, 256>>>(first, rows * columns);
  auto const in = *make_matrix_view(cuda::std::span<bf16>(first, values.size()), rows, columns);

  // Two groups, of which the second is the tail; positions count from the start of the whole.
  quantizer const stochastic{scaling::amax<>{}, rounding::stochastic<>{{1, 2}}};
  std::vector<matrix_index> const host_offsets{0, before, rows};
  fixture::device_vector<matrix_index> const offsets(host_offsets.begin(), host_offsets.end());
  large_matrix<nvfp4_block, tiled> grouped(grouped_shape(shape_for<q, tiled>(rows, columns), 2));
  auto const groups = *make_grouped_view<nvfp4_block, tiled>(
      grouped.code_span(), grouped.scale_span(), grouped.amax_span(), grouped.shape);
  cuda::std::span<matrix_index const> const parts(offsets.data(), offsets.size());
  CHECK(device::quantize_grouped(fixture::default_stream, in, parts, groups, stochastic) == ok);

  fixture::matrix<bf16> last(tail, columns);
  for (matrix_index i = 0; i < tail; ++i) {
    for (matrix_index j = 0; j < columns; ++j) last(i, j) = fixture::value_at((before + i) * columns + j);
  }
  quantized_matrix<nvfp4_block, tiled> expected(shape_for<q, tiled>(tail, columns));
  find_amax(last.view(), expected.view(), stochastic);
  quantize_with_amax(last.view(), expected.view(), stochastic, threads{},
                     shard{before, 0, columns});
  CHECK(grouped.tail_codes() == expected.code_bytes());
  CHECK(grouped.amax[1] == expected.amax()[0]);
  std::vector<std::uint8_t> tail_scales(expected.scales().size());
  auto const tail_view = groups.group(1, before, rows);
  REQUIRE(cudaMemcpy(tail_scales.data(), tail_view.scales.data_handle(), tail_scales.size(),
                     cudaMemcpyDeviceToHost) == cudaSuccess);
  for (std::size_t i = 0; i < tail_scales.size(); ++i)
    REQUIRE(tail_scales[i] == expected.scales()[i].bits());

  // The tail's scales out of tiles; then all of group 0 to MXFP4, and a report of it.
  auto const front = groups.group(0, 0, before);
  fixture::device_vector<std::uint8_t> plain(static_cast<std::size_t>(before * columns / 16));
  cuda::std::mdspan<fp8_e4m3, matrix_extents, cuda::std::layout_right> const rows_of_scales(
      reinterpret_cast<fp8_e4m3*>(plain.data()), matrix_extents(before, columns / 16));
  CHECK(device::unswizzle(fixture::default_stream, front.scales, rows_of_scales) == ok);
  large_matrix<mxfp4_block, cuda::std::layout_right> converted(shape_for<mxfp4>(before, columns));
  auto const mx = *make_quantized_view<mxfp4_block>(converted.code_span(), converted.scale_span(),
                                                    converted.amax_span(), converted.shape);
  CHECK(device::requantize(fixture::default_stream, front, stochastic, mx, mxfp4{}) == ok);
  fixture::device_vector<error_report> reports(device::compare_pieces + 1);
  auto* const report = reports.data();
  auto const original = *part(in, 0, 0, before, columns);
  CHECK(device::compare(fixture::default_stream, original, front, stochastic,
                        {report, std::size_t{device::compare_pieces}},
                        report + device::compare_pieces) == ok);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(error_report(reports[std::size_t{device::compare_pieces}]).count == before * columns);

  // The host on the last 64 rows of group 0, under the device's amax.
  fixture::matrix<bf16> middle(tail, columns);
  for (matrix_index i = 0; i < tail; ++i) {
    for (matrix_index j = 0; j < columns; ++j)
      middle(i, j) = fixture::value_at((before - tail + i) * columns + j);
  }
  quantized_matrix<nvfp4_block> of_middle(shape_for<q>(tail, columns));
  of_middle.view().amax(0, 0) = grouped.amax[0];
  quantize_with_amax(middle.view(), of_middle.view(), stochastic, threads{},
                     shard{before - tail, 0, columns});
  auto const mx_of_middle = [&] {
    quantized_matrix<mxfp4_block> made(shape_for<mxfp4>(tail, columns));
    requantize(of_middle.view(), stochastic, made.view(), mxfp4{});
    return made;
  }();
  CHECK(converted.tail_codes() == mx_of_middle.code_bytes());
  auto const last_scales = of_middle.scales().size();
  std::vector<std::uint8_t> got(last_scales);
  REQUIRE(cudaMemcpy(got.data(), plain.data() + (plain.size() - last_scales), last_scales,
                     cudaMemcpyDeviceToHost) == cudaSuccess);
  for (std::size_t i = 0; i < last_scales; ++i) REQUIRE(got[i] == of_middle.scales()[i].bits());
}
