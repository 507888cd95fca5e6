// SPDX-License-Identifier: Apache-2.0
// The part of the standard library that the core (L0 to L5) uses: types and traits, no functions.
// NVRTC has no host headers; there the same names come from libcu++.
#pragma once

#include "nibble/detail/config.hpp"

#if defined(__CUDACC_RTC__)
#include <cuda/std/concepts>
#include <cuda/std/cstddef>
#include <cuda/std/cstdint>
#include <cuda/std/type_traits>
namespace std {
using namespace ::cuda::std;  // NOLINT: NVRTC's std is empty but for what this line brings
}
#else
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#endif
