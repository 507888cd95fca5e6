// SPDX-License-Identifier: Apache-2.0
// What must hold of nibble-convert for any bytes at all: for tests and for a fuzzer.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "convert/unpack.hpp"

namespace any_bytes {

/// What came of a file: refused with one line, or converted.
struct outcome {
  bool packed = false, unpacked = false;
  std::string broken;  ///< the rule that does not hold, empty where all do
};

/// One conversion; anything but a result or a std::runtime_error of one line is broken.
template <class Convert>
bool runs(Convert const& convert, outcome& result) {
  try {
    convert();
    return true;
  } catch (std::runtime_error const& refusal) {
    std::string const said = refusal.what();
    if (said.empty() || said.find('\n') != std::string::npos)
      result.broken = "a refusal says one line";
  }
  return false;
}

inline bool has_parts(convert::source const& in) {
  convert::checkpoint const file{in};
  for (auto const& named : file.layout().tensors) {
    if (named.first.ends_with(".weight_scale_2") || named.first.ends_with(".weight_global_scale"))
      return true;
  }
  return false;
}

/// Both directions by both conventions. What packs also unpacks, and into the same names and shapes.
inline outcome of(std::string_view bytes) {
  outcome result;
  convert::memory_source const in{bytes};
  nibble::threads const one{1};
  for (auto const names :
       {convert::convention::modelopt, convert::convention::compressed_tensors}) {
    convert::memory_sink packed, back;
    convert::pack_options const options{names, {}, one};
    if (!runs([&] { convert::pack(in, packed, options); }, result)) continue;
    result.packed = true;
    // A file that already held parts of an NVFP4 layer may have others than this program makes.
    if (has_parts(in)) continue;
    convert::memory_source const again{packed.bytes()};
    if (!runs([&] { convert::unpack(again, back, "F32", one); }, result)) {
      result.broken = "what packs unpacks";
      continue;
    }
    auto const before = train_lm::parse_safetensors(bytes),
               after = train_lm::parse_safetensors(back.bytes());
    for (auto const& [name, tensor] : before.tensors) {
      auto const found = after.tensors.find(name);
      if (found == after.tensors.end() || found->second.shape != tensor.shape)
        result.broken = "names and shapes come back";
    }
  }
  for (char const* const type : {"F32", "BF16", "F16"}) {
    convert::memory_sink back;
    result.unpacked =
        runs([&] { convert::unpack(in, back, type, one); }, result) || result.unpacked;
  }
  return result;
}

}  // namespace any_bytes
