// SPDX-License-Identifier: Apache-2.0
// Sums of products as a loop over arrays, which compilers like to fuse: compiled in a file of its
// own with flags that allow it.
#pragma once

#include <cstddef>

namespace fused {

/// results[i] = a[i] * b[i] + c[i] and a[i] * b[i] - c[i], through arch/arithmetic.hpp.
void through_arithmetic(float const* a, float const* b, float const* c, float* sums,
                        float* differences, std::size_t count);

/// The same written plainly.
void plainly(float const* a, float const* b, float const* c, float* sums, std::size_t count);

}  // namespace fused
