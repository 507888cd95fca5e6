// SPDX-License-Identifier: Apache-2.0
// The files that ml_dtypes_check.py reads: every bf16 and fp16 pattern's code in each format.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "exact.hpp"
#include "formats.hpp"

namespace oracle {

inline constexpr std::array<std::string_view, 2> dump_sources{"bf16", "fp16"};
inline constexpr std::array<std::string_view, 7> dump_targets{"e2m1", "e2m3", "e3m2", "e4m3",
                                                              "e5m2", "e8m0", "ue5m3"};

/// The binary32 pattern with the value of a 16-bit pattern of a source; NaN gives a NaN.
inline std::uint32_t widen(std::string_view source, std::uint32_t pattern) {
  if (source == "bf16")
    return pattern << 16;
  number const value = table_of(fp16).decode(pattern);
  if (value.type == kind::nan)
    return quiet_nan_bits;
  std::uint32_t const sign = value.value.negative ? sign_mask : 0;
  return value.type == kind::infinite ? sign | infinity_bits : round_to_binary32(value.value);
}

/// Writes <folder>/<source>_to_<target>.bin: 65536 bytes, byte i the code of source pattern i as
/// encode(source, target, pattern) gives it, by the format's own rule (e8m0 upward, others nearest
/// even; saturating).
/// errors: false if a file cannot be written.
template <class Encode>
bool write_conversion_dump(std::string const& folder, Encode encode) {
  for (std::string_view const source : dump_sources) {
    for (std::string_view const target : dump_targets) {
      std::vector<std::uint8_t> bytes(65536);
      for (std::uint32_t pattern = 0; pattern != 65536; ++pattern) {
        bytes[pattern] = static_cast<std::uint8_t>(encode(source, target, pattern));
      }
      std::string const path =
          folder + "/" + std::string(source) + "_to_" + std::string(target) + ".bin";
      std::FILE* const file = std::fopen(path.c_str(), "wb");
      if (file == nullptr)
        return false;
      bool const written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
      if ((std::fclose(file) == 0 && written) == false)
        return false;
    }
  }
  return true;
}

}  // namespace oracle
