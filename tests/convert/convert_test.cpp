// SPDX-License-Identifier: Apache-2.0
// nibble-convert in memory: the bytes it writes, the way back, and the files that it must refuse.
#include <doctest/doctest.h>

#include "convert/any_bytes.hpp"
#include "train_lm/counter_random.hpp"

using namespace convert;

namespace {

/// A checkpoint with what checkpoints have: weights of three types, an embedding, a norm, a bias.
std::string small_checkpoint() {
  train_lm::tensor_file file;
  file.metadata = {{"format", "pt"}, {"note", "\xc3\xa9"}};
  auto const fill = [&](std::string const& name, std::string const& dtype, std::uint64_t rows,
                        std::uint64_t columns) {
    std::string bytes;
    for (std::uint64_t i = 0; i < rows * columns; ++i) {
      float const value = static_cast<float>((i * 2654435761u >> 7) % 2001) / 500 - 2;
      auto const append = [&](auto number) {
        bytes.append(reinterpret_cast<char const*>(&number), sizeof number);
      };
      dtype == "F32"    ? append(value)
      : dtype == "BF16" ? append(nibble::bf16(value))
                        : append(nibble::fp16(value));
    }
    file.tensors[name] = {dtype, {rows, columns}, bytes};
  };
  fill("a.weight", "F32", 3, 32);
  fill("b.weight", "BF16", 5, 16);
  fill("c.weight", "F16", 2, 48);
  fill("embed.weight", "F32", 4, 16);
  fill("odd.weight", "F32", 4, 15);
  file.tensors["a.bias"] = {"F16", {3}, "abcdef"};
  file.tensors["nothing.weight"] = {"F32", {0, 16}, ""};
  return train_lm::format_safetensors(file);
}

std::string packed(std::string const& bytes, convention names) {
  memory_source const in{bytes};
  memory_sink out;
  pack(in, out, {names});
  return out.bytes();
}

std::string unpacked(std::string const& bytes, std::string const& dtype) {
  memory_source const in{bytes};
  memory_sink out;
  unpack(in, out, dtype);
  return out.bytes();
}

template <class T>
std::vector<T> elements(train_lm::tensor const& tensor) {
  std::vector<T> result(tensor.bytes.size() / sizeof(T));
  std::memcpy(static_cast<void*>(result.data()), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

std::string said_of(std::string const& bytes, bool back) {
  try {
    memory_source const in{bytes};
    memory_sink out;
    back ? unpack(in, out, "F32") : pack(in, out, {});
  } catch (std::runtime_error const& refusal) {
    return refusal.what();
  }
  return "";
}

std::string file_of(std::string const& header, std::string const& data = "") {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

}  // namespace

TEST_CASE("convert: a layer becomes codes, scales and an outer scale by each convention's names") {
  auto const before = train_lm::parse_safetensors(small_checkpoint());
  auto const mo = train_lm::parse_safetensors(packed(small_checkpoint(), convention::modelopt));
  CHECK(mo.tensors.at("a.weight").dtype == "U8");
  CHECK(mo.tensors.at("a.weight").shape == std::vector<std::uint64_t>{3, 16});
  CHECK(mo.tensors.at("a.weight_scale").shape == std::vector<std::uint64_t>{3, 2});
  CHECK(mo.tensors.at("a.weight_scale_2").shape.empty());
  CHECK(mo.metadata == before.metadata);
  auto const ct =
      train_lm::parse_safetensors(packed(small_checkpoint(), convention::compressed_tensors));
  CHECK(ct.tensors.at("b.weight_packed").shape == std::vector<std::uint64_t>{5, 8});
  CHECK(ct.tensors.at("b.weight_global_scale").shape == std::vector<std::uint64_t>{1});
  CHECK(!ct.tensors.count("b.weight"));
  for (char const* const kept : {"embed.weight", "odd.weight", "a.bias", "nothing.weight"}) {
    CHECK(mo.tensors.at(kept).bytes == before.tensors.at(kept).bytes);
    CHECK(ct.tensors.at(kept).dtype == before.tensors.at(kept).dtype);
  }
}

TEST_CASE("convert: codes and scales are the library's own, weights of each type") {
  auto const before = train_lm::parse_safetensors(small_checkpoint());
  auto const ct =
      train_lm::parse_safetensors(packed(small_checkpoint(), convention::compressed_tensors));
  auto values = elements<nibble::fp16>(before.tensors.at("c.weight"));
  auto const view =
      *nibble::make_matrix_view(cuda::std::span<nibble::fp16>(values.data(), values.size()), 2, 48);
  auto const expected =
      nibble::quantized(view, nibble::interop::compressed_tensors::weights<nibble::fp16>{});
  CHECK(elements<std::uint8_t>(ct.tensors.at("c.weight_packed")) == expected.code_bytes());
  CHECK(elements<nibble::fp8_e4m3>(ct.tensors.at("c.weight_scale")) == expected.scales());
  CHECK(elements<float>(ct.tensors.at("c.weight_global_scale"))[0] ==
        nibble::interop::compressed_tensors::weight_global_scale<nibble::fp16>({expected.amax()[0]})
            .value);
}

TEST_CASE(
    "convert: the way back gives every tensor its name and shape, and values within half a step") {
  for (auto const names : {convention::modelopt, convention::compressed_tensors}) {
    std::string const once = packed(small_checkpoint(), names);
    auto const back = train_lm::parse_safetensors(unpacked(once, "F32"));
    auto const before = train_lm::parse_safetensors(small_checkpoint());
    auto const a = elements<float>(before.tensors.at("a.weight")),
               b = elements<float>(back.tensors.at("a.weight"));
    REQUIRE(a.size() == b.size());
    // Half the widest gap of e2m1, under a block scale of at most amax / 6.
    for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(std::fabs(a[i] - b[i]) <= 2.0f / 6 * 1.07f);
    for (auto const& [name, tensor] : before.tensors)
      CHECK(back.tensors.at(name).shape == tensor.shape);
  }
}

TEST_CASE("convert: every tensor lies where its type is aligned") {
  std::string const bytes = packed(small_checkpoint(), convention::modelopt);
  memory_source const in{bytes};
  checkpoint const file{in};
  for (auto const& named : file.layout().tensors)
    CHECK(named.second.begin % *train_lm::element_size(named.second.dtype) == 0);
}

TEST_CASE("convert: a truncated file is refused, at any length") {
  std::string const good = small_checkpoint(), quantized = packed(good, convention::modelopt);
  int accepted = 0;
  for (std::size_t size = 0; size < good.size(); ++size)
    accepted += said_of(good.substr(0, size), false).empty();
  for (std::size_t size = 0; size < quantized.size(); ++size)
    accepted += said_of(quantized.substr(0, size), true).empty();
  CHECK(accepted == 0);
}

TEST_CASE("convert: any one flipped bit is refused or gives a file, nothing else") {
  std::string const good = small_checkpoint();
  for (std::string const& bytes :
       {good, packed(good, convention::modelopt), packed(good, convention::compressed_tensors)}) {
    int refused = 0;
    std::string broken;
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += bit < 8 * 900 ? 2 : 61) {
      std::string changed = bytes;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
      auto const outcome = any_bytes::of(changed);
      refused += !outcome.packed && !outcome.unpacked;
      if (!outcome.broken.empty()) broken = outcome.broken;
    }
    CHECK(refused > 1000);
    CHECK(broken == "");
  }
}

TEST_CASE("convert: headers that lie are refused") {
  auto const one = [](std::string const& body) { return R"({"x.weight":{)" + body + "}}"; };
  std::string const zeros(64, '\0');
  std::string const lies[] = {
      "",                                 // no length at all
      std::string(8, '\xff') + "{}",      // a length of 2^64 - 1
      file_of("{}", "x"),                 // bytes that no tensor has
      file_of(std::string(100000, '[')),  // nested deep
      file_of(std::string(100000, '{')),
      file_of(R"({"x":)" + std::string(50000, '[') + std::string(50000, ']') + "}"),
      file_of(one(R"("dtype":"F32","shape":[1,16],"data_offsets":[0,64])")),  // outside
      file_of(one(R"("dtype":"F32","shape":[1,16],"data_offsets":[64,0])"), zeros),
      file_of(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,64])"), zeros),
      file_of(one(R"("dtype":"F32","shape":[18446744073709551615,16],"data_offsets":[0,64])"),
              zeros),
      file_of(one(R"("dtype":"F32","shape":[1,-16],"data_offsets":[0,64])"), zeros),
      file_of(R"({"a.weight":{"dtype":"F32","shape":[1,16],"data_offsets":[0,64]},)"
              R"("b.weight":{"dtype":"F32","shape":[1,16],"data_offsets":[0,64]}})",
              zeros),  // overlap
      file_of(R"({"a.weight":{"dtype":"F32","shape":[1,16],"data_offsets":[0,64]},)"
              R"("a.weight":{"dtype":"F32","shape":[1,16],"data_offsets":[0,64]}})",
              zeros),  // twice
  };
  for (std::string const& lie : lies) {
    CHECK(!said_of(lie, false).empty());
    CHECK(!said_of(lie, true).empty());
    CHECK(any_bytes::of(lie).broken.empty());
  }
}

TEST_CASE("convert: what cannot be quantized or read back says why") {
  auto file = train_lm::parse_safetensors(small_checkpoint());
  auto const with = [&](std::string const& name, train_lm::tensor const& tensor) {
    auto changed = file;
    changed.tensors[name] = tensor;
    return train_lm::format_safetensors(changed);
  };
  float values[16]{};
  values[3] = std::numeric_limits<float>::infinity();
  std::string bytes(reinterpret_cast<char const*>(values), sizeof values);
  CHECK(said_of(with("a.weight", {"F32", {1, 16}, bytes}), false).find("NaN or infinity") !=
        std::string::npos);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  bytes.assign(reinterpret_cast<char const*>(values), sizeof values);
  CHECK(said_of(with("a.weight", {"F32", {1, 16}, bytes}), false).find("a.weight") !=
        std::string::npos);
  CHECK(said_of(with("a.weight_scale", {"U8", {1}, "x"}), false).find("named a.weight_scale") !=
        std::string::npos);
  CHECK(said_of(small_checkpoint(), true) == "there is no NVFP4 weight");
  CHECK(said_of(train_lm::format_safetensors({}), false) == "there is no weight to quantize");

  file = train_lm::parse_safetensors(packed(small_checkpoint(), convention::modelopt));
  CHECK(said_of(with("a.weight_scale", {"F8_E4M3", {3, 2}, std::string(6, '\x7f')}), true)
            .find("NaN") != std::string::npos);
  CHECK(
      said_of(with("a.weight_scale_2", {"F32", {}, std::string(4, '\0')}), true).find("positive") !=
      std::string::npos);
  CHECK(said_of(with("a.weight_scale", {"F8_E4M3", {2, 2}, "abcd"}), true).find("do not fit") !=
        std::string::npos);
}
