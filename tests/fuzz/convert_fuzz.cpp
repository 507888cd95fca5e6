// SPDX-License-Identifier: Apache-2.0
// Any bytes through nibble-convert, both ways by both conventions: refused in one line, or converted and
// back with the same names and shapes.
#include "convert/any_bytes.hpp"

#include "fuzz/input.hpp"

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  auto const outcome = any_bytes::of({reinterpret_cast<char const*>(bytes), size});
  fuzz::require(outcome.broken.empty(), outcome.broken.c_str());
  return 0;
}
