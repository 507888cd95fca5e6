// SPDX-License-Identifier: Apache-2.0
// The safetensors file format: eight bytes of header length, a JSON header that names tensors,
// their bytes. The reader trusts nothing: any bytes either parse into tensors that fit or are
// refused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace train_lm {

/// What a damaged or foreign file gives; says what is wrong.
struct safetensors_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One named tensor, its elements little-endian and in row-major order.
struct tensor {
  std::string dtype;  ///< "F32", "U8", "F8_E4M3", ...
  std::vector<std::uint64_t> shape;
  std::string bytes;
};

/// The contents of a file.
struct tensor_file {
  std::map<std::string, tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// The bytes an element takes, or nothing for a type the format does not have.
inline std::optional<std::uint64_t> element_size(std::string_view dtype) {
  static constexpr std::pair<std::string_view, std::uint64_t> sizes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
  for (auto const& [name, size] : sizes) {
    if (name == dtype) return size;
  }
  return std::nullopt;
}

namespace safetensors_detail {

[[noreturn]] inline void refuse(std::string const& what) {
  throw safetensors_error("not a valid safetensors file: " + what);
}

/// A name for a message: in quotes, with everything but printable ASCII escaped, and U+FFFD for what
/// is no UTF-8.
inline std::string printable(std::string const& name) {
  return nlohmann::json(name).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

struct entry {
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

/// Receives the header piece by piece. A tree would come too late: it has already lost duplicate
/// keys. The deepest place that is allowed is a number in {"name": {"shape": [1]}}.
class header_reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::map<std::string, entry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(std::size_t) override {
    if (list_ != nullptr) refuse("an object within a list");
    if (depth_ == 1 && key_ == "__metadata__") {
      in_metadata_ = true;
    } else if (depth_ == 1) {
      current_ = &entries[key_];
    } else if (depth_ > 1) {
      refuse("nested too deep");
    }
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    in_metadata_ = false;
    current_ = nullptr;
    return true;
  }
  bool key(string_t& name) override {
    bool const is_new = in_metadata_  ? metadata.emplace(name, "").second
                        : depth_ == 1 ? names_.emplace(name, 0).second
                                      : true;
    if (!is_new) refuse("the key " + printable(name) + " appears twice");
    key_ = name;
    return true;
  }
  bool string(string_t& value) override {
    if (in_metadata_) {
      metadata[key_] = value;
    } else if (current_ != nullptr && list_ == nullptr && key_ == "dtype") {
      set_once(current_->dtype, value);
    } else {
      refuse("a string where none belongs");
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (current_ == nullptr || list_ != nullptr) refuse("a list where none belongs");
    if (key_ == "shape") {
      list_ = &set_once(current_->shape, {});
    } else if (key_ == "data_offsets") {
      list_ = &set_once(current_->offsets, {});
    } else {
      refuse("the unknown key " + printable(key_));
    }
    return true;
  }
  bool end_array() override {
    list_ = nullptr;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (list_ == nullptr) refuse("a number where none belongs");
    if (list_->size() == 8) refuse("a list of more than eight numbers");
    list_->push_back(value);
    return true;
  }
  bool null() override { refuse("a null"); }
  bool boolean(bool) override { refuse("a boolean"); }
  bool number_integer(number_integer_t) override { refuse("a negative number"); }
  bool number_float(number_float_t, string_t const&) override { refuse("a fraction"); }
  bool binary(binary_t&) override { refuse("binary data"); }
  bool parse_error(std::size_t at, std::string const&,
                   nlohmann::detail::exception const&) override {
    refuse("the header is not JSON in UTF-8, at byte " + std::to_string(at));
  }

 private:
  template <class Value>
  static Value& set_once(std::optional<Value>& target, Value value) {
    if (target) refuse("a key of a tensor appears twice");
    return target.emplace(std::move(value));
  }

  int depth_ = 0;
  bool in_metadata_ = false;
  std::string key_;
  std::map<std::string, int> names_;
  entry* current_ = nullptr;
  std::vector<std::uint64_t>* list_ = nullptr;
};

/// The bytes of a tensor, or a refusal where they do not fit 64 bits.
inline std::uint64_t checked_size(std::vector<std::uint64_t> const& shape, std::uint64_t element) {
  std::uint64_t size = element;
  for (std::uint64_t const extent : shape) {
    if (extent != 0 && size > std::numeric_limits<std::uint64_t>::max() / extent) {
      refuse("a shape is too large");
    }
    size *= extent;
  }
  return size;
}

}  // namespace safetensors_detail

/// Where a tensor lies: bytes [begin, end) of a file's data.
struct tensor_place {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

/// What a file's header says.
struct tensor_layout {
  std::map<std::string, tensor_place> tensors;
  std::map<std::string, std::string> metadata;
};

/// The size of the header, from the first bytes of a file.
/// errors  safetensors_error unless there are eight bytes, and a header of that size fits the file.
inline std::uint64_t header_size_of(std::string_view start, std::uint64_t file_size) {
  using namespace safetensors_detail;
  std::uint64_t size = 0;
  if (start.size() < 8) refuse("shorter than its length field");
  for (std::size_t i = 0; i < 8; ++i) {
    size |= std::uint64_t{static_cast<std::uint8_t>(start[i])} << 8 * i;
  }
  if (size > (100u << 20) || size > file_size - 8) refuse("the header is too long");
  return size;
}

/// Reads a header, so that the tensors can be read one at a time.
/// errors  safetensors_error, unless the tensors fill `data_size` bytes without overlap or gap.
inline tensor_layout parse_layout(std::string_view header, std::uint64_t data_size) {
  using namespace safetensors_detail;
  if (header.empty() || header.front() != '{') refuse("the header is not a JSON object");
  header_reader reader;
  nlohmann::json::sax_parse(header.begin(), header.end(), &reader);

  tensor_layout layout;
  layout.metadata = std::move(reader.metadata);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (auto& [name, each] : reader.entries) {
    if (!each.dtype || !each.shape || !each.offsets)
      refuse("the tensor " + printable(name) + " lacks a key");
    auto const element = element_size(*each.dtype);
    if (!element) refuse("the tensor " + printable(name) + " has an unknown type");
    if (each.offsets->size() != 2)
      refuse("the tensor " + printable(name) + " has no begin and end");
    std::uint64_t const begin = each.offsets->front(), end = each.offsets->back();
    if (begin > end || end > data_size)
      refuse("the tensor " + printable(name) + " is outside the file");
    if (end - begin != checked_size(*each.shape, *element)) {
      refuse("the tensor " + printable(name) + " has a shape that does not fit its bytes");
    }
    ranges.emplace_back(begin, end);
    layout.tensors[name] = {std::move(*each.dtype), std::move(*each.shape), begin, end};
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t covered = 0;
  for (auto const& [begin, end] : ranges) {
    if (begin != covered) refuse("tensors overlap or leave a gap");
    covered = end;
  }
  if (covered != data_size) refuse("bytes follow the last tensor");
  return layout;
}

/// Reads a file's bytes.
/// errors  safetensors_error, for anything but a well-formed file whose tensors fill it without
///         overlap or gap; memory use is bounded by the size of the input.
inline tensor_file parse_safetensors(std::string_view bytes) {
  std::uint64_t const header_size = header_size_of(bytes, bytes.size());
  std::string_view const data = bytes.substr(8 + header_size);
  tensor_layout layout = parse_layout(bytes.substr(8, header_size), data.size());
  tensor_file file;
  file.metadata = std::move(layout.metadata);
  for (auto& [name, each] : layout.tensors) {
    file.tensors[name] = {std::move(each.dtype), std::move(each.shape),
                          std::string{data.substr(each.begin, each.end - each.begin)}};
  }
  return file;
}

/// The bytes of a file in front of its data.
/// errors  safetensors_error where a tensor's place does not fit its type and shape, or a name is
///         taken by the format.
inline std::string format_layout(tensor_layout const& layout) {
  using namespace safetensors_detail;
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!layout.metadata.empty()) header["__metadata__"] = layout.metadata;
  for (auto const& [name, each] : layout.tensors) {
    auto const element = element_size(each.dtype);
    if (name == "__metadata__" || !element || each.shape.size() > 8 ||
        each.end - each.begin != checked_size(each.shape, *element)) {
      throw safetensors_error("cannot store the tensor " + printable(name));
    }
    header[name] = {
        {"dtype", each.dtype}, {"shape", each.shape}, {"data_offsets", {each.begin, each.end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (nlohmann::json::type_error const&) {
    throw safetensors_error("cannot store a name or metadata that is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data then begins at a multiple of eight
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(text.size() >> (8 * i) & 0xff);
  return bytes + text;
}

/// The bytes of a file, tensors in the order of their names.
/// errors  as format_layout.
inline std::string format_safetensors(tensor_file const& file) {
  tensor_layout layout{{}, file.metadata};
  std::string data;
  for (auto const& [name, each] : file.tensors) {
    layout.tensors[name] = {each.dtype, each.shape, data.size(), data.size() + each.bytes.size()};
    data += each.bytes;
  }
  return format_layout(layout) + data;
}

}  // namespace train_lm
