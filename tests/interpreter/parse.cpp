// SPDX-License-Identifier: Apache-2.0
#include "parse.hpp"

#include <algorithm>

#include "text.hpp"

namespace interpreter {

std::string without_comments(std::string_view ptx) {
  std::string text(ptx);
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '/') continue;
    bool const is_line = text[i + 1] == '/';
    if (!is_line && text[i + 1] != '*') continue;
    std::size_t end = is_line ? text.find('\n', i) : text.find("*/", i);
    end = end == std::string::npos ? text.size() : is_line ? end : end + 2;
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(i),
              text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    i = end - 1;
  }
  return text;
}

module_text read_module(std::string_view ptx) {
  module_text made;
  reader from{ptx};
  bool is_external = false;
  for (from.skip_blanks(); !from.rest.empty(); from.skip_blanks()) {
    if (from.is_at('{')) {  // debugging sections
      from.enclosed('{', '}');
      continue;
    }
    std::string_view const word = from.word();
    if (word == ".version" || word == ".target" || word == ".address_size" || word == ".file" ||
        word == ".loc") {
      from.until('\n');
    } else if (word == ".visible" || word == ".weak" || word == ".common") {
      continue;
    } else if (word == ".extern") {
      is_external = true;
    } else if (word == ".global" || word == ".const" || word == ".shared") {
      std::string_view const text = from.until(';');
      std::size_t const values = text.find('=');
      declaration const declared = read_declaration(text.substr(0, values));
      variable v{word.substr(1), declared.bytes, declared.alignment,
                 is_external || !declared.has_size, nullptr};
      if (word != ".shared" && declared.bytes > 0) {
        v.memory = allocate(declared.bytes);
        std::memset(v.memory, 0, declared.bytes);
        if (values != std::string_view::npos) {
          reader listed{text.substr(values + 1)};
          listed.take('{');
          auto const element = read_declaration(text.substr(0, text.find('['))).bytes;
          for (std::size_t at = 0; at < declared.bytes && !listed.rest.empty(); at += element) {
            std::string_view const item = trimmed(listed.until(','));
            std::int64_t const number = integer(item.substr(0, item.find('}')));
            std::memcpy(static_cast<std::byte*>(v.memory) + at, &number, element);
          }
        }
      }
      made.variables.emplace(declared.name, v);
      is_external = false;
    } else if (word == ".entry") {
      kernel_text kernel;
      kernel.name = from.word();
      if (from.is_at('(')) kernel.parameters = from.enclosed('(', ')');
      while (!from.is_at('{')) {
        std::string_view const limit = from.word();
        if (limit.empty()) from.rest.remove_prefix(1);
        if (limit != ".maxntid" && limit != ".reqntid") continue;
        kernel.most_threads = 1;
        do kernel.most_threads *= static_cast<unsigned>(integer(from.word()));
        while (from.take(','));
      }
      kernel.body = from.enclosed('{', '}');
      made.kernels.emplace(kernel.name, kernel);
    } else if (word == ".func") {
      kernel_text function;
      if (from.is_at('(')) function.returned = from.enclosed('(', ')');
      function.name = from.word();
      if (from.is_at('(')) function.parameters = from.enclosed('(', ')');
      while (!from.is_at('{') && !from.is_at(';')) {  // .noreturn and its like
        if (from.word().empty()) from.rest.remove_prefix(1);
      }
      if (!from.take(';')) function.body = from.enclosed('{', '}');
      if (!function.body.empty() || !made.functions.contains(function.name))
        made.functions[function.name] = function;
      is_external = false;
    } else if (word.empty()) {
      fail("not understood", from.rest);
    } else {
      from.until(';');
    }
  }
  return made;
}

}  // namespace interpreter
