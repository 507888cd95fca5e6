// SPDX-License-Identifier: Apache-2.0
// A GPU for which the program has no code: every launcher says launch_failed, and what was there stays there.
//
// Built for sm_80 alone, which no other generation runs; ends with 77 where it does run, or without a GPU.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include <nibble/device/matmul_grouped.cuh>
#include <nibble/device/matmul_grouped_columns.cuh>
#include <nibble/device/mean_split.cuh>
#include <nibble/device/requantize.cuh>
#include <nibble/device/transpose.cuh>
#include <nibble/device/weight_only.cuh>
#include <nibble/nibble.cuh>

#include "support/program.cuh"

namespace {

using namespace nibble;
using cuda::std::span;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;
using nearest = quantizer<>;
using draws = quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<>>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using mx = quantizer<mxfp4_block, scaling::power_of_two<>>;
using by_row = quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
using turned = quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even,
                         transform::random_hadamard<16, bf16>>;

constexpr matrix_index rows = 256, columns = 512;
constexpr std::size_t bytes = std::size_t{1} << 20;  // of everything that a launcher is given
constexpr int poison = 0x55;
std::uint8_t* memory = nullptr;
int calls = 0, wrong = 0;

/// Memory at one place: launchers that write nothing may write it all.
template <class T>
span<T> at(std::size_t offset) {
  return {reinterpret_cast<T*>(memory + offset), (bytes - offset) / sizeof(T)};
}
matrix_view<bf16> matrix() { return *make_matrix_view(at<bf16>(0), rows, columns); }
/// The same, one element off alignment.
matrix_view<bf16> misaligned() { return *make_matrix_view(at<bf16>(2), rows, columns); }
template <class Quantizer, class ScaleLayout = plain>
auto blocks(matrix_index r = rows, matrix_index c = columns) {
  using block = typename Quantizer::block_type;
  return *make_quantized_view<block, ScaleLayout>(
      at<std::uint8_t>(512 << 10), at<typename block::scale_type>(768 << 10), at<float>(900 << 10),
      shape_for<Quantizer, ScaleLayout>(r, c));
}

void expect(char const* name, device::status got) {
  static std::vector<std::uint8_t> now(bytes);
  static_cast<void>(cudaGetLastError());
  fixture::require(cudaMemcpy(now.data(), memory, bytes, cudaMemcpyDefault) == cudaSuccess,
                   "copying back");
  auto const changed = bytes - static_cast<std::size_t>(std::count(now.begin(), now.end(), poison));
  ++calls;
  if (got == device::status::launch_failed && changed == 0) return;
  ++wrong;
  std::printf("%s: got \"%s\" and %zu bytes written, need launch_failed and none\n", name,
              to_string(got), changed);
  fixture::require(cudaMemset(memory, poison, bytes) == cudaSuccess, "poison");
}

__global__ void nothing() {}

}  // namespace

int main() {
  fixture::require_device();
  cudaFuncAttributes known;
  if (cudaFuncGetAttributes(&known, nothing) == cudaSuccess) {
    std::puts("skipped: this GPU runs the code of sm_80");
    return 77;
  }
  static_cast<void>(cudaGetLastError());
  memory = fixture::allocate<std::uint8_t>(bytes);
  fixture::require(cudaMemset(memory, poison, bytes) == cudaSuccess, "poison");
  cuda::stream_ref const s{cudaStream_t{}};

  auto const in = matrix();
  expect("find_amax", device::find_amax(s, in, blocks<nearest>(), nearest{}));
  expect("find_amax of rows", device::find_amax(s, in, blocks<by_row>(), by_row{}));
  expect("find_amax_both",
         device::find_amax_both(s, in, blocks<nearest>(), blocks<turned>(columns, rows), nearest{},
                                turned{}));
  expect("quantize", device::quantize(s, in, blocks<nearest>(), nearest{}));
  expect("quantize, 128x4 scales", device::quantize(s, in, blocks<nearest, tiled>(), nearest{}));
  expect("quantize, misaligned", device::quantize(s, misaligned(), blocks<nearest>(), nearest{}));
  expect("quantize the transpose",
         device::quantize(s, transposed(in), blocks<nearest>(columns, rows), nearest{}));
  expect("quantize stochastically", device::quantize(s, in, blocks<draws>(), draws{}));
  expect("quantize squares", device::quantize(s, in, blocks<square>(), square{}));
  expect("quantize squares, 128x4 scales",
         device::quantize(s, in, blocks<square, tiled>(), square{}));
  expect("quantize under an amax a row", device::quantize(s, in, blocks<by_row>(), by_row{}));
  expect("quantize to MXFP4", device::quantize(s, in, blocks<mx>(), mx{}));
  expect("quantize_with_amax", device::quantize_with_amax(s, in, blocks<turned>(), turned{}));
  expect("quantize_both",
         device::quantize_both(s, in, blocks<draws, tiled>(), blocks<turned, tiled>(columns, rows),
                               draws{}, turned{}));
  expect("quantize_both of squares",
         device::quantize_both(s, in, blocks<square>(), blocks<square>(columns, rows), square{},
                               square{}));
  expect("quantize_both, under an amax a row",
         device::quantize_both(s, in, blocks<by_row>(), blocks<nearest>(columns, rows), by_row{},
                               nearest{}));
  expect("dequantize", device::dequantize(s, blocks<nearest>(), in, nearest{}));
  expect("dequantize, misaligned",
         device::dequantize(s, blocks<nearest>(), misaligned(), nearest{}));
  expect("swizzle", device::swizzle(s, blocks<nearest>().scales, blocks<nearest, tiled>().scales));
  expect("unswizzle",
         device::unswizzle(s, blocks<nearest, tiled>().scales, blocks<nearest>().scales));
  expect("requantize",
         device::requantize(s, blocks<nearest>(), nearest{}, blocks<square, tiled>(), square{}));
  expect("requantize the transpose",
         device::requantize(s, blocks<nearest>(), nearest{}, blocks<nearest, tiled>(columns, rows),
                            nearest{}, orientation::transposed));
  expect("requantize_with_amax",
         device::requantize_with_amax(s, blocks<nearest>(), nearest{}, blocks<mx>(), mx{}));
  expect("transpose_tiles",
         device::transpose_tiles<square>(s, blocks<square>(), blocks<nearest>(columns, rows)));
  expect("compare", device::compare(s, in, blocks<nearest>(), nearest{}, at<error_report>(0),
                                    at<error_report>(0).data()));
  span<float> const weights = at<float>(0).first(columns), sums = at<float>(0).first(rows);
  auto const floats = *make_matrix_view(at<float>(0), rows, columns),
             few = *make_matrix_view(at<float>(0), 4, rows);
  expect("column_means", device::column_means(s, in, weights));
  expect("centered", device::centered(s, in, span<float const>(weights), floats));
  expect("times_rows", device::times_rows(s, in, span<float const>(weights), sums));
  expect("add_rank_one", device::add_rank_one(s, floats, 1.0f, span<float const>(sums),
                                              span<float const>(weights)));
  expect("weight_only_product",
         device::weight_only_product(s, *make_matrix_view(at<bf16>(0), 4, columns),
                                     blocks<nearest>(), nearest{}, few));

  constexpr matrix_index groups = 4;
  span<int const> const offsets = at<int>(0).first(groups + 1);
  auto const shape = grouped_shape(shape_for<nearest, tiled>(rows, columns), groups);
  auto const grouped = *make_grouped_view<nvfp4_block, tiled>(
      at<std::uint8_t>(512 << 10), at<fp8_e4m3>(768 << 10), at<float>(900 << 10), shape);
  expect("find_amax_grouped", device::find_amax_grouped(s, in, offsets, grouped, nearest{}));
  expect("quantize_grouped", device::quantize_grouped(s, in, offsets, grouped, nearest{}));
  auto const parts = *make_grouped_columns_view<nvfp4_block, tiled>(
      at<std::uint8_t>(0), at<fp8_e4m3>(256 << 10), at<float>(900 << 10),
      grouped_columns_shape<nvfp4_block, tiled>{rows, columns, groups});
  expect("find_amax_grouped_columns",
         device::find_amax_grouped_columns(s, in, offsets, parts, nearest{}));
  expect("quantize_grouped_columns",
         device::quantize_grouped_columns(s, in, offsets, parts, nearest{}));
  expect("quantize_grouped_columns_with_amax",
         device::quantize_grouped_columns_with_amax(s, in, offsets, parts, nearest{}));
  expect("matmul_grouped_columns", device::matmul_grouped_columns<product::exact>(
                                       s, parts, nearest{}, offsets, parts, nearest{},
                                       *make_matrix_view(at<bf16>(0), groups * rows, rows)));
  expect("matmul_grouped", device::matmul_grouped<product::exact>(
                               s, grouped, nearest{}, offsets, grouped, nearest{},
                               *make_matrix_view(at<bf16>(0), rows, rows / groups)));

  std::printf("%d launchers refused, %d of them wrongly\n", calls, wrong);
  return wrong == 0 ? 0 : 1;
}
