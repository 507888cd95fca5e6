// SPDX-License-Identifier: Apache-2.0
// Counting thresholds is for formats of at most four bits.
// expect: got a wide format
#include <nibble/format/encode.hpp>

inline auto const code = nibble::format::encode_by_comparison<nibble::format::e2m1>(1.0f);
#ifdef NIBBLE_BREAK
inline auto const wide = nibble::format::encode_by_comparison<nibble::format::e4m3>(1.0f);
#endif
