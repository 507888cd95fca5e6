// SPDX-License-Identifier: Apache-2.0
// cuda::std::numeric_limits of the number types, so that generic device code finds them.
#pragma once

#include <cuda/std/limits>

#include "nibble/numeric_limits.hpp"

/// The same facts as std::numeric_limits. (libcu++'s own limits of CUDA's small types have
/// exponents that are one too small by the standard's definition; these are right.)
template <nibble::number_type T>
class cuda::std::numeric_limits<T> : public nibble::limits<T> {};
