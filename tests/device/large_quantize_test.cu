// SPDX-License-Identifier: Apache-2.0
// More than 2^31 elements through every launcher of quantize, quantize_both and dequantize: the last rows, and the last
// columns of the transpose, are the host's.
#include <doctest/doctest.h>

#include <nibble/device/dequantize.cuh>
#include <nibble/device/quantize.cuh>
#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/device_bytes.cuh"
#include "support/large_values.cuh"

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;

namespace {

constexpr matrix_index rows = (matrix_index{1} << 21) + 48, columns = 1088, tail = 64;
constexpr matrix_index before = rows - tail;
static_assert(rows * columns > (matrix_index{1} << 31) && rows % 16 == 0);

/// Codes, and the scale of each, of a part of a quantized matrix.
template <class View>
__global__ void gather(View view, matrix_index first_row, matrix_index first_column,
                       matrix_index height, matrix_index width, std::uint8_t* codes,
                       std::uint8_t* scales) {
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index i = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < height * width; i += step) {
    matrix_index const row = first_row + i / width, column = first_column + i % width;
    codes[i] = fp4_e2m1(view.codes(row, column)).bits();
    scales[i] = view.scale(row, column / 16).bits();
  }
}

/// A device matrix without guards, overwritten first.
template <class Quantizer, class ScaleLayout>
struct large_matrix {
  quantized_shape<nvfp4_block, ScaleLayout> shape;
  fixture::device_vector<std::uint8_t> codes, scales;
  fixture::device_vector<float> amax;

  large_matrix(matrix_index height, matrix_index width)
      : shape(shape_for<Quantizer, ScaleLayout>(height, width)),
        codes(static_cast<std::size_t>(shape.code_bytes()), 0x55),
        scales(static_cast<std::size_t>(shape.scale_count()), 0x55),
        amax(1) {}
  auto view() {
    return *make_quantized_view<nvfp4_block, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes.data(), codes.size()),
        cuda::std::span<fp8_e4m3>(reinterpret_cast<fp8_e4m3*>(scales.data()), scales.size()),
        cuda::std::span<float>(amax.data(), amax.size()), shape);
  }
  /// How many codes and scales of the part from (first_row, first_column) on are not `expected`'s.
  int different(quantized_view<nvfp4_block, plain> const& expected, matrix_index first_row,
                matrix_index first_column) {
    matrix_index const height = expected.rows(), width = expected.columns();
    auto const count = static_cast<std::size_t>(height * width);
    fixture::device_vector<std::uint8_t> some_codes(count), some_scales(count);
    gather<<<256, 256>>>(view(), first_row, first_column, height, width, some_codes.data(),
                         some_scales.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    auto const got_codes = fixture::copied(some_codes), got_scales = fixture::copied(some_scales);
    int wrong = 0;
    for (matrix_index i = 0; i < height; ++i) {
      for (matrix_index j = 0; j < width; ++j) {
        auto const at = static_cast<std::size_t>(i * width + j);
        wrong += got_codes[at] != fp4_e2m1(expected.codes(i, j)).bits();
        wrong += got_scales[at] != expected.scale(i, j / 16).bits();
      }
    }
    return wrong;
  }
};

fixture::matrix<bf16> last_rows() {
  fixture::matrix<bf16> last(tail, columns);
  for (matrix_index i = 0; i < tail; ++i) {
    for (matrix_index j = 0; j < columns; ++j) last(i, j) = fixture::value_at((before + i) * columns + j);
  }
  return last;
}

/// The last rows as the host makes them under an amax.
template <class Quantizer>
quantized_matrix<nvfp4_block> expected_rows(Quantizer const& q, float amax) {
  quantized_matrix<nvfp4_block> made(shape_for<Quantizer>(tail, columns));
  made.view().amax(0, 0) = amax;
  quantize_with_amax(last_rows().view(), made.view(), q, threads{}, shard{before, 0, columns});
  return made;
}
/// The last columns of the transpose.
template <class Quantizer>
quantized_matrix<nvfp4_block> expected_columns(Quantizer const& q, float amax) {
  auto const last = last_rows();
  quantized_matrix<nvfp4_block> made(shape_for<Quantizer>(columns, tail));
  made.view().amax(0, 0) = amax;
  quantize_with_amax(transposed(last.view()), made.view(), q, threads{}, shard{0, before, rows});
  return made;
}

using nearest = quantizer<>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
constexpr float largest = 127.0f / 16;
constexpr auto ok = device::status::success;

}  // namespace

// bugs: E2 E4
TEST_CASE("beyond 2^31 elements the last rows and columns are quantized and decoded as ever") {
  if (!fixture::has_device()) return;
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  if (free < std::size_t{16} << 30) {
    MESSAGE("no CUDA device with 16 GB free");
    return;
  }
  auto const stream = fixture::default_stream;
  fixture::device_vector<bf16> values(static_cast<std::size_t>(rows * columns));
  fixture::fill_with_values<<<4096, 256>>>(values.data(), rows * columns);
  matrix_view<bf16 const> const in =
      *make_matrix_view(cuda::std::span<bf16 const>(values.data(), values.size()), rows, columns);
  auto const stochastic = quantizer{scaling::amax<>{}, rounding::stochastic<>{{1, 2}}};
  auto const hadamard = quantizer{scaling::amax<>{}, rounding::stochastic<>{{1, 3}},
                                  transform::random_hadamard<16, bf16>{}};

  auto const along_rows = [&]<class ScaleLayout, class Quantizer>(ScaleLayout, Quantizer const& q) {
    large_matrix<Quantizer, ScaleLayout> out(rows, columns);
    CHECK(device::quantize(stream, in, out.view(), q) == ok);
    CHECK(out.amax[0] == largest);
    return out.different(expected_rows(q, largest).view(), before, 0);
  };
  CHECK(along_rows(plain{}, nearest{}) == 0);
  CHECK(along_rows(tiled{}, stochastic) == 0);
  CHECK(along_rows(plain{}, square{}) == 0);

  auto const along_columns = [&]<class Quantizer>(Quantizer const& q) {
    large_matrix<Quantizer, plain> out(columns, rows);
    CHECK(device::quantize(stream, transposed(in), out.view(), q) == ok);
    CHECK(out.amax[0] == largest);
    return out.different(expected_columns(q, largest).view(), 0, before);
  };
  CHECK(along_columns(stochastic) == 0);
  CHECK(along_columns(square{}) == 0);

  auto const both = [&]<class ScaleLayout, class Rows, class Columns>(
                        ScaleLayout, Rows const& q_rows, Columns const& q_columns) {
    large_matrix<Rows, ScaleLayout> by_row(rows, columns);
    large_matrix<Columns, ScaleLayout> by_column(columns, rows);
    CHECK(device::quantize_both(stream, in, by_row.view(), by_column.view(), q_rows, q_columns) ==
          ok);
    CHECK(by_row.amax[0] == largest);
    float const of_columns = by_column.amax[0];
    return by_row.different(expected_rows(q_rows, largest).view(), before, 0) +
           by_column.different(expected_columns(q_columns, of_columns).view(), 0, before);
  };
  CHECK(both(plain{}, nearest{}, nearest{}) == 0);
  CHECK(both(tiled{}, stochastic, hadamard) == 0);
  CHECK(both(plain{}, square{}, square{}) == 0);

  large_matrix<nearest, plain> out(rows, columns);
  CHECK(device::quantize(stream, in, out.view(), nearest{}) == ok);
  fixture::device_vector<bf16> back(values.size());
  auto const back_view =
      *make_matrix_view(cuda::std::span<bf16>(back.data(), back.size()), rows, columns);
  CHECK(device::dequantize(stream, out.view(), back_view, nearest{}) == ok);
  auto const expected = expected_rows(nearest{}, largest);
  fixture::matrix<bf16> decoded(tail, columns);
  dequantize(expected.view(), decoded.view(), nearest{});
  std::vector<bf16> got(static_cast<std::size_t>(tail * columns));
  REQUIRE(cudaMemcpy(got.data(), back.data() + before * columns, got.size() * sizeof(bf16),
                     cudaMemcpyDeviceToHost) == cudaSuccess);
  int wrong = 0;
  for (matrix_index i = 0; i < tail; ++i) {
    for (matrix_index j = 0; j < columns; ++j) {
      wrong += got[static_cast<std::size_t>(i * columns + j)].bits() != decoded(i, j).bits();
    }
  }
  CHECK(wrong == 0);
}
