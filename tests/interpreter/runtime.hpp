// SPDX-License-Identifier: Apache-2.0
// What the parts of the stand-in for CUDA's runtime share.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

namespace interpreter {

/// The status that a function of the runtime returns: `status`, kept for cudaGetLastError, or what stopped the
/// device earlier.
cudaError_t report(cudaError_t status);

/// Does work on a stream: at once, since nothing here is asynchronous, or at every launch of the graph that
/// the stream is captured into. What it throws stops the device.
cudaError_t submit(cudaStream_t stream, std::function<void()> work);

/// The architecture that the program's kernels are taken from: 90 for sm_90a.
int architecture();

inline constexpr int multiprocessors =
    8;  // few, so that threads of a kernel take more than one turn
inline constexpr int shared_bytes = 232'448;            // that a block may have if it asks
inline constexpr int unasked_shared_bytes = 48 * 1024;  // that it may have if it does not

}  // namespace interpreter
