// SPDX-License-Identifier: Apache-2.0
// NVIDIA TransformerEngine's NVFP4 tensors: which quantizer and which layout give its bytes.
#pragma once

#include "nibble/layout/padded_right.hpp"
#include "nibble/quantized_matrix.hpp"
#include "nibble/recipes/nvfp4.hpp"
#include "nibble/scaling/four_over_six.hpp"
#include "nibble/tensor_scale/per_row.hpp"

namespace nibble::interop::transformer_engine {

/// The quantizers behind its recipe's options. Column-wise data are those of nibble::transposed(x).
///
/// bits    equal to TransformerEngine's kernels for finite values (its Python reference differs for
///         -0 and NaN); rht on data of ordinary spread; stochastic draws numbers of its own.
using one_dimensional = quantizer<>;
using two_dimensional = recipes::nvfp4_parts::weights;
using rht = recipes::nvfp4_parts::wgrad_activations;
using row_scaled =
    quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>;
template <class Metric = scaling::absolute_error, int Bound = 256,
          scaling::tile Shape = scaling::tile::row>
using four_over_six =
    quantizer<nvfp4_block, scaling::four_over_six<Metric, Shape, tensor_scale::current<Bound>>>;

/// Its compact layout of scale_inv: rows to a multiple of 128, scales to a multiple of 4. It leaves
/// the padding unwritten; nibble writes zeros there.
using compact_scales = layout::padded_right<128, 4>;
/// Its layout for products ("swizzled").
using swizzled_scales = layout::scale_tile_128x4;

/// Does TransformerEngine quantize this matrix? Both extents must be multiples of 16. (A product
/// asks for 32 along its sum: interop::cublaslt::check.)
[[nodiscard]] constexpr bool accepts(matrix_index rows, matrix_index columns) noexcept {
  return rows > 0 && columns > 0 && rows % 16 == 0 && columns % 16 == 0;
}

}  // namespace nibble::interop::transformer_engine
