// SPDX-License-Identifier: Apache-2.0
// What the blocks of weight_only_cluster.cuh share: the columns and the rows of W among them, and x in
// the shared memory of each.
#pragma once

#include "nibble/device/weight_only_source.cuh"

namespace nibble::device::detail {

inline constexpr int few_warps = 16;     // of a block of threads, one of which fills an SM
inline constexpr int few_stages = 4;     // steps of weights ahead
inline constexpr int few_most_log2 = 3;  // of the blocks of a cluster, then each with a slice
inline constexpr int few_pitch = 20;  // floats from a row of x to the next in sums, for the banks

/// How x lies in shared memory, for products of 1, 8 or 16 rows: by steps, fragments of eight rows, i
/// (of multiply_step) and lanes, 16 bytes each; a single row by t alone. 32 bytes after each i keep
/// neighbours in a row of x, which are stored together, in different banks.
template <int Rows>
struct few_kept {
  static constexpr int fragments = Rows <= 8 ? 1 : Rows / 8;
  static constexpr int lanes = Rows == 1 ? 4 : 32;
  static constexpr int step = fragments * 4 * (lanes + 2);  // from a step to the next, of 16 bytes
  [[nodiscard]] __device__ __forceinline__ static unsigned place(unsigned fragment, unsigned i,
                                                                 unsigned lane) {
    return (fragment * 4 + i) * (lanes + 2) + lane;
  }
};

/// How a launch shares the work. The blocks of a cluster have as many slices of the columns each, and a
/// warp one of them (`per_slice` steps) of 16 rows of W at a time; after `turns` times the slices are
/// added.
struct few_shares {
  int blocks_log2, per_slice, turns;
  [[nodiscard]] NIBBLE_HD constexpr int blocks() const { return 1 << blocks_log2; }
  [[nodiscard]] NIBBLE_HD constexpr int slices() const { return few_slices >> blocks_log2; }
};

/// A launch: how many clusters, what they share, and the bytes of shared memory of a block.
struct few_grid {
  int clusters;
  few_shares shares;
  std::size_t shared;
  [[nodiscard]] constexpr int units_at_once() const {
    return clusters * few_warps / shares.slices();
  }
};

/// The launch of that many clusters of 1, 2, 4 or 8 blocks, each with at most `room` bytes of shared
/// memory; turns = 0 where that is too little.
///
/// shape   blocks_log2: 0 to 3; units: 16 rows of W each; rows: of x
/// rule    a block keeps its columns of x, and the sums of as many turns as there is work or room for
template <int Rows>
[[nodiscard]] constexpr few_grid share_few(int clusters, int blocks_log2, int units, int columns,
                                           int rows, std::size_t room) {
  few_grid grid{clusters, {blocks_log2, few_per_slice(columns), 0}, 0};
  auto const of_x = std::size_t{16} * static_cast<std::size_t>(grid.shares.slices()) *
                    static_cast<std::size_t>(grid.shares.per_slice * few_kept<Rows>::step);
  auto const of_turn = std::size_t{4} * static_cast<std::size_t>(few_warps * rows * few_pitch);
  if (of_x + of_turn > room) return grid;
  auto const needed =
      static_cast<std::size_t>(nibble::detail::ceil_div(units, grid.units_at_once()));
  std::size_t const most = (room - of_x) / of_turn, turns = needed < most ? needed : most;
  grid.shares.turns = static_cast<int>(turns);
  grid.shared = of_x + turns * of_turn;
  return grid;
}

/// Columns first .. first + 128 steps - 1 of `rows` rows of x, of those that are there, into shared
/// memory, as operands. `meanwhile` is called when the first loads are on their way.
template <int Rows, class In, class Meanwhile>
__device__ __forceinline__ void keep_x(uint4* to, In const& x, matrix_index first_x, unsigned rows,
                                       int first, int steps, Meanwhile const& meanwhile) {
  using eight = few_eight<std::remove_cv_t<typename In::value_type>>;
  using kept = few_kept<Rows>;
  constexpr unsigned batch = 8, stride = 32 * few_warps / Rows;
  unsigned const warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = warp % Rows;
  matrix_index const left = x.extent(1) - first, most = few_step * steps;
  bool const is_there = row < rows && left > 0;
  unsigned const count = is_there ? static_cast<unsigned>(left < most ? left : most) / 8 : 0;
  unsigned at = warp / Rows * 32 + lane;
  auto const* from = x.data_handle() + (first_x + row) * x.stride(0) + first + 8 * at;
  bool is_first = true;
  do {
    eight values[batch];
#pragma unroll
    for (unsigned j = 0; j < batch; ++j) {
      if (at + j * stride < count) values[j] = load_eight<true>(from + 8 * j * stride, 1, 8);
    }
    if (is_first) meanwhile();
    is_first = false;
#pragma unroll
    for (unsigned j = 0; j < batch; ++j) {
      unsigned const o = at + j * stride;
      if (o >= count) break;
      std::uint32_t pairs[1][4];
      values[j].to_pairs(pairs);
      to[o / 16 * kept::step + kept::place(row / 8, o % 4, row % 8 * 4 + o / 4 % 4)] = {
          pairs[0][0], pairs[0][1], pairs[0][2], pairs[0][3]};
    }
    at += batch * stride;
    from += 8 * batch * stride;
  } while (at < count);
}

}  // namespace nibble::device::detail
