// SPDX-License-Identifier: Apache-2.0
// Checkpoints on both sides of a conversion: a header that is known before any tensor is, and tensors
// that pass through memory one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "convert/files.hpp"

namespace convert {

/// A checkpoint to read.
class checkpoint {
 public:
  /// errors  train_lm::safetensors_error for what is no well-formed file.
  explicit checkpoint(source const& from) : from_{from} {
    std::string start(std::min<std::uint64_t>(8, from.size()), '\0');
    from.read(0, start.data(), start.size());
    std::string header(train_lm::header_size_of(start, from.size()), '\0');
    from.read(8, header.data(), header.size());
    data_ = 8 + header.size();
    layout_ = train_lm::parse_layout(header, from.size() - data_);
  }

  [[nodiscard]] train_lm::tensor_layout const& layout() const { return layout_; }
  [[nodiscard]] train_lm::tensor_place const* find(std::string const& name) const {
    auto const found = layout_.tensors.find(name);
    return found == layout_.tensors.end() ? nullptr : &found->second;
  }
  /// The names in the order in which the tensors lie.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (auto const& [name, place] : layout_.tensors) result.push_back(name);
    std::stable_sort(result.begin(), result.end(), [&](auto const& a, auto const& b) {
      return layout_.tensors.at(a).begin < layout_.tensors.at(b).begin;
    });
    return result;
  }
  /// The elements of a tensor; the caller has checked that T is their type.
  template <class T>
  [[nodiscard]] std::vector<T> elements(train_lm::tensor_place const& place) const {
    std::vector<T> result((place.end - place.begin) / sizeof(T));
    read(place, 0, reinterpret_cast<char*>(result.data()), result.size() * sizeof(T));
    return result;
  }
  void read(train_lm::tensor_place const& place, std::uint64_t offset, char* to,
            std::uint64_t count) const {
    from_.read(data_ + place.begin + offset, to, count);
  }

 private:
  source const& from_;
  std::uint64_t data_ = 0;
  train_lm::tensor_layout layout_;
};

/// A checkpoint to write: first the shapes of all its tensors, then their bytes in any order.
class new_checkpoint {
 public:
  /// errors  train_lm::safetensors_error for a name that is taken.
  void add(std::string const& name, std::string dtype, std::vector<std::uint64_t> shape) {
    std::uint64_t size = *train_lm::element_size(dtype);
    for (std::uint64_t const extent : shape) size *= extent;
    bool const is_new =
        layout_.tensors
            .emplace(name, train_lm::tensor_place{std::move(dtype), std::move(shape), 0, size})
            .second;
    if (!is_new) throw train_lm::safetensors_error("two tensors would be named " + name);
  }
  void describe(std::string const& key, std::string value) {
    layout_.metadata[key] = std::move(value);
  }

  /// Places the tensors and writes the header.
  /// rule    the widest elements first, so that each tensor is aligned, as PyTorch needs it; then by
  ///         name.
  void begin(sink& to) {
    std::vector<std::tuple<std::uint64_t, std::string, train_lm::tensor_place*>> order;
    for (auto& [name, place] : layout_.tensors)
      order.emplace_back(8 - *train_lm::element_size(place.dtype), name, &place);
    std::sort(order.begin(), order.end());
    std::uint64_t at = 0;
    for (auto& [width, name, place] : order) {
      std::uint64_t const size = place->end;
      place->begin = std::exchange(at, at + size);
      place->end = at;
    }
    std::string const header = train_lm::format_layout(layout_);
    to.write(0, header);
    data_ = header.size();
    to_ = &to;
  }
  void write(std::string const& name, std::uint64_t offset, std::string_view bytes) {
    to_->write(data_ + layout_.tensors.at(name).begin + offset, bytes);
  }
  template <class T>
  void write(std::string const& name, std::vector<T> const& elements) {
    write(name, 0, {reinterpret_cast<char const*>(elements.data()), elements.size() * sizeof(T)});
  }

 private:
  train_lm::tensor_layout layout_;
  std::uint64_t data_ = 0;
  sink* to_ = nullptr;
};

/// Copies a tensor, a piece at a time.
inline void copy_tensor(checkpoint const& from, std::string const& name, new_checkpoint& to) {
  train_lm::tensor_place const& place = *from.find(name);
  std::string piece(std::min<std::uint64_t>(place.end - place.begin, 1 << 22), '\0');
  for (std::uint64_t at = 0; at < place.end - place.begin; at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), place.end - place.begin - at));
    from.read(place, at, piece.data(), piece.size());
    to.write(name, at, piece);
  }
}

}  // namespace convert
