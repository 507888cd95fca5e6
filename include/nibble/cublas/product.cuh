// SPDX-License-Identifier: Apache-2.0
// One product through cuBLASLt, said in rows: D = alpha A B^T + beta D + bias.
#pragma once

#include <cstdint>

#include "nibble/cublas/handle.cuh"

namespace nibble::cublas {

/// What cuBLASLt may use beside the operands; more makes nothing faster on a Hopper GPU.
inline constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

/// What the operands of a product are made of, and with it how it is summed.
enum class elements {
  bf16,   // FP32 sums, a result of float or bf16
  int8,   // int32 sums and result, exact while they fit
  nvfp4,  // e2m1 codes with E4M3 scales in 128x4 tiles: Blackwell only; FP32 sums
};

/// An operand in device memory.
///
/// shape   rows x depth, k by k within a row and `pitch` elements from row to row; if `is_turned`,
///         depth x rows with `pitch` elements from one k to the next.
struct operand {
  void const* data;
  std::int64_t pitch;
  void const* scales = nullptr;  // nvfp4 only
  bool is_turned = false;        // bf16 only
};

/// D = A B^T of rows x columns, row after row.
struct product {
  elements what;
  bool is_float_out;  // float, or bf16; an int8 product has int32
  std::int64_t rows, columns, depth;
  operand a, b;
  void* out;
  std::int64_t out_pitch;
  float const* scalars = nullptr;  // alpha and beta in device memory; null: 1 and 0, int8 only
  float const* bias = nullptr;     // one a column, with a float result only
};

namespace detail {

/// The largest power of two up to 256 that divides an address: what cuBLASLt may count on.
[[nodiscard]] inline std::uint32_t alignment_of(void const* pointer) noexcept {
  auto const address = reinterpret_cast<std::uintptr_t>(pointer) | 256u;
  return static_cast<std::uint32_t>(address & (~address + 1));
}

/// Sets attributes one after the other and remembers whether all were taken.
struct settings {
  cublasLtMatmulDescOpaque_t description{};
  cublasLtMatrixLayoutOpaque_t a{}, b{}, d{};
  cublasLtMatmulPreferenceOpaque_t preference{};
  bool is_good = true;

  void check(cublasStatus_t s) noexcept { is_good = is_good && s == CUBLAS_STATUS_SUCCESS; }
  template <class T>
  void set(cublasLtMatmulDescAttributes_t name, T const& value) noexcept {
    check(cublasLtMatmulDescSetAttribute(&description, name, static_cast<void const*>(&value),
                                         sizeof(value)));
  }
  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t name, T const& value) noexcept {
    check(cublasLtMatmulPreferenceSetAttribute(&preference, name, &value, sizeof(value)));
  }
};

/// cuBLASLt counts in columns: its first operand is our B, its result our D, both without a move.
[[nodiscard]] inline settings describe(product const& p) noexcept {
  settings s;
  bool const is_int = p.what == elements::int8;
  cudaDataType_t const type = p.what == elements::bf16   ? CUDA_R_16BF
                              : p.what == elements::int8 ? CUDA_R_8I
                                                         : CUDA_R_4F_E2M1;
  cudaDataType_t const result = is_int ? CUDA_R_32I : p.is_float_out ? CUDA_R_32F : CUDA_R_16BF;
  s.check(cublasLtMatmulDescInit(&s.description, is_int ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F,
                                 is_int ? CUDA_R_32I : CUDA_R_32F));
  cublasOperation_t const first = p.b.is_turned ? CUBLAS_OP_N : CUBLAS_OP_T;
  cublasOperation_t const second = p.a.is_turned ? CUBLAS_OP_T : CUBLAS_OP_N;
  s.set(CUBLASLT_MATMUL_DESC_TRANSA, first);
  s.set(CUBLASLT_MATMUL_DESC_TRANSB, second);
  if (p.scalars != nullptr) {
    cublasLtPointerMode_t const mode = CUBLASLT_POINTER_MODE_DEVICE;
    s.set(CUBLASLT_MATMUL_DESC_POINTER_MODE, mode);
  }
  if (p.bias != nullptr) {
    cublasLtEpilogue_t const bias = CUBLASLT_EPILOGUE_BIAS;
    s.set(CUBLASLT_MATMUL_DESC_EPILOGUE, bias);
    s.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    s.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F);
  }
  if (p.what == elements::nvfp4) {
    cublasLtMatmulMatrixScale_t const blocks = CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3;
    s.set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, blocks);
    s.set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, blocks);
    s.set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, p.b.scales);
    s.set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, p.a.scales);
  }
  auto const layout = [&](cublasLtMatrixLayoutOpaque_t& l, cudaDataType_t t, std::int64_t inner,
                          std::int64_t outer, std::int64_t pitch) {
    s.check(cublasLtMatrixLayoutInit(&l, t, static_cast<std::uint64_t>(inner),
                                     static_cast<std::uint64_t>(outer), pitch));
  };
  layout(s.a, type, p.b.is_turned ? p.columns : p.depth, p.b.is_turned ? p.depth : p.columns,
         p.b.pitch);
  layout(s.b, type, p.a.is_turned ? p.rows : p.depth, p.a.is_turned ? p.depth : p.rows, p.a.pitch);
  layout(s.d, result, p.columns, p.rows, p.out_pitch);
  s.check(cublasLtMatmulPreferenceInit(&s.preference));
  std::uint64_t const workspace = workspace_bytes;
  s.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace);
  s.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(p.b.data));
  s.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(p.a.data));
  s.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(p.out));
  s.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(p.out));
  return s;
}

}  // namespace detail

/// Multiplies on a stream. Allocates nothing, can be captured in a graph.
///
/// shape   workspace: workspace_bytes, on a 256-byte boundary. No extent may be 0.
/// errors  cublas_failed, no_algorithm (what cuBLASLt refuses, such as a pitch it cannot load);
///         nothing is written then.
/// bits    int8: exact. The others: the same on every run on one GPU with one version of cuBLASLt;
///         outside the promise of equal bytes.
[[nodiscard]] inline device::status multiply(handle const& h, cudaStream_t stream, product const& p,
                                             void* workspace) noexcept {
  using device::status;
  if (h.state() != status::success) return h.state();
  detail::settings s = detail::describe(p);
  if (!s.is_good) return status::cublas_failed;
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  cublasStatus_t const asked = cublasLtMatmulAlgoGetHeuristic(
      h.get(), &s.description, &s.a, &s.b, &s.d, &s.d, &s.preference, 1, &found, &count);
  if (asked == CUBLAS_STATUS_NOT_SUPPORTED) return status::no_algorithm;
  if (asked != CUBLAS_STATUS_SUCCESS) return status::cublas_failed;
  if (count == 0 || found.state != CUBLAS_STATUS_SUCCESS) return status::no_algorithm;
  static constexpr std::int32_t one = 1, zero = 0;
  void const* const alpha = p.scalars == nullptr ? static_cast<void const*>(&one) : p.scalars;
  void const* const beta = p.scalars == nullptr ? static_cast<void const*>(&zero) : p.scalars + 1;
  cublasStatus_t const done =
      cublasLtMatmul(h.get(), &s.description, alpha, p.b.data, &s.a, p.a.data, &s.b, beta, p.out,
                     &s.d, p.out, &s.d, &found.algo, workspace, workspace_bytes, stream);
  return done == CUBLAS_STATUS_SUCCESS ? status::success : status::cublas_failed;
}

}  // namespace nibble::cublas
