// SPDX-License-Identifier: Apache-2.0
// The fast kernel of weight_only.cuh: each SM reads its columns of x once, keeps them, and from then on
// reads weights without a break. Where they are too many for one SM, a cluster of blocks shares them.
#pragma once

#include "nibble/device/weight_only_shares.cuh"
#include "nibble/device/weight_only_step.cuh"

namespace nibble::device::detail {

#if NIBBLE_HAS_CLUSTER

/// Waits for all threads of the cluster.
__device__ __forceinline__ void meet(bool is_alone) {
  if (is_alone) {
    __syncthreads();
  } else {
    arch::ptx::barrier_cluster();
  }
}

/// Four floats from where they lie in the block `rank` of the cluster.
__device__ __forceinline__ void load_sums(float (&sums)[4], float const* from, int rank,
                                          bool is_alone) {
  if (is_alone) {
    float4 const four = *reinterpret_cast<float4 const*>(from);
    sums[0] = four.x;
    sums[1] = four.y;
    sums[2] = four.z;
    sums[3] = four.w;
  } else {
    arch::ptx::ld_shared_cluster_v4_f32(sums, from, static_cast<unsigned>(rank));
  }
}

#endif

/// Each Rows rows of x against all rows of W, whose columns are whole steps. The sums of a slice are
/// those of weight_only, and so is the order in which they are added.
template <int Rows, class In, class W, class Out, class AlphaOf>
__global__ void __launch_bounds__(32 * few_warps, 1)
    weight_only_clusters(In x, W w, Out out, AlphaOf alpha_of, epilogue e, few_shares shares) {
#if NIBBLE_HAS_CLUSTER
  using eight = few_eight<std::remove_cv_t<typename In::value_type>>;
  using source_type = few_source<typename W::block_type, typename W::scale_layout>;
  using kept = few_kept<Rows>;
  constexpr int wide = kept::fragments;
  extern __shared__ uint4 few_memory[];
  int const warp = __shfl_sync(0xFFFF'FFFFu, static_cast<int>(threadIdx.x / 32), 0);
  int const lane = static_cast<int>(threadIdx.x % 32), g = lane >> 2, t = lane & 3;
  int const rank = static_cast<int>(arch::ptx::cluster_ctarank());
  int const cluster = static_cast<int>(blockIdx.x) >> shares.blocks_log2;
  int const clusters = static_cast<int>(gridDim.x) >> shares.blocks_log2;
  matrix_index const first_x = matrix_index{Rows} * blockIdx.y, rows_left = x.extent(0) - first_x;
  int const rows = rows_left < Rows ? static_cast<int>(rows_left) : Rows;
  auto const units = static_cast<int>((w.rows() + 15) >> 4);
  int const all_steps = static_cast<int>(w.columns() >> 7), per_slice = shares.per_slice;
  static_assert(few_step == 1 << 7 && few_slices == 1 << few_most_log2);
  int const slices = shares.slices(), at_once = few_warps / few_slices << shares.blocks_log2;
  auto* const partial = reinterpret_cast<float*>(few_memory + slices * per_slice * kept::step);
  int const of_item = rows * few_pitch;  // floats of the sums of 16 rows and a slice

  // A warp's slice of the columns is always the same.
  int const slice = warp & (slices - 1), nth = warp >> (few_most_log2 - shares.blocks_log2);
  int const first_step = (rank * slices + slice) * per_slice;
  int const left = all_steps - first_step;
  int const steps = left < 0 ? 0 : left < per_slice ? left : per_slice;
  int const first_unit = cluster + nth * clusters, next_unit = at_once * clusters;

  // What is asked of memory next: `ahead` steps from `asked` on, of 16 rows of W.
  int unit = first_unit, asked = 0;
  source_type source(w, matrix_index{16} * unit, first_step);
  typename source_type::weights ring[few_stages] = {};
  auto const steps_from = [&](int step) {
    return steps - step < few_stages ? steps - step : few_stages;
  };
  int ahead = unit < units ? steps_from(0) : 0;

  auto const fetch_first = [&] {
#pragma unroll
    for (int stage = 0; stage < few_stages; ++stage) {
      if (stage < ahead) source.fetch(ring[stage], stage, true);
    }
  };
  arch::ptx::griddepcontrol_launch_dependents();
  arch::ptx::griddepcontrol_wait();  // nothing that the kernel before may write is read above
  keep_x<Rows>(few_memory, x, first_x, static_cast<unsigned>(rows),
               few_step * rank * slices * per_slice, slices * per_slice, fetch_first);
  __syncthreads();

  uint4 const* const of_x = few_memory + slice * per_slice * kept::step + (Rows == 1 ? t : lane);
  auto const pairs_of = [&](uint4 const* from, int i, std::uint32_t(&pairs)[wide][1][4]) {
#pragma unroll
    for (int n = 0; n < wide; ++n) {
      uint4 const four = from[kept::place(n, i, 0)];
      pairs[n][0][0] = four.x;
      pairs[n][0][1] = four.y;
      pairs[n][0][2] = four.z;
      pairs[n][0][3] = four.w;
    }
  };
  for (int first = cluster; first < units; first += shares.turns * next_unit) {
    float* to = partial + warp * of_item + g;
    int now = first + nth * clusters;
    for (int turn = 0; turn < shares.turns && now < units; ++turn, now += next_unit) {
      float sums[wide][4] = {};
#pragma unroll 1
      for (int step = 0; step < steps; step += few_stages) {
        int const here = ahead;
        source.advance(few_stages);
        asked += few_stages;
        if (asked >= steps) {
          asked = 0;
          unit += next_unit;
          source = source_type(w, matrix_index{16} * unit, first_step);
        }
        ahead = unit < units ? steps_from(asked) : 0;
        uint4 const* const from = of_x + step * kept::step;
#pragma unroll
        for (int stage = 0; stage < few_stages; ++stage) {
          if (stage < here) {
            multiply_step<eight>(sums, ring[stage], [&](int i, auto& pairs) {
              pairs_of(from + stage * kept::step, i, pairs);
            });
          }
          if (stage < ahead) source.fetch(ring[stage], stage, true);
        }
      }
#pragma unroll
      for (int n = 0; n < wide; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          int const at_x = 8 * n + 2 * t + i % 2;
          if (at_x < rows) to[at_x * few_pitch + 8 * (i / 2)] = sums[n][i];
        }
      }
      to += few_warps * of_item;
    }

    // Each block adds the slices for its share of the rows of W, four of them a thread.
    bool const is_alone = shares.blocks_log2 == 0, has_one = w.amax.extent(0) == 1;
    float const alpha = alpha_of(w.amax_of(0, 0));
    meet(is_alone);
    int const count = shares.turns * at_once * rows * 4;
    for (int o = static_cast<int>(threadIdx.x) + rank * 32 * few_warps; o < count;
         o += 32 * few_warps << shares.blocks_log2) {
      int const at_x = o / 4 % rows, from_first = o / 4 / rows;
      int const done = first + from_first * clusters;
      if (done >= units) break;
      float const* const of_unit =
          partial + from_first * slices * of_item + at_x * few_pitch + o % 4 * 4;
      float sum[4] = {};
#pragma unroll
      for (int i = 0; i < few_slices; ++i) {
        float more[4];
        load_sums(more, of_unit + (i & (slices - 1)) * of_item,
                  i >> (few_most_log2 - shares.blocks_log2), is_alone);
        for (int j = 0; j < 4; ++j) sum[j] = arch::add(sum[j], more[j]);
      }
      for (int j = 0; j < 4; ++j) {
        matrix_index const row = matrix_index{16} * done + o % 4 * 4 + j;
        if (row >= w.rows()) break;
        finish_sum<eight>(sum[j], first_x + at_x, row, w, out,
                          has_one ? alpha : alpha_of(w.amax_of(row, 0)), e);
      }
    }
    meet(is_alone);  // others may still read this block's sums
  }
#endif
}

}  // namespace nibble::device::detail
