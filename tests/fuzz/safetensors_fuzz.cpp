// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file: refused with one error, or tensors that fit the file and give the
// same tensors when they are written and read again.
#include "train_lm/safetensors.hpp"

#include "fuzz/input.hpp"

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  using namespace train_lm;
  std::string_view const content(reinterpret_cast<char const*>(bytes), size);
  tensor_file file;
  try {
    file = parse_safetensors(content);
  } catch (safetensors_error const& refusal) {
    std::string const said = refusal.what();
    fuzz::require(!said.empty() && said.find('\n') == std::string::npos, "one line is said");
    return 0;
  }
  std::size_t total = 0;
  for (auto const& [name, each] : file.tensors) {
    std::uint64_t count = *element_size(each.dtype);
    for (std::uint64_t const extent : each.shape) count *= extent;
    fuzz::require(count == each.bytes.size(), "bytes fit the shape");
    total += each.bytes.size();
  }
  fuzz::require(total <= size, "no more bytes than the file has");
  tensor_file const again = parse_safetensors(format_safetensors(file));
  fuzz::require(again.metadata == file.metadata, "metadata come back");
  fuzz::require(again.tensors.size() == file.tensors.size(), "tensors come back");
  for (auto const& [name, each] : file.tensors) {
    auto const found = again.tensors.find(name);
    fuzz::require(found != again.tensors.end() && found->second.dtype == each.dtype &&
                      found->second.shape == each.shape && found->second.bytes == each.bytes,
                  "a tensor comes back");
  }
  return 0;
}
