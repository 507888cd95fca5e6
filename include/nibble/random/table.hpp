// SPDX-License-Identifier: Apache-2.0
// Random numbers that were drawn beforehand, as a source: many calls at once cost less than one by
// one.
#pragma once

#include "nibble/random/source.hpp"

namespace nibble::random {

/// The words of calls first, first + 1, ... of another source, read from memory.
///
/// errors  a call outside what was drawn is undefined.
/// bits    those of the source.
struct table {
  words const* drawn = nullptr;
  std::uint64_t first = 0;

  [[nodiscard]] NIBBLE_HD constexpr words operator()(std::uint64_t call) const noexcept {
    return drawn[call - first];
  }
};

/// A source that can draw many calls at once: s.calls(first, count, out), the words of s(first) and
/// on.
template <class Source>
concept batched_source = source<Source> && requires(Source const& s, words* out) {
  s.calls(std::uint64_t{0}, std::size_t{1}, out);
};

}  // namespace nibble::random
