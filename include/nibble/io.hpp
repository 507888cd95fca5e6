// SPDX-License-Identifier: Apache-2.0
// Printing: operator<< and, where the standard library has it, std::format. Apart, because
// <ostream> costs more to compile than everything else in the core together.
#pragma once

#include <ostream>
#include <version>
#if defined(__cpp_lib_format)
#include <format>
#endif

#include "nibble/number.hpp"

namespace nibble {

/// Writes the value as operator<< writes a float.
template <number_type T>
std::ostream& operator<<(std::ostream& out, T number) {
  return out << static_cast<float>(number);
}

}  // namespace nibble

#if defined(__cpp_lib_format)
/// Formats the value as a float, with every specification that a float takes.
template <nibble::number_type T, class Char>
struct std::formatter<T, Char> : std::formatter<float, Char> {
  template <class Context>
  auto format(T number, Context& context) const {
    return std::formatter<float, Char>::format(static_cast<float>(number), context);
  }
};
#endif
