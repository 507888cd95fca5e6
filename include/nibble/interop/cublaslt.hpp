// SPDX-License-Identifier: Apache-2.0
// What cuBLASLt and CUTLASS ask of an NVFP4 product's operands, as checks on the host: no CUDA
// header needed.
#pragma once

#include "nibble/matmul.hpp"

namespace nibble::interop::cublaslt {

/// The order of block scales that both want.
using scale_layout = layout::scale_tile_128x4;

/// The numbers of cublasLt.h and library_types.h that describe such operands.
inline constexpr int scale_mode_vec16_ue4m3 = 1;  // CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3
inline constexpr int scale_mode_vec32_ue8m0 = 2;  // CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0
inline constexpr int data_type_e2m1 = 33;         // CUDA_R_4F_E2M1

/// Why an operand would be refused.
enum class refusal {
  none,
  inner_extent,     // elements along K not a multiple of 32, which 16-byte rows of codes need
  row_padding,      // rows of codes with padding that is not a multiple of 32 elements
  code_alignment,   // codes not on a 16-byte boundary
  scale_alignment,  // scales not on a 16-byte boundary
};

/// Would cuBLASLt take this operand as it lies in memory?
template <class Block>
[[nodiscard]] inline refusal check(quantized_view<Block, scale_layout> const& operand) noexcept {
  auto const misaligned = [](void const* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 != 0;
  };
  if (operand.columns() % 32 != 0) return refusal::inner_extent;
  if (operand.codes.stride(0) % 32 != 0) return refusal::row_padding;
  if (misaligned(operand.codes.data_handle().bytes)) return refusal::code_alignment;
  if (misaligned(operand.scales.data_handle())) return refusal::scale_alignment;
  return refusal::none;
}

}  // namespace nibble::interop::cublaslt
