// SPDX-License-Identifier: Apache-2.0
// A 16-bit number has nothing to pack.
// expect: got a 16-bit T
#include <nibble/nibble.hpp>

nibble::packed<nibble::fp6_e2m3, 4> codes{};
#ifdef NIBBLE_BREAK
nibble::packed<nibble::bf16, 4> whole_words{};
#endif
