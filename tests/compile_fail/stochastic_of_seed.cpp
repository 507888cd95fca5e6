// SPDX-License-Identifier: Apache-2.0
// A seed is no source: it lacks the stream that keeps two tensors from drawing the same numbers.
// expect: could not convert|no matching function for call to .take
#include <nibble/nibble.hpp>

nibble::rounding::stochastic<> keyed{nibble::random::philox4x32<>{7, 1}};
#ifdef NIBBLE_BREAK
void take(nibble::random::philox4x32<>);
void wrong() { take(7); }
#endif
