// SPDX-License-Identifier: Apache-2.0
// Whole matrices by the library's kernels beside the host: codes, scales with their padding, amaxes, and back.
#pragma once

#include <cstring>
#include <vector>

#include "check.cuh"
#include "nibble/dequantize.hpp"
#include "nibble/device/dequantize.cuh"
#include "nibble/device/quantize_both.cuh"
#include "nibble/nibble.hpp"
#include "nibble/quantize.hpp"
#include "nibble/quantized_matrix.hpp"
#include "quantizers.cuh"

namespace self_test {

using nibble::matrix_index;

/// A quantized matrix in device memory.
template <class Block, class ScaleLayout>
struct quantized_there {
  using scale = typename Block::scale_type;
  nibble::quantized_shape<Block, ScaleLayout> shape;
  device_array<std::uint8_t> codes;
  device_array<scale> scales;
  device_array<float> amax;

  explicit quantized_there(nibble::quantized_shape<Block, ScaleLayout> const& s)
      : shape(s),
        codes(static_cast<std::size_t>(s.code_bytes())),
        scales(static_cast<std::size_t>(s.scale_count())),
        amax(static_cast<std::size_t>(s.amax_count())) {
    // Nothing that a kernel leaves out may look right.
    require(cudaMemset(codes.data(), 0xAA, codes.size()), "cudaMemset");
    require(cudaMemset(scales.data(), 0x7F, scales.size() * sizeof(scale)), "cudaMemset");
  }
  [[nodiscard]] nibble::quantized_view<Block, ScaleLayout> view() const {
    using cuda::std::span;
    return *nibble::make_quantized_view<Block, ScaleLayout>(
        span<std::uint8_t>(codes.data(), codes.size()), span<scale>(scales.data(), scales.size()),
        span<float>(amax.data(), amax.size()), shape);
  }
  void add_to(outcome& all, nibble::quantized_matrix<Block, ScaleLayout> const& host) const {
    auto const add = [&all](auto const& got, auto const& need) {
      for (std::size_t i = 0; i < need.size(); ++i) {
        std::uint32_t have = 0, want = 0;
        std::memcpy(&have, &got[i], sizeof got[i]);
        std::memcpy(&want, &need[i], sizeof need[i]);
        all.add(have, want);
      }
    };
    add(codes.copied("codes"), host.code_bytes());
    add(scales.copied("scales"), host.scales());
    add(amax.copied("amaxes"), host.amax());
  }
};

/// rows x columns of bf16 on both sides, behind so many others.
struct operand {
  std::vector<nibble::bf16> values;
  device_array<nibble::bf16> there;
  matrix_index rows, columns, before;

  operand(matrix_index rows_, matrix_index columns_, matrix_index before_ = 0)
      : values(drawn(before_ + rows_ * columns_)),
        there(values),
        rows(rows_),
        columns(columns_),
        before(before_) {}
  [[nodiscard]] auto here_view() const { return view_of(values.data()); }
  [[nodiscard]] auto there_view() const { return view_of(there.data()); }

 private:
  [[nodiscard]] nibble::matrix_view<nibble::bf16 const> view_of(nibble::bf16 const* first) const {
    return *nibble::make_matrix_view(
        cuda::std::span<nibble::bf16 const>(first, values.size()).subspan(before), rows, columns);
  }
  static std::vector<nibble::bf16> drawn(matrix_index count) {
    std::vector<nibble::bf16> result;
    for (matrix_index i = 0; i < count; ++i) {
      // Without the 256 of 4096 that are any float: under an infinite amax all codes are alike.
      auto const at = static_cast<std::uint64_t>(i);
      result.push_back(nibble::bf16(value_of(at / 3840 * 4096 + at % 3840)));
    }
    return result;
  }
};

inline void require(nibble::device::status status, char const* what) {
  if (status == nibble::device::status::success) return;
  std::printf("%s: %s\n", what, nibble::device::to_string(status));
  std::exit(2);
}

/// Tiles of 128x128, ragged edges, and rows that lie on 16 bytes and not on 32, so that fast and general kernels
/// run, with loads of every width.
template <class Compare>
void over_shapes(char const* name, Compare const& compare_one) {
  outcome all{};
  compare_one(operand(384, 640), all);
  compare_one(operand(33, 70), all);
  compare_one(operand(96, 640, 8), all);
  print(name, all);
}

template <class Quantizer>
void compare_matrix(char const* name, Quantizer const& q) {
  over_shapes(name, [&](operand const& in, outcome& all) {
    auto const expected = nibble::quantized(in.here_view(), q);
    quantized_there<typename Quantizer::block_type, cuda::std::layout_right> const made(
        expected.shape());
    require(
        nibble::device::quantize(cuda::stream_ref{cudaStream_t{}}, in.there_view(), made.view(), q),
        name);
    made.add_to(all, expected);
  });
}

/// There and back.
template <class Quantizer>
void compare_back(char const* name, Quantizer const& q) {
  over_shapes(name, [&](operand const& in, outcome& all) {
    using block = typename Quantizer::block_type;
    cuda::stream_ref const stream{cudaStream_t{}};
    auto const from = nibble::quantized(in.here_view(), q);
    quantized_there<block, cuda::std::layout_right> const there(from.shape());
    require(nibble::device::quantize(stream, in.there_view(), there.view(), q), name);
    std::vector<nibble::bf16> back(in.values.size());
    device_array<nibble::bf16> const made(back.size());
    auto const view = [&](nibble::bf16* first) {
      return *nibble::make_matrix_view(cuda::std::span<nibble::bf16>(first, back.size()), in.rows,
                                       in.columns);
    };
    nibble::dequantize(from.view(), view(back.data()), q);
    require(nibble::device::dequantize(stream, there.view(), view(made.data()), q), name);
    auto const got = made.copied(name);
    for (std::size_t i = 0; i < static_cast<std::size_t>(in.rows * in.columns); ++i) {
      all.add(got[i].bits(), back[i].bits());
    }
  });
}

/// Both directions in one pass, the scales in tiles of 128x4.
template <class Rows, class Columns>
void compare_both(char const* name, Rows const& q_rows, Columns const& q_columns) {
  using tiled = nibble::layout::scale_tile_128x4;
  over_shapes(name, [&](operand const& in, outcome& all) {
    auto const rows = nibble::quantized<tiled>(in.here_view(), q_rows);
    auto const columns = nibble::quantized<tiled>(nibble::transposed(in.here_view()), q_columns);
    quantized_there<typename Rows::block_type, tiled> const rows_made(rows.shape());
    quantized_there<typename Columns::block_type, tiled> const columns_made(columns.shape());
    require(nibble::device::quantize_both(cuda::stream_ref{cudaStream_t{}}, in.there_view(),
                                          rows_made.view(), columns_made.view(), q_rows, q_columns),
            name);
    rows_made.add_to(all, rows);
    columns_made.add_to(all, columns);
  });
}

inline void compare_matrices() {
  namespace scaling = nibble::scaling;
  using nibble::quantizer;
  using stochastic = nibble::rounding::stochastic<8>;
  print_heading("matrices of bf16 and the host", "bytes");
  compare_matrix("rows, to nearest", quantizer<>{});
  compare_matrix("16x16 tiles",
                 quantizer<nibble::nvfp4_block, scaling::amax<scaling::tile::square>>{});
  compare_matrix("4/6", quantizer{scaling::four_over_six<>{}});
  compare_matrix("MXFP4", quantizer<nibble::mxfp4_block, scaling::power_of_two<>>{});
  compare_back("back from rows, to nearest", quantizer<>{});
  compare_back("back from MXFP4", quantizer<nibble::mxfp4_block, scaling::power_of_two<>>{});
  compare_both("both directions, stochastic, RHT on columns, 128x4",
               quantizer{scaling::amax<>{}, stochastic{{5, 6}}},
               quantizer{scaling::amax<>{}, stochastic{{5, 7}},
                         nibble::transform::random_hadamard<16, nibble::bf16>{}});
}

}  // namespace self_test
