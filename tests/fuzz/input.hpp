// SPDX-License-Identifier: Apache-2.0
// What every fuzz target needs: values out of a fuzzer's bytes, and a way to say what broke.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace fuzz {

/// Reads a fuzzer's bytes from the front; past the end everything is zero.
class input {
 public:
  input(std::uint8_t const* bytes, std::size_t size) : at_(bytes), left_(size) {}

  template <class T>
  T take() {
    T result{};
    std::size_t const count = left_ < sizeof(T) ? left_ : sizeof(T);
    if (count != 0) std::memcpy(&result, at_, count);
    at_ += count;
    left_ -= count;
    return result;
  }
  /// From 0 to below count.
  std::uint64_t below(std::uint64_t count) { return take<std::uint16_t>() % count; }
  std::string rest() {
    std::string result(reinterpret_cast<char const*>(at_), left_);
    left_ = 0;
    return result;
  }
  bool empty() const { return left_ == 0; }

 private:
  std::uint8_t const* at_;
  std::size_t left_;
};

/// Ends the program, so that the fuzzer keeps the input, unless the condition holds.
inline void require(bool condition, char const* what) {
  if (condition) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size);
