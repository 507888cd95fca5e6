// SPDX-License-Identifier: Apache-2.0
// The text of a PTX module, and one kernel of it as a program.
#pragma once

#include <map>
#include <string_view>

#include "program.hpp"

namespace interpreter {

/// A variable of a module. Shared ones are placed anew in each kernel that names them.
struct variable {
  std::string_view space;
  std::size_t bytes = 0, alignment = 1;
  bool is_external = false;
  void* memory = nullptr;  // of global and constant ones
};

struct kernel_text {
  std::string_view name, parameters, body;
  std::string_view returned;  // of a function, as parameters are
  unsigned most_threads = 1024;
};

struct module_text {
  std::map<std::string_view, variable> variables;
  std::map<std::string_view, kernel_text> kernels;
  std::map<std::string_view, kernel_text> functions;  // an external one has no body
};

/// The views are into `ptx`, which has no comments. Throws fault.
module_text read_module(std::string_view ptx);
/// Comments as blanks.
std::string without_comments(std::string_view ptx);
program read_kernel(module_text const& of, kernel_text const& kernel);

}  // namespace interpreter
