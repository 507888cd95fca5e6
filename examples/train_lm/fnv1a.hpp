// SPDX-License-Identifier: Apache-2.0
// A digest of bytes: what two builds print to be compared, and what tells a damaged checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace train_lm {

/// FNV-1a, 64 bits, going on from another digest. A step can be undone, so bytes that differ in one
/// place never have the same digest; it is no defence against someone who wants a collision.
constexpr std::uint64_t fnv1a(std::string_view bytes,
                              std::uint64_t digest = 0xcbf29ce484222325u) noexcept {
  for (char const byte : bytes)
    digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return digest;
}

}  // namespace train_lm
