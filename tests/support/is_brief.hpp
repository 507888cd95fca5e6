// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace fixture {

/// Does NIBBLE_BRIEF=1 say that each time is slow, as it is under compute-sanitizer and where PTX is interpreted?
inline bool is_brief() {
  char const* const brief = std::getenv("NIBBLE_BRIEF");
  return brief != nullptr && *brief == '1';
}

}  // namespace fixture
