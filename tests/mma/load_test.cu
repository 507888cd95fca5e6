// SPDX-License-Identifier: Apache-2.0
// Fragments loaded from views and from shared memory are the elements that the layout names, zeros
// beyond the edges, for both scale layouts and for parts of matrices.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/mma/load.cuh>
#include <nibble/part.hpp>
#include <nibble/quantizer.hpp>
#include <nibble/scaling/power_of_two.hpp>

#include "mma/loaded.cuh"
#include "support/device_memory.cuh"

namespace {

using namespace nibble;
using tiled = layout::scale_tile_128x4;
using plain = cuda::std::layout_right;

/// Loads at (row, column) and compares with the view, element by element; counts differences.
template <class View>
__global__ void compare(View view, matrix_index row, matrix_index column, int* different) {
  auto const code = [&](matrix_index r, matrix_index c) { return fp4_e2m1(view.codes(r, c)).bits(); };
  atomicAdd(different, fixture::wrong_in_lane<4>(mma::load_a(view, row, column), mma::load_b(view, row, column),
                                                 view, row, column, code));
}

template <class View>
int differences(View const& view) {
  fixture::device_vector<int> different(1, 0);
  for (matrix_index row = 0; row < view.rows(); row += 16) {
    for (matrix_index column = 0; column < view.columns(); column += 64) {
      compare<<<1, 32>>>(view, row, column, different.data());
    }
  }
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return different[0];
}

/// A matrix of counted bytes: codes and scales that differ from their neighbours'. Codes beyond the
/// last column are zeros, as a quantizer leaves them.
template <class Quantizer, class ScaleLayout>
fixture::device_matrix<Quantizer, ScaleLayout> counted(matrix_index rows, matrix_index columns) {
  auto const shape = shape_for<Quantizer, ScaleLayout>(rows, columns);
  fixture::device_matrix<Quantizer, ScaleLayout> m(shape);
  std::vector<std::uint8_t> codes(m.codes.size()), scales(m.scale_bytes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    auto const first = static_cast<matrix_index>(2 * i) % shape.pitch();
    auto const byte = (i * 0x9E37'79B1u >> 13) & (first + 1 < columns ? 0xFFu : first < columns ? 0x0Fu : 0u);
    codes[i] = static_cast<std::uint8_t>(byte);
  }
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(i * 37 % 127);
  fixture::transfer(codes.begin(), codes.end(), m.codes.begin());
  fixture::transfer(scales.begin(), scales.end(), m.scale_bytes.begin());
  return m;
}

using mx = quantizer<mxfp4_block, scaling::power_of_two<>>;

/// A tile of 16 rows by ldmatrix against the same words by ordinary loads.
__global__ void compare_shared(std::uint8_t const* tile, int* different) {
  __shared__ alignas(16) std::uint8_t rows[16 * 48];
  int const lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 16 * 32; i += 32) rows[i / 32 * 48 + i % 32] = tile[i];
  __syncwarp();
  int wrong = 0;
#if NIBBLE_HAS_MMA_F16
  mma::a_fragment a{};
  mma::b_fragment b[2]{};
  mma::load_a_words(a, rows, 48);
  mma::load_b_words(b[0], b[1], rows, 48);
  auto const word_at = [&](mma::operand_index at) {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word |= std::uint32_t{tile[at.outer * 32 + at.k / 2 + i]} << (8 * i);
    return word;
  };
  for (int word = 0; word < 4; ++word) {
    wrong += a.words[word] != word_at(mma::fragments<4>::a({lane, word, 0}));
    auto at = mma::fragments<4>::b({lane, word % 2, 0});
    at.outer += word / 2 * 8;
    wrong += b[word / 2].words[word % 2] != word_at(at);
  }
#else
  wrong = 1;
#endif
  atomicAdd(different, wrong);
}

}  // namespace

// bugs: D12
TEST_CASE("fragments of whole and ragged matrices, in both scale layouts") {
  if (!fixture::has_device()) return;
  struct shape {
    matrix_index rows, columns;
  };
  for (shape const s : {shape{32, 128}, shape{17, 70}, shape{5, 16}, shape{130, 200}}) {
    CHECK(differences(counted<quantizer<>, plain>(s.rows, s.columns).view()) == 0);
    CHECK(differences(counted<quantizer<>, tiled>(s.rows, s.columns).view()) == 0);
    CHECK(differences(counted<mx, plain>(s.rows, s.columns).view()) == 0);
    CHECK(differences(counted<mx, tiled>(s.rows, s.columns).view()) == 0);
  }
}

TEST_CASE("fragments of a part, whose scales may straddle tiles") {
  if (!fixture::has_device()) return;
  auto of_plain = counted<quantizer<>, plain>(160, 256);
  auto of_tiled = counted<quantizer<>, tiled>(160, 256);
  auto const inner = [](auto const& view) { return part(view, 24, 16, 100, 192); };
  REQUIRE(inner(of_plain.view()).has_value());
  CHECK(differences(*inner(of_plain.view())) == 0);
  CHECK(differences(*inner(of_tiled.view())) == 0);
}

TEST_CASE("tiles in shared memory give the words that ordinary loads give") {
  if (!fixture::has_device()) return;
  std::vector<std::uint8_t> tile(16 * 32);
  for (std::size_t i = 0; i < tile.size(); ++i) tile[i] = static_cast<std::uint8_t>(i * 151 >> 2);
  fixture::device_vector<std::uint8_t> const on_device(tile.begin(), tile.end());
  fixture::device_vector<int> different(1, 0);
  compare_shared<<<1, 32>>>(on_device.data(), different.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(different[0] == 0);
}
