// SPDX-License-Identifier: Apache-2.0
// An older language is refused with a sentence, not with a thousand lines. The macro stands for it.
// expect: nibble needs C\+\+20
#ifdef NIBBLE_BREAK
#pragma GCC diagnostic ignored "-Wbuiltin-macro-redefined"
#undef __cplusplus
#define __cplusplus 201703L
#endif
#include <nibble/detail/config.hpp>
