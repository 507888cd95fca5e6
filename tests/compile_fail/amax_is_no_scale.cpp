// SPDX-License-Identifier: Apache-2.0
// An amax is not a scale: a bare float could be either, so it is neither.
// bugs: C4 D9
// expect: could not convert|no match(ing)? (for call|function|call)|no viable
#include <nibble/nibble.hpp>

constexpr float values[16]{};
auto q = nibble::quantizer<>{}(values, nibble::tensor_amax{1.0f});
#ifdef NIBBLE_BREAK
auto broken = nibble::quantizer<>{}(values, 1.0f);
#endif
