// SPDX-License-Identifier: Apache-2.0
// Finds something to read: the file asked for, else the King James Bible where Debian's bible-kjv
// is installed, else this repository's own sources.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "train_lm/atomic_file.hpp"

namespace train_lm {

struct corpus {
  std::string bytes;
  std::string origin;  ///< for people
};

/// What a shell command prints; empty if it fails.
inline std::string output_of(char const* command) {
  std::string bytes;
  std::FILE* const pipe = ::popen(command, "r");
  if (pipe == nullptr) return {};
  char part[1 << 16];
  for (std::size_t size; (size = std::fread(part, 1, sizeof part, pipe)) > 0;)
    bytes.append(part, size);
  return ::pclose(pipe) == 0 ? bytes : "";
}

/// All headers and Markdown below a folder, in the order of their paths.
inline std::string sources_below(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (char const* const part : {"include", "examples", "tests"}) {
    std::filesystem::recursive_directory_iterator const below{folder / part, ignored};
    for (auto const& entry : below) {
      auto const ending = entry.path().extension();
      if (ending == ".hpp" || ending == ".md" || ending == ".cpp") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::string bytes;
  for (auto const& file : files) bytes += read_file(file.string());
  return bytes;
}

/// errors  std::runtime_error if the file cannot be read, or nothing at all is found.
inline corpus find_corpus(std::string const& file, std::filesystem::path const& repository) {
  if (!file.empty()) return {read_file(file), file};
  if (std::string bible = output_of("bible -f gen1:1-rev22:21 2>/dev/null </dev/null");
      bible.size() > 1'000'000) {
    return {std::move(bible), "the King James Bible, as Debian's bible-kjv prints it"};
  }
  if (std::string own = sources_below(repository); !own.empty())
    return {std::move(own), "this repository's own sources (bible-kjv is not installed)"};
  throw std::runtime_error("found no text to train on; give one with --text FILE");
}

}  // namespace train_lm
