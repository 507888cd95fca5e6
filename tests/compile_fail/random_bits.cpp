// SPDX-License-Identifier: Apache-2.0
// Random bits come 8, 16 or 24 to an element; other widths have no rule.
// expect: got another width
#include <nibble/nibble.hpp>

void draw(std::uint32_t (&words)[4]) {
  nibble::random::fill<8>(nibble::random::philox4x32<>{}, 0, words);
}
#ifdef NIBBLE_BREAK
void draw_12(std::uint32_t (&words)[4]) {
  nibble::random::fill<12>(nibble::random::philox4x32<>{}, 0, words);
}
#endif
