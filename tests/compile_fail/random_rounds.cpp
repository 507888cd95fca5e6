// SPDX-License-Identifier: Apache-2.0
// A generator of no rounds is a counter.
// expect: got a round count outside
#include <nibble/nibble.hpp>

nibble::random::philox4x32<7> source;
#ifdef NIBBLE_BREAK
nibble::random::philox4x32<0> counter;
#endif
