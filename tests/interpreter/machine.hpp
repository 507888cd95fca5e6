// SPDX-License-Identifier: Apache-2.0
// Runs PTX on the processor, a warp at a time, so that kernels can be tested where there is no GPU, or none
// with their instructions. What the PTX manual leaves open (the order of sums in tensor cores) is done in one way.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace interpreter {

/// A program did what a GPU would stop it for (or what is not interpreted): says which kernel, line and thread.
struct fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct dimensions {
  unsigned x = 1, y = 1, z = 1;
};

/// How a kernel is started.
struct launch_shape {
  dimensions grid, block, cluster;
  std::size_t shared_bytes = 0;  // dynamic
};

/// A kernel of a module, with what is known of it before it runs.
struct kernel {
  virtual ~kernel() = default;
  virtual std::size_t static_shared_bytes() const = 0;
  /// The size of each parameter.
  virtual std::vector<std::size_t> parameter_bytes() const = 0;
  /// Runs all its threads; arguments[i] points to the value of parameter i. Throws fault.
  virtual void run(launch_shape const& shape, void* const* arguments) const = 0;
};

/// The text of one PTX module.
class module {
 public:
  explicit module(std::string_view ptx);  // throws fault
  ~module();
  module(module const&) = delete;
  /// Null where the module has no such kernel. Its address stays the same. Its instructions are read when it is
  /// asked for first, so that a kernel with instructions that are not interpreted hurts nobody else.
  kernel const* find(std::string_view name) const;

 private:
  struct contents;
  std::unique_ptr<contents> contents_;
};

/// Device memory: kernels may touch only what was allocated here. Filled with 0xCD, aligned to 512 bytes.
void* allocate(std::size_t bytes);
/// False where `memory` was not allocated here.
bool release(void* memory);
/// How many bytes from `address` on are of one allocation; 0 where it is of none.
std::size_t allocated_from(void const* address);

}  // namespace interpreter
