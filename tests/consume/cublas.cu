// SPDX-License-Identifier: Apache-2.0
// A user's call of cuBLASLt through the package: it links only if nibble::cublas brings the library.
#include <nibble/cublas/handle.cuh>

bool can_multiply() {
  nibble::cublas::handle const handle;
  return handle.state() == nibble::device::status::success;
}
