// SPDX-License-Identifier: Apache-2.0
// Words, numbers and declarations of PTX as text.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "machine.hpp"

namespace interpreter {

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
inline bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '%';
}

[[noreturn]] inline void fail(std::string_view what, std::string_view text) {
  throw fault(std::string(what) + ": " + std::string(text.substr(0, 200)));
}

inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// A text that is read from the front.
struct reader {
  std::string_view rest;

  void skip_blanks() {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  }
  [[nodiscard]] bool is_at(char c) {
    skip_blanks();
    return !rest.empty() && rest.front() == c;
  }
  bool take(char c) {
    if (!is_at(c)) return false;
    rest.remove_prefix(1);
    return true;
  }
  /// All up to the next `end`, which is taken too.
  std::string_view until(char end) {
    std::size_t const at = rest.find(end);
    std::string_view const found = rest.substr(0, at);
    rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
    return trimmed(found);
  }
  /// What stands in the braces or brackets that begin here.
  std::string_view enclosed(char open, char close) {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      depth += rest[i] == open;
      if (rest[i] == close && --depth == 0) {
        std::string_view const found = rest.substr(1, i - 1);
        rest.remove_prefix(i + 1);
        return found;
      }
    }
    fail("no end of braces", rest);
  }
  /// A name, with a leading dot where there is one.
  std::string_view word() {
    skip_blanks();
    std::size_t length = !rest.empty() && rest.front() == '.' ? 1 : 0;
    while (length < rest.size() && is_of_name(rest[length])) ++length;
    std::string_view const found = rest.substr(0, length);
    rest.remove_prefix(length);
    return found;
  }
};

inline std::int64_t integer(std::string_view text) {
  text = trimmed(text);
  bool const is_negative = !text.empty() && text.front() == '-';
  if (is_negative) text.remove_prefix(1);
  if (!text.empty() && text.back() == 'U') text.remove_suffix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  if (base == 10 && text.size() > 1 && text.front() == '0') fail("an octal number", text);
  std::uint64_t result = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), result, base);
  if (error != std::errc{} || end != text.data() + text.size()) fail("no number", text);
  return static_cast<std::int64_t>(is_negative ? 0 - result : result);
}

inline std::size_t bytes_of(std::string_view type) {
  if (type == "pred") return 1;
  std::size_t digits = 0;
  while (digits < type.size() && !(type[digits] >= '0' && type[digits] <= '9')) ++digits;
  return static_cast<std::size_t>(integer(type.substr(digits))) / 8;
}

struct declaration {
  std::string_view name;
  std::size_t bytes = 0, alignment = 1;
  bool has_size = true;
};

/// `.align 16 .b8 name[512]`, behind the state space, without values.
inline declaration read_declaration(std::string_view text) {
  declaration made;
  reader from{text};
  std::size_t element = 0;
  while (from.is_at('.')) {
    std::string_view const word = from.word().substr(1);
    if (word == "ptr") {  // an address: what follows is of what it points to
      while (from.is_at('.')) {
        if (from.word() == ".align") from.word();
      }
    } else if (word == "align")
      made.alignment = static_cast<std::size_t>(integer(from.word()));
    else if (word == "v2" || word == "v4")
      element = word == "v2" ? 2 : 4;
    else {
      std::size_t const size = bytes_of(word);
      element = std::max<std::size_t>(element, 1) * size;
      made.alignment = std::max(made.alignment, size);
    }
  }
  made.name = from.word();
  made.bytes = element;
  if (from.is_at('[')) {
    std::string_view const count = trimmed(from.enclosed('[', ']'));
    made.has_size = !count.empty();
    made.bytes = made.has_size ? element * static_cast<std::size_t>(integer(count)) : 0;
  }
  return made;
}

}  // namespace interpreter
