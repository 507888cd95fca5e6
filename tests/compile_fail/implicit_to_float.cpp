// SPDX-License-Identifier: Apache-2.0
// A number does not become a float in silence, so no product of codes compiles by accident.
// expect: (no viable conversion|cannot convert .nibble::fp8_e4m3. to .float.)
#include <nibble/fp8_e4m3.hpp>

float asked(nibble::fp8_e4m3 x) { return static_cast<float>(x); }
#ifdef NIBBLE_BREAK
float silent(nibble::fp8_e4m3 x) { return x; }
#endif
