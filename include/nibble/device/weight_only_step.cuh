// SPDX-License-Identifier: Apache-2.0
// What both kernels of weight_only.cuh do with operands in registers: a step of products, and the end
// of a sum.
#pragma once

#include "nibble/device/weight_only_source.cuh"
#include "nibble/epilogue.hpp"

namespace nibble::device::detail {

/// sums += 16 rows of W times 8 Wide rows of x over the 128 columns of a step.
///
/// shape   pairs_of(i, pairs): writes this lane's columns 8 i .. 8 i + 7 of x as Eight::to_pairs does,
///         for each fragment of eight rows.
template <class Eight, int Wide, class Block, class PairsOf>
__device__ __forceinline__ void multiply_step(float (&sums)[Wide][4],
                                              few_weights<Block> const& weights,
                                              PairsOf const& pairs_of) {
  using decoder = few_decoder<Block, typename Eight::operand>;
  decoder const of_row[2] = {decoder(weights.scales[0]), decoder(weights.scales[1])};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    std::uint32_t right[Wide][Eight::parts][4];
    pairs_of(i, right);
    std::uint32_t left[2][4];
#pragma unroll
    for (int h = 0; h < 2; ++h) of_row[h].decode(weights.codes[h][i], i, left[h]);
#pragma unroll
    for (int pair = 0; pair < 4; pair += 2) {
      std::uint32_t const a[4] = {left[0][pair], left[1][pair], left[0][pair + 1],
                                  left[1][pair + 1]};
#pragma unroll
      for (int n = 0; n < Wide; ++n) {
#pragma unroll
        for (int part = 0; part < Eight::parts; ++part) {
          mma::multiply_sixteen<typename Eight::operand>(sums[n], a, right[n][part][pair],
                                                         right[n][part][pair + 1]);
        }
      }
    }
  }
}

/// Writes out(at_x, row) from the sum of its eight slices.
template <class Eight, class W, class Out>
__device__ __forceinline__ void finish_sum(float sum, matrix_index at_x, matrix_index row, W const&,
                                           Out const& out, float alpha, epilogue const& e) {
  using decoder = few_decoder<typename W::block_type, typename Eight::operand>;
  float result = arch::multiply(alpha, arch::multiply(sum, decoder::undo));
  if (e.beta != 0.0f) {
    result = arch::add(result, arch::multiply(e.beta, static_cast<float>(out(at_x, row))));
  }
  if (e.bias != nullptr) result = arch::add(result, e.bias[row]);
  out(at_x, row) = static_cast<std::remove_cv_t<typename Out::value_type>>(result);
}

}  // namespace nibble::device::detail
