// SPDX-License-Identifier: Apache-2.0
// Conversion takes floats and doubles; the format layer says so too.
// expect: need float or double
#include <nibble/format/encode.hpp>

inline auto const code = nibble::format::encode<nibble::format::e2m1>(1.0f);
#ifdef NIBBLE_BREAK
inline auto const of_int = nibble::format::encode<nibble::format::e2m1>(1);
#endif
