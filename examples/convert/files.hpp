// SPDX-License-Identifier: Apache-2.0
// Where a conversion reads and writes: files too large for memory, or strings.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "train_lm/atomic_file.hpp"
#include "train_lm/safetensors.hpp"

namespace convert {

/// Bytes that can be read at any place.
class source {
 public:
  source() = default;
  source(source const&) = delete;
  source& operator=(source const&) = delete;
  virtual ~source() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// errors  std::runtime_error unless there are that many bytes.
  virtual void read(std::uint64_t offset, char* to, std::uint64_t count) const = 0;
};

/// A file, read where it lies. Not mapped: a file that shrinks meanwhile is then an error, no crash.
class file_source final : public source {
 public:
  /// errors  std::runtime_error unless it is a file that can be read.
  explicit file_source(std::string path) : path_{std::move(path)} {
    file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), "cannot read " + path_);
    struct stat status {};
    if (::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(file_);
      throw std::runtime_error("cannot read " + path_ + ": it is not a file");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~file_source() override { ::close(file_); }

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, char* to, std::uint64_t count) const override {
    while (count > 0) {
      ::ssize_t const got = ::pread(file_, to, count, static_cast<::off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw std::system_error(errno, std::generic_category(), "cannot read " + path_);
      if (got == 0) throw std::runtime_error("cannot read " + path_ + ": it became shorter");
      offset += static_cast<std::uint64_t>(got);
      to += got;
      count -= static_cast<std::uint64_t>(got);
    }
  }

 private:
  std::string path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
};

/// Bytes in memory.
class memory_source final : public source {
 public:
  explicit memory_source(std::string_view bytes) : bytes_{bytes} {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  void read(std::uint64_t offset, char* to, std::uint64_t count) const override {
    if (offset > bytes_.size() || count > bytes_.size() - offset)
      throw std::runtime_error("cannot read beyond the end");
    std::copy_n(bytes_.data() + offset, count, to);
  }

 private:
  std::string_view bytes_;
};

/// Where results go, places in any order.
class sink {
 public:
  sink() = default;
  sink(sink const&) = delete;
  sink& operator=(sink const&) = delete;
  virtual ~sink() = default;
  virtual void write(std::uint64_t offset, std::string_view bytes) = 0;
};

class file_sink final : public sink {
 public:
  explicit file_sink(std::string const& path) : file_{path} {}
  void write(std::uint64_t offset, std::string_view bytes) override {
    file_.write_at(offset, bytes);
  }
  void commit() { file_.commit(); }

 private:
  train_lm::atomic_file file_;
};

class memory_sink final : public sink {
 public:
  void write(std::uint64_t offset, std::string_view bytes) override {
    if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
    bytes_.replace(offset, bytes.size(), bytes);
  }
  [[nodiscard]] std::string const& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace convert
