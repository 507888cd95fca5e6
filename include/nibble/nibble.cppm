// SPDX-License-Identifier: Apache-2.0
// The core as a C++20 module: `import nibble;` in place of #include <nibble/nibble.hpp>. Compile this
// file once with g++ 14 or clang 17 and later; macros do not come along, and none is needed.
module;
#include "nibble/detail/std.hpp"
#include <limits>
export module nibble;
// What is declared stays the header's own, so units that import and units that include may meet.
export extern "C++" {
#include "nibble/nibble.hpp"
}
