// SPDX-License-Identifier: Apache-2.0
// Writes files so that a crash, a full disk or a second Ctrl-C leaves either the old file or the
// new one, never half of one.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace train_lm {

namespace atomic_file_detail {

/// The path itself, or what a link there leads to: the link stays.
/// errors  std::runtime_error for what a file must not replace, a folder or a device.
inline std::string destination_of(std::string const& path) {
  std::error_code failure;
  auto const status = std::filesystem::status(path, failure);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw std::runtime_error("cannot write " + path + ": it is " +
                             (std::filesystem::is_directory(status) ? "a folder" : "not a file"));
  bool const is_link = std::filesystem::is_symlink(std::filesystem::symlink_status(path, failure));
  return is_link && std::filesystem::exists(status) ? std::filesystem::canonical(path).string()
                                                    : path;
}

}  // namespace atomic_file_detail

/// A file that takes another's place at once, when all of it is written; nothing is left of it
/// unless it was.
class atomic_file {
 public:
  /// Takes the disk space for `room` bytes at once, so that they can be written later, however full
  /// the disk is by then.
  /// errors  std::runtime_error for a path that no file can have, or where there is no room.
  explicit atomic_file(std::string const& asked, std::uint64_t room = 0)
      : path_{atomic_file_detail::destination_of(asked)}, temporary_{path_ + ".XXXXXX"} {
    file_ = ::mkstemp(temporary_.data());
    if (file_ < 0) fail("write");
    if (room == 0) return;
    do errno = ::posix_fallocate(file_, 0, static_cast<::off_t>(room));
    while (errno == EINTR);
    if (int const refusal = errno; refusal != 0) {
      drop();
      errno = refusal;
      fail("reserve " + std::to_string(room) + " bytes for");
    }
  }
  atomic_file(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file const&) = delete;
  ~atomic_file() { drop(); }

  /// Writes bytes at a place; places may come in any order.
  /// errors  std::system_error.
  void write_at(std::uint64_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
      ::ssize_t const written =
          ::pwrite(file_, bytes.data(), bytes.size(), static_cast<::off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write");
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
      end_ = std::max(end_, offset);
    }
  }

  /// Flushes the file to the disk and lets it replace the one at the path.
  /// errors  std::system_error; the file at the path is then what it was.
  void commit() {
    if (::ftruncate(file_, static_cast<::off_t>(end_)) != 0) fail("write");  // room that is left
    mode_t const mask = ::umask(0);  // mkstemp gives 0600; a result is as readable as other files
    ::umask(mask);
    if (::fchmod(file_, 0666 & ~mask) != 0) fail("set the mode of");
    if (::fsync(file_) != 0) fail("flush");
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("replace");
    ::close(std::exchange(file_, -1));
    // The new name is on the disk only once its directory is.
    std::size_t const slash = path_.rfind('/');
    std::string const folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    int const directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (directory >= 0) {
      ::fsync(directory);
      ::close(directory);
    }
  }

 private:
  [[noreturn]] void fail(std::string const& what) const {
    throw std::system_error(errno, std::generic_category(), "cannot " + what + " " + path_);
  }
  void drop() {
    if (file_ < 0) return;
    ::close(std::exchange(file_, -1));
    ::unlink(temporary_.c_str());
  }

  std::string path_, temporary_;
  int file_ = -1;
  std::uint64_t end_ = 0;  // of what was written
};

/// Replaces the file at path by one with these bytes: a temporary file beside it is written,
/// flushed to the disk and renamed.
/// errors  std::runtime_error (std::system_error where the system refuses); the file at path is
///         then what it was.
inline void write_atomically(std::string const& path, std::string_view bytes) {
  atomic_file file{path};
  file.write_at(0, bytes);
  file.commit();
}

/// errors  std::runtime_error unless write_atomically could begin; leaves nothing behind.
inline void require_writable(std::string const& path) { atomic_file const trial{path}; }

/// Makes a folder, and those above it, where there is none.
/// errors  std::runtime_error if it cannot be made.
inline void require_folder(std::string const& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) return;
  throw std::runtime_error("cannot make the folder " + path +
                           (failure ? ": " + failure.message() : ""));
}

/// The bytes of a file.
/// errors  std::runtime_error if it cannot be read, or has more than `most` bytes, as /dev/zero has.
inline std::string read_file(std::string const& path, std::size_t most = std::size_t{1} << 32) {
  try {
    std::ifstream file{path, std::ios::binary};
    std::string bytes;
    std::string part(std::size_t{1} << 20, '\0');
    while (file.read(part.data(), static_cast<std::streamsize>(part.size())) || file.gcount() > 0) {
      bytes.append(part, 0, static_cast<std::size_t>(file.gcount()));
      if (bytes.size() > most)
        throw std::runtime_error("cannot read " + path + ": it has more than " +
                                 std::to_string(most) + " bytes");
    }
    if (file.is_open() && !file.bad()) return bytes;
  } catch (std::ios_base::failure const&) {  // a folder, for one
  }
  throw std::runtime_error("cannot read " + path);
}

}  // namespace train_lm
