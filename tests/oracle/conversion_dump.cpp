// SPDX-License-Identifier: Apache-2.0
// Writes the witness's own conversion dump, so that ml_dtypes judges it too.
#include "oracle/conversion_dump.hpp"

#include <cstdint>
#include <cstdio>
#include <string_view>

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: conversion_dump FOLDER\n", stderr);
    return 2;
  }
  auto const encode = [](std::string_view source, std::string_view target, std::uint32_t pattern) {
    for (oracle::format const& which : oracle::all_formats) {
      if (which.name != target)
        continue;
      return oracle::table_of(which).convert(oracle::from_binary32(oracle::widen(source, pattern)));
    }
    return ~0U;
  };
  if (oracle::write_conversion_dump(arguments[1], encode))
    return 0;
  std::fputs("conversion_dump: cannot write there\n", stderr);
  return 1;
}
