// SPDX-License-Identifier: Apache-2.0
// In a constant expression an index past the end does not compile.
// expect: non-constant condition for static assertion|static_assert expression is not an integral constant expression
// expect also: outside|past the end|read of dereferenced one-past-the-end|not an integral constant
#include <nibble/block.hpp>

inline constexpr nibble::packed<nibble::fp4_e2m1, 4> codes{};
static_assert(codes[3].bits() == 0);
#ifdef NIBBLE_BREAK
static_assert(codes[8].bits() == 0);
#endif
