// SPDX-License-Identifier: Apache-2.0
// Printing of numbers and blocks: operator<< and, where the standard library has it, std::format.
// Apart, because <ostream> costs more to compile than everything else in the core together.
#pragma once

#include <ostream>
#include <sstream>
#include <string>
#include <version>
#if defined(__cpp_lib_format)
#include <format>
#include <memory>
#include <string_view>
#endif

#include "nibble/adaptive_block.hpp"

namespace nibble {

/// Writes the value as operator<< writes a float.
template <number_type T>
std::ostream& operator<<(std::ostream& out, T number) {
  return out << static_cast<float>(number);
}

/// Is B some codes and the scale they share?
template <class B>
concept printable_block = requires(B const& b) {
  { B::size } -> std::convertible_to<int>;
  b.codes.bytes();
  static_cast<float>(b.scale);
};

namespace detail {

/// Floats to text with the flags and the precision of a stream, without its width.
class text_of_stream {
 public:
  explicit text_of_stream(std::ostream const& out) {
    text_.copyfmt(out);
    text_.width(0);
  }
  [[nodiscard]] std::string operator()(float value) {
    text_.str({});
    text_ << value;
    return text_.str();
  }

 private:
  std::ostringstream text_;
};

/// "[0 0.5 -6]": the `count` values of a function, as text_of writes them.
template <class TextOf, class Value>
[[nodiscard]] std::string list_text(TextOf& text_of, int count, Value&& value) {
  // Appended piece by piece: g++ 12 warns falsely (-Wrestrict) of a literal + a temporary string.
  std::string text = "[";
  for (int i = 0; i < count; ++i) text.append(i > 0 ? " " : "").append(text_of(value(i)));
  return text.append("]");
}

template <class TextOf, class Block>
[[nodiscard]] std::string block_text(TextOf& text_of, Block const& b) {
  return text_of(static_cast<float>(b.scale)) + " * " +
         list_text(text_of, Block::size, [&](int i) { return value_of(b, i); });
}

}  // namespace detail

/// Writes packed numbers as "[0 0.5 -6]".
template <class T, int N>
std::ostream& operator<<(std::ostream& out, packed<T, N> const& p) {
  detail::text_of_stream text_of(out);
  return out << detail::list_text(text_of, N, [&](int i) { return static_cast<float>(p[i]); });
}

/// Writes a block as its scale and the values of its codes: "240 * [0 0.5 -6 ...]".
template <printable_block Block>
std::ostream& operator<<(std::ostream& out, Block const& b) {
  detail::text_of_stream text_of(out);
  return out << detail::block_text(text_of, b);
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

namespace nibble::detail {

/// What formatters of many floats share: a float's specification, applied to each.
class each_as_float {
 public:
  constexpr auto parse(std::format_parse_context& context) {
    auto const* const first = std::to_address(context.begin());
    auto const end = std::formatter<float>().parse(context);
    specification_ =
        std::string_view(first, static_cast<std::size_t>(std::to_address(end) - first));
    return end;
  }

 protected:
  [[nodiscard]] auto text_of() const {
    return [pattern = "{:" + std::string(specification_) + "}"](float value) {
      return std::vformat(pattern, std::make_format_args(value));
    };
  }

  template <class Context>
  static auto write(std::string const& text, Context& context) {
    auto out = context.out();
    for (char const c : text) *out++ = c;
    return out;
  }

 private:
  std::string_view specification_;  // of the format string, which outlives the call
};

}  // namespace nibble::detail

/// Formats packed numbers as operator<< does; a specification is that of each float.
template <class T, int N>
struct std::formatter<nibble::packed<T, N>> : nibble::detail::each_as_float {
  template <class Context>
  auto format(nibble::packed<T, N> const& p, Context& context) const {
    auto text = this->text_of();
    return this->write(
        nibble::detail::list_text(text, N, [&](int i) { return static_cast<float>(p[i]); }),
        context);
  }
};

/// Formats a block as operator<< does; a specification is that of each float.
template <nibble::printable_block Block>
struct std::formatter<Block> : nibble::detail::each_as_float {
  template <class Context>
  auto format(Block const& b, Context& context) const {
    auto text = this->text_of();
    return this->write(nibble::detail::block_text(text, b), context);
  }
};
#endif
