// SPDX-License-Identifier: Apache-2.0
// A matrix that owns host memory stays on the host; kernels take views.
// expect: calling a __host__ function.*from a __global__ function
#include <nibble/quantized_matrix.hpp>

using matrix = nibble::quantized_matrix<nibble::nvfp4_block>;
using view = nibble::quantized_view<nibble::nvfp4_block>;

__global__ void rows_of(view const* in, nibble::matrix_index* out) { *out = in->rows(); }
#ifdef NIBBLE_BREAK
__global__ void rows_of(matrix const* in, nibble::matrix_index* out) { *out = in->view().rows(); }
#endif
