// SPDX-License-Identifier: Apache-2.0
// y = x W^T for few rows of x and a quantized W: the kernel that reads 4.5 bits a weight, where a
// product through decoded operands reads 16.
#pragma once

#include <cuda/stream_ref>

#include "nibble/bf16.hpp"
#include "nibble/device/group.cuh"
#include "nibble/device/status.cuh"
#include "nibble/device/weight_only_cluster.cuh"
#include "nibble/device/weight_only_kernel.cuh"
#include "nibble/fp16.hpp"
#include "nibble/transform/identity.hpp"

namespace nibble::device {

namespace detail {

/// What stands for the quantizer of an operand that is none.
struct not_quantized {
  struct outer {
    static constexpr int bound = 0;
  };
};

/// The alpha that the tensor scale of W and the caller's make, on the device.
template <class QuantizerW>
struct weight_alpha {
  float alpha;
  __device__ __forceinline__ float operator()(float amax) const {
    return fold_alpha<not_quantized, QuantizerW>(alpha, {1.0f}, {amax});
  }
};

template <int Wide, bool Whole, class QuantizerW, class In, class W, class Out>
status launch_weight_only(cudaStream_t stream, In const& x, W const& w, Out const& out,
                          epilogue const& e) {
  using alpha = weight_alpha<QuantizerW>;
  auto const kernel = &weight_only<Wide, Whole, In, W, Out, alpha>;
  dim3 const grid(
      static_cast<unsigned>(nibble::detail::ceil_div<matrix_index>(w.rows(), 16)),
      static_cast<unsigned>(nibble::detail::ceil_div<matrix_index>(x.extent(0), 8 * Wide)));
  kernel<<<grid, 32 * few_slices, 0, stream>>>(x, w, out, alpha{e.alpha}, e);
  return cudaPeekAtLastError() == cudaSuccess ? status::success : status::launch_failed;
}

/// What the GPU that kernels run on has for clusters; none before compute capability 9.0.
struct few_room {
  int multiprocessors = 0, shared = 0;  // bytes of shared memory that one block may have

  few_room() {
    int device = 0, major = 0;
    auto const ask = [&](cudaDeviceAttr attribute, int& value) {
      return cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess;
    };
    if (cudaGetDevice(&device) != cudaSuccess || !ask(cudaDevAttrComputeCapabilityMajor, major) ||
        major < 9 || !ask(cudaDevAttrMaxSharedMemoryPerBlockOptin, shared) ||
        !ask(cudaDevAttrMultiProcessorCount, multiprocessors)) {
      multiprocessors = shared = 0;
    }
  }
};

/// The launch of clusters for each Rows rows of x; if early, while the kernel before it ends, whose end
/// its blocks then wait for: a microsecond less of some ten, and more where it takes forty.
template <int Rows, class QuantizerW, class In, class W, class Out>
class few_clusters {
 public:
  using alpha = weight_alpha<QuantizerW>;

  few_clusters(cudaStream_t stream, matrix_index rows, few_grid const& grid, bool is_early)
      : grid_(grid) {
    attributes_[0].id = cudaLaunchAttributeClusterDimension;
    attributes_[0].val.clusterDim = {static_cast<unsigned>(grid.shares.blocks()), 1, 1};
    attributes_[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes_[1].val.programmaticStreamSerializationAllowed = 1;
    config_.gridDim =
        dim3(static_cast<unsigned>(grid.clusters * grid.shares.blocks()),
             static_cast<unsigned>(nibble::detail::ceil_div<matrix_index>(rows, Rows)));
    config_.blockDim = dim3(32 * few_warps);
    config_.dynamicSmemBytes = grid.shared;
    config_.stream = stream;
    config_.attrs = attributes_;
    config_.numAttrs = is_early ? 2 : 1;
  }
  few_clusters(few_clusters const&) = delete;

  /// How many clusters the GPU holds at a time.
  [[nodiscard]] int most() const {
    int count = 0;
    bool const is_known =
        is_allowed() && cudaOccupancyMaxActiveClusters(&count, kernel(), &config_) == cudaSuccess;
    if (!is_known) (void)cudaGetLastError();  // nobody needs to know: there is another kernel
    return is_known ? count : 0;
  }
  [[nodiscard]] status operator()(In const& x, W const& w, Out const& out,
                                  epilogue const& e) const {
    bool const is_launched =
        is_allowed() && cudaLaunchKernelEx(&config_, kernel(), x, w, out, alpha{e.alpha}, e,
                                           grid_.shares) == cudaSuccess;
    return is_launched ? status::success : status::launch_failed;
  }

 private:
  static auto kernel() { return &weight_only_clusters<Rows, In, W, Out, alpha>; }
  bool is_allowed() const {
    return cudaFuncSetAttribute(kernel(), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(grid_.shared)) == cudaSuccess;
  }
  few_grid grid_;
  cudaLaunchAttribute attributes_[2]{};
  cudaLaunchConfig_t config_{};
};

/// The launch with the smallest clusters whose blocks have room for all sums in four fifths of their
/// shared memory, which leaves L1 some lines for scales; else with the largest, which add sums more
/// often; turns = 0 where x has no room in them.
template <int Rows, class QuantizerW, class In, class W, class Out>
few_grid plan_clusters(In const& x, W const& w) {
  few_room const room;
  auto const units = static_cast<int>(nibble::detail::ceil_div<matrix_index>(w.rows(), 16));
  auto const share = [&](int blocks_log2, int bytes) {
    auto const with = [&](int clusters) {
      return share_few<Rows>(clusters < units ? clusters : units, blocks_log2, units,
                             static_cast<int>(w.columns()),
                             x.extent(0) < Rows ? static_cast<int>(x.extent(0)) : Rows,
                             static_cast<std::size_t>(bytes));
    };
    int const wanted = room.multiprocessors >> blocks_log2;
    if (wanted == 0) return few_grid{};
    auto const grid = with(wanted);
    if (grid.shares.turns == 0 || blocks_log2 == 0) return grid;
    int const most = few_clusters<Rows, QuantizerW, In, W, Out>(nullptr, Rows, grid, false).most();
    return most >= grid.clusters ? grid : most > 0 ? with(most) : few_grid{};
  };
  for (int blocks_log2 = 0; blocks_log2 <= few_most_log2; ++blocks_log2) {
    auto const grid = share(blocks_log2, room.shared / 5 * 4);
    if (grid.units_at_once() * grid.shares.turns >= units) return grid;
  }
  return share(few_most_log2, room.shared);
}

}  // namespace detail

/// out = alpha x W^T + beta out + bias, for an x that is not quantized: made for up to 32 rows of x,
/// right for any number (W is read once for each 16; for each 8 where it is not fast or x is float).
///
/// shape   x: R x K of bf16, fp16 or float, W: N x K in NVFP4 or MXFP4 blocks along K (MXFP4 not with
///         fp16), K up to 2^30, out: R x N of float, bf16 or fp16, any strides; every pointer is one
///         the device can read. Fast where K is a multiple of 64, rows of x and of codes begin on
///         16-byte boundaries and scales are in rows or in 128x4 tiles; fastest for 16-bit x, K a
///         multiple of 128 and compute capability 9.0 or more.
/// rule    code times scale is exact in 16 bits (of MXFP4, 2^128 and more is infinite), and a float is
///         the sum of three bf16, down to bits of 2^-133; products and sums on the tensor cores in
///         FP32. The 128-column steps are cut into eight slices, all as long but for the last ones,
///         each is added in increasing k, and the eight sums in order. Then alpha' = fold_alpha of
///         alpha and W's amax, and the epilogue, each one FP32 operation.
/// errors  shape_mismatch, launch_failed; nothing is written unless it is success. A NaN scale makes
///         NaN of its row's sums. Allocates nothing, can be captured in a graph.
/// bits    the same on every run and for every R on one kind of GPU; between kinds the tensor cores'
///         sums may differ. Exact where they fit 24 bits.
template <class T, class Layout, class Accessor, class Block, class ScaleLayout, class QuantizerW,
          class Out>
status weight_only_product(::cuda::stream_ref stream,
                           ::cuda::std::mdspan<T, matrix_extents, Layout, Accessor> const& x,
                           quantized_view<Block, ScaleLayout> const& w, QuantizerW const&,
                           Out const& out, epilogue const& e = {}) {
  using value_type = std::remove_cv_t<T>;
  using block = std::remove_const_t<Block>;
  static_assert(std::is_same_v<value_type, bf16> || std::is_same_v<value_type, fp16> ||
                    std::is_same_v<value_type, float>,
                "got an x that is neither bf16, fp16 nor float");
  static_assert(std::is_same_v<block, nvfp4_block> || std::is_same_v<block, mxfp4_block>,
                "got weights in other blocks than nvfp4_block or mxfp4_block");
  static_assert(std::is_same_v<block, nvfp4_block> || !std::is_same_v<value_type, fp16>,
                "got an x of fp16 and scales of E8M0, which fp16 has no room for; take bf16");
  static_assert(QuantizerW::outer::shares != tensor_scale::granularity::block_128,
                "got an outer scale per 1x128 block, which no epilogue can apply");
  static_assert(std::is_same_v<typename QuantizerW::transform_type, transform::identity>,
                "got a transform on the weights only; it cancels only if x has it too");
  constexpr matrix_index most = matrix_index{1} << 30;
  if (x.extent(1) != w.columns() || out.extent(0) != x.extent(0) || out.extent(1) != w.rows() ||
      w.columns() > most) {
    return status::shape_mismatch;
  }
  if (x.extent(0) == 0 || w.rows() == 0) return status::success;
  using scales_of = detail::few_scales<block, ScaleLayout>;
  auto const& mapping = w.scales.mapping();
  auto const offset = [&](matrix_index row, matrix_index scale) {
    return mapping(row, scale) - mapping(0, 0);
  };
  auto const* const scales = reinterpret_cast<std::uint8_t const*>(w.scales.data_handle());
  matrix_index const count = w.scales.extent(1), together = count < 4 ? count : 4;
  constexpr matrix_index per_load = scales_of::per_lane, per_vector = 16 / sizeof(T);
  bool const whole =
      scales_of::is_known && w.columns() % 64 == 0 && w.columns() > 0 && x.stride(1) == 1 &&
      x.stride(0) % per_vector == 0 && is_aligned(x.data_handle(), 16) && w.codes.stride(1) == 1 &&
      w.codes.stride(0) % 32 == 0 && w.codes.data_handle().first == 0 &&
      is_aligned(w.codes.data_handle().bytes, 16) && offset(0, together - 1) == together - 1 &&
      (count <= 4 || offset(0, 4) == scales_of::four) &&
      is_aligned(scales + mapping(0, 0), per_load) &&
      (w.scales.extent(0) < 2 || offset(1, 0) % per_load == 0);
  auto const any = [&]<int Wide, bool Whole>(std::integral_constant<int, Wide>,
                                             std::bool_constant<Whole>) {
    return detail::launch_weight_only<Wide, Whole, QuantizerW>(stream.get(), x, w, out, e);
  };
  auto const clusters = [&]<int Rows>(std::integral_constant<int, Rows>) {
    using in = ::cuda::std::mdspan<T, matrix_extents, Layout, Accessor>;
    using view = quantized_view<Block, ScaleLayout>;
    auto const weights = w.rows() * w.columns();
    bool const is_small = weights <= matrix_index{1} << 24 && x.extent(0) <= 8;
    auto const grid = w.columns() % detail::few_step == 0 && !is_small
                          ? detail::plan_clusters<Rows, QuantizerW, in, view, Out>(x, w)
                          : detail::few_grid{};
    constexpr int wide = Rows <= 8 ? 1 : Rows / 8;
    if (grid.shares.turns == 0) return any(std::integral_constant<int, wide>{}, std::true_type{});
    return detail::few_clusters<Rows, QuantizerW, in, view, Out>(
        stream.get(), x.extent(0), grid, weights <= matrix_index{1} << 26)(x, w, out, e);
  };
  auto const one = std::integral_constant<int, 1>{};
  if (!whole) return any(one, std::false_type{});
  if constexpr (std::is_same_v<value_type, float>) {
    return any(one, std::true_type{});
  } else {
    if (x.extent(0) == 1) return clusters(one);
    if (x.extent(0) <= 8) return clusters(std::integral_constant<int, 8>{});
    return clusters(std::integral_constant<int, 16>{});
  }
}

}  // namespace nibble::device
