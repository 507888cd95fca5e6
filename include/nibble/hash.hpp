// SPDX-License-Identifier: Apache-2.0
// std::hash of the number types, in agreement with ==.
#pragma once

#include <functional>

#include "nibble/number.hpp"

/// Equal numbers hash alike: -0 and +0 compare equal, so they share a hash.
template <nibble::number_type T>
struct std::hash<T> {
  [[nodiscard]] std::size_t operator()(T value) const noexcept {
    bool const is_zero = static_cast<float>(value) == 0.0f;
    return std::hash<std::uint32_t>{}(is_zero ? 0u : static_cast<std::uint32_t>(value.bits()));
  }
};
