// SPDX-License-Identifier: Apache-2.0
// Any bytes through nibble-convert. Build: clang++ -fsanitize=fuzzer,address,undefined with the folders
// include, tests, examples and CCCL's.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "convert/any_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  auto const outcome = any_bytes::of({reinterpret_cast<char const*>(bytes), size});
  if (!outcome.broken.empty()) {
    std::fprintf(stderr, "does not hold: %s\n", outcome.broken.c_str());
    std::abort();
  }
  return 0;
}
