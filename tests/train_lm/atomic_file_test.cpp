// SPDX-License-Identifier: Apache-2.0
// A write replaces the whole file, and one that fails leaves what was there and nothing beside it.
#include "train_lm/atomic_file.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "train_lm/temporary_folder.hpp"

using namespace train_lm;

TEST_CASE("train_lm: write_atomically replaces a file, and read_file gives its bytes") {
  check::temporary_folder const folder;
  std::string const path = folder.path() + "/file";
  std::string const bytes{"a\0b\xff", 4};
  write_atomically(path, bytes);
  CHECK(read_file(path) == bytes);
  write_atomically(path, "");
  CHECK(read_file(path).empty());
  auto const mode = std::filesystem::status(path).permissions();
  CHECK((mode & std::filesystem::perms::owner_read) != std::filesystem::perms::none);
  CHECK((mode & std::filesystem::perms::owner_exec) == std::filesystem::perms::none);
  CHECK(folder.entries() == 1);
}

TEST_CASE("train_lm: a write that cannot succeed changes nothing") {
  check::temporary_folder const folder;
  std::string const taken = folder.path() + "/taken";
  std::filesystem::create_directory(taken);
  write_atomically(taken + "/inside", "kept");
  CHECK_THROWS_AS(write_atomically(taken, "bytes"), std::runtime_error);  // a folder has the name
  CHECK(read_file(taken + "/inside") == "kept");
  CHECK(folder.entries() == 1);
  CHECK_THROWS_AS(write_atomically(folder.path() + "/no/such/folder/file", "x"), std::system_error);
  CHECK_THROWS_AS(require_writable(folder.path() + "/no/such/folder/file"), std::system_error);
  CHECK_THROWS_AS(require_writable(taken), std::runtime_error);
  CHECK_THROWS_AS(require_folder(taken + "/inside/more"), std::runtime_error);
  require_folder(taken + "/deep/er");
  require_writable(taken + "/deep/er/file");
  CHECK(std::filesystem::is_empty(taken + "/deep/er"));
  CHECK_THROWS_AS(read_file(folder.path() + "/nothing"), std::runtime_error);
  CHECK_THROWS_AS(read_file(taken), std::runtime_error);
  CHECK_THROWS_AS(read_file("/dev/zero", std::size_t{1} << 21), std::runtime_error);
}

TEST_CASE("train_lm: a device is not replaced, and a link keeps leading where it led") {
  for (char const* const path : {"/dev/null", "/dev/full"}) {
    CHECK_THROWS_AS(require_writable(path), std::runtime_error);
    CHECK_THROWS_AS(write_atomically(path, "bytes"), std::runtime_error);
    CHECK(std::filesystem::is_character_file(path));
  }
  check::temporary_folder const folder;
  std::string const link = folder.path() + "/link", there = folder.path() + "/there";
  write_atomically(there, "old");
  std::filesystem::create_symlink("there", link);
  write_atomically(link, "new");
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read_file(there) == "new");
}

TEST_CASE("train_lm: room taken ahead is used by a commit and given back without one") {
  check::temporary_folder const folder;
  std::string const path = folder.path() + "/file";
  write_atomically(path, "old");
  {
    atomic_file const unused{path, 1000};
    CHECK(folder.entries() == 2);
  }
  CHECK(folder.entries() == 1);
  CHECK(read_file(path) == "old");
  atomic_file next{path, 1000};
  next.write_at(0, "new");
  next.commit();
  CHECK(read_file(path) == "new");  // and no room behind it
  CHECK(folder.entries() == 1);
  CHECK_THROWS_AS((atomic_file{path, std::uint64_t{1} << 62}), std::system_error);
  CHECK(folder.entries() == 1);
}
