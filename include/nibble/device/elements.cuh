// SPDX-License-Identifier: Apache-2.0
// Loops over whole matrices that are no quantization: each element for itself, and each row's sum in
// the order that the host adds.
#pragma once

#include "nibble/device/group.cuh"
#include "nibble/device/ordered.cuh"
#include "nibble/device/status.cuh"

namespace nibble::device::detail {

/// each(i, j) for every element, a thread an element, neighbours in a row side by side.
template <class Each>
__global__ void __launch_bounds__(threads_per_block)
    visit_elements(Each each, matrix_index rows, matrix_index columns) {
  matrix_index const step = static_cast<matrix_index>(gridDim.x) * blockDim.x;
  for (matrix_index g = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x;
       g < rows * columns; g += step) {
    auto const [i, j] = split(g, columns);
    each(i, j);
  }
}

/// Launches visit_elements.
template <class Each>
[[nodiscard]] status for_each_element(cudaStream_t stream, matrix_index rows, matrix_index columns,
                                      Each const& each) {
  if (rows == 0 || columns == 0) return status::success;
  visit_elements<<<grid_for(rows * columns), threads_per_block, 0, stream>>>(each, rows, columns);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

template <class In>
struct copy_element {
  In in;
  matrix_view<float> to;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    to(i, j) = static_cast<float>(in(i, j));
  }
};
template <class In>
[[nodiscard]] status copy_as_floats(cudaStream_t stream, In const& in,
                                    matrix_view<float> const& to) {
  return for_each_element(stream, in.extent(0), in.extent(1), copy_element<In>{in, to});
}

/// The terms of a sum, each exact in FP64, so that it does not matter whether product and sum fuse.
struct plain_terms {
  [[nodiscard]] __device__ double operator()(double sum, double value, matrix_index) const {
    return __dadd_rn(sum, value);
  }
};
struct squared_terms {
  [[nodiscard]] __device__ double operator()(double sum, double value, matrix_index) const {
    return __fma_rn(value, value, sum);
  }
};
struct weighted_terms {
  float const* weights;
  [[nodiscard]] __device__ double operator()(double sum, double value, matrix_index k) const {
    return __fma_rn(value, to_double(weights[k]), sum);
  }
};

/// take(i, sum over k of the terms of row i), in increasing k.
///
/// rule    32 rows a block of threads: all of them fetch 128 values of k ahead of the one warp that
///         adds, along whichever dimension lies side by side in memory.
template <class In, class Terms, class Take>
__global__ void __launch_bounds__(threads_per_block)
    add_in_order(In in, Terms terms, Take take, bool is_turned) {
  constexpr int side = 32, depth = 128;
  __shared__ float tile[2][side][depth + 1];
  int const thread = static_cast<int>(threadIdx.x);
  matrix_index const rows = in.extent(0), columns = in.extent(1);
  for (matrix_index first = matrix_index{blockIdx.x} * side; first < rows;
       first += matrix_index{gridDim.x} * side) {
    auto const fetch = [&](int buffer, matrix_index k) {
      for (int e = thread; e < side * depth; e += threads_per_block) {
        int const r = is_turned ? e % side : e / depth, c = is_turned ? e / side : e % depth;
        if (first + r < rows && k + c < columns) {
          tile[buffer][r][c] = static_cast<float>(in(first + r, k + c));
        }
      }
    };
    bool const adds = thread < side && first + thread < rows;
    double sum = 0;
    fetch(0, 0);
    __syncthreads();
    for (matrix_index k = 0; k < columns; k += depth) {
      int const now = static_cast<int>(k / depth % 2);
      if (k + depth < columns) fetch(1 - now, k + depth);
      if (adds) {
        int const count = static_cast<int>(columns - k < depth ? columns - k : depth);
        for (int c = 0; c < count; ++c) sum = terms(sum, to_double(tile[now][thread][c]), k + c);
      }
      __syncthreads();
    }
    if (adds) take(first + thread, sum);
  }
}

/// Launches add_in_order.
template <class In, class Terms, class Take>
[[nodiscard]] status for_each_sum(cudaStream_t stream, In const& in, Terms const& terms,
                                  Take const& take) {
  if (in.extent(0) == 0) return status::success;
  matrix_index const blocks = nibble::detail::ceil_div<matrix_index>(in.extent(0), 32);
  add_in_order<<<grid_for(blocks * threads_per_block), threads_per_block, 0, stream>>>(
      in, terms, take, in.stride(1) > in.stride(0));
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

}  // namespace nibble::device::detail
