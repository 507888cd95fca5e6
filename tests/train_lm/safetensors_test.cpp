// SPDX-License-Identifier: Apache-2.0
// The format round trip, and the files that must be refused: each of them one lie away from a good
// one.
#include "train_lm/safetensors.hpp"

#include <doctest/doctest.h>

#include "train_lm/counter_random.hpp"

using namespace train_lm;

namespace {
std::string file_of(std::string const& header, std::string const& data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  }
  return bytes + header + data;
}

/// Whether the reader refuses the bytes, with its own error and no other.
bool refused(std::string const& bytes) {
  try {
    parse_safetensors(bytes);
  } catch (safetensors_error const&) {
    return true;
  }
  return false;
}

bool refused(std::string const& header, std::string const& data) {
  return refused(file_of(header, data));
}

std::string one_tensor(std::string const& body) { return R"({"a":{)" + body + "}}"; }

char const* const good = R"("dtype":"F32","shape":[2,1],"data_offsets":[0,8])";
std::string const eight = "12345678";
}  // namespace

TEST_CASE("train_lm: safetensors come back as they were written") {
  tensor_file file;
  file.metadata = {{"recipe", "nvfp4"}, {"note", "quotes \" and \n and \xc3\xa9"}};
  file.tensors["weight"] = {"F32", {2, 3}, std::string(24, 'w')};
  file.tensors["codes"] = {"U8", {5}, {"\0\1\2\3\4", 5}};
  file.tensors["scales"] = {"F8_E4M3", {2, 2}, "abcd"};
  file.tensors["empty"] = {"F32", {0, 7}, ""};
  file.tensors["scalar"] = {"F64", {}, eight};
  tensor_file const back = parse_safetensors(format_safetensors(file));
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.tensors.size() == 5);
  for (auto const& named : file.tensors) {
    CAPTURE(named.first);
    tensor const& same = back.tensors.at(named.first);
    CHECK(same.dtype == named.second.dtype);
    CHECK(same.shape == named.second.shape);
    CHECK(same.bytes == named.second.bytes);
  }
  CHECK(parse_safetensors(format_safetensors({})).tensors.empty());
}

TEST_CASE("train_lm: a safetensors file made by hand is read") {
  tensor_file const file = parse_safetensors(
      file_of(R"({"__metadata__":{"k":"v"},"b":{"data_offsets":[8,10],"shape":[2],"dtype":"U8"},)"
              R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}  )",
              eight + "xy"));
  CHECK(file.metadata.at("k") == "v");
  CHECK(file.tensors.at("a").bytes == eight);
  CHECK(file.tensors.at("b").bytes == "xy");
  CHECK_FALSE(refused(one_tensor(good), eight));  // the pattern of the lies below is true
}

TEST_CASE("train_lm: a safetensors length that lies is refused") {
  CHECK(refused(""));
  CHECK(refused("1234567"));
  CHECK(refused(std::string(8, '\0')));
  CHECK(refused(std::string(8, '\xff') + "{}"));
  std::string const valid = file_of(one_tensor(good), eight);
  for (std::size_t size = 0; size < valid.size(); ++size) {
    CAPTURE(size);
    CHECK(refused(valid.substr(0, size)));
  }
  CHECK(refused(valid + "9"));
}

TEST_CASE("train_lm: a safetensors header that is not such a header is refused") {
  for (char const* const header : {"[]",
                                   "1",
                                   "\"a\"",
                                   "null",
                                   " {}",
                                   "{",
                                   "{}}",
                                   "{} x",
                                   "{\"a\":1}",
                                   "{\"a\":null}",
                                   "{\"a\":true}",
                                   "{\"a\":\"b\"}",
                                   "{\"a\":[]}",
                                   "{\"a\":{}}",
                                   "{\"a\":{\"b\":{}}}",
                                   "{\"__metadata__\":1}",
                                   "{\"__metadata__\":[]}",
                                   "{\"__metadata__\":{\"a\":1}}",
                                   "{\"__metadata__\":{\"a\":{}}}",
                                   "{\"__metadata__\":{\"a\":[]}}"}) {
    CAPTURE(header);
    CHECK(refused(header, ""));
  }
  CHECK_FALSE(refused("{}", ""));
  CHECK(refused("{}", "x"));
  CHECK(refused(std::string(200'000, '['), ""));
  CHECK(refused("{\"a\":" + std::string(200'000, '['), ""));
  std::string nested;
  for (int i = 0; i < 100'000; ++i) {
    nested += "{\"a\":";
  }
  CHECK(refused(nested, ""));
  CHECK(refused("{\"\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", ""));
  CHECK(refused("{\"__metadata__\":{\"a\":\"\xc3\x28\"}}", ""));
}

TEST_CASE("train_lm: a safetensors key that appears twice is refused") {
  std::string const tensor = std::string{"{"} + good + "}";
  CHECK(refused("{\"a\":" + tensor + ",\"a\":" + tensor + "}", eight));
  CHECK(refused(R"({"__metadata__":{"k":"1","k":"2"}})", ""));
  CHECK(refused(R"({"__metadata__":{},"__metadata__":{}})", ""));
  CHECK(refused(one_tensor(std::string{good} + R"(,"dtype":"F32")"), eight));
  CHECK(refused(one_tensor(std::string{good} + R"(,"shape":[2,1])"), eight));
  CHECK(refused(one_tensor(std::string{good} + R"(,"data_offsets":[0,8])"), eight));
}

TEST_CASE("train_lm: a safetensors tensor that does not fit its bytes is refused") {
  for (char const* const body : {
           R"("dtype":"F32","shape":[2,1])",
           R"("dtype":"F32","data_offsets":[0,8])",
           R"("shape":[2,1],"data_offsets":[0,8])",
           R"("dtype":"F31","shape":[2,1],"data_offsets":[0,8])",
           R"("dtype":"f32","shape":[2,1],"data_offsets":[0,8])",
           R"("dtype":1,"shape":[2,1],"data_offsets":[0,8])",
           R"("dtype":["F32"],"shape":[2,1],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":2,"data_offsets":[0,8])",
           R"("dtype":"F32","shape":"2","data_offsets":[0,8])",
           R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[{}],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[3],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[1],"data_offsets":[0,8])",
           R"("dtype":"F64","shape":[2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2e0],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[2,1,1,1,1,1,1,1,1],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8])",
           R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])",
           R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,0])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[0])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[0,8,8])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[8,0])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[4,12])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[18446744073709551612,4])",
           R"("dtype":"F32","shape":[1],"data_offsets":[0,4])",
           R"("dtype":"F32","shape":[1],"data_offsets":[4,8])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[0,8],"extra":1)",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[0,8],"extra":[])",
           R"("dtype":"F32","shape":[2,1],"data_offsets":[0,8],"extra":"x")",
       }) {
    CAPTURE(body);
    CHECK(refused(one_tensor(body), eight));
  }
}

TEST_CASE("train_lm: safetensors that overlap or leave a gap are refused") {
  auto const two = [](char const* first, char const* second) {
    return std::string{R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)"} + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  CHECK_FALSE(refused(two("[0,4]", "[4,8]"), eight));
  CHECK_FALSE(refused(two("[4,8]", "[0,4]"), eight));
  CHECK(refused(two("[0,4]", "[0,4]"), eight));
  CHECK(refused(two("[0,4]", "[3,7]"), eight));
  CHECK(refused(two("[0,4]", "[5,9]"), eight + "9"));
  CHECK(refused(two("[1,5]", "[5,9]"), eight + "9"));
}

TEST_CASE(
    "train_lm: no change of bytes makes the safetensors reader do anything but read or refuse") {
  std::string const valid = file_of(
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
      eight);
  int refusals = 0;
  for (std::uint64_t round = 0; round < 20'000; ++round) {
    std::string bytes = valid;
    for (std::uint64_t i = 0; i <= round % 3; ++i) {
      std::uint64_t const bits = random_bits(1, round, i);
      bytes[(bits >> 8) % bytes.size()] = static_cast<char>(bits & 0xff);
    }
    refusals += refused(bytes);
  }
  CHECK(refusals > 15'000);
}

TEST_CASE("train_lm: a tensor whose bytes do not fit its shape is not written") {
  auto const write = [](char const* name, tensor each) {
    tensor_file file;
    file.tensors[name] = std::move(each);
    format_safetensors(file);
  };
  CHECK_NOTHROW(write("a", {"F32", {2}, eight}));
  CHECK_THROWS_AS(write("a", {"F32", {3}, eight}), safetensors_error);
  CHECK_THROWS_AS(write("a", {"F4", {16}, eight}), safetensors_error);
  CHECK_THROWS_AS(write("__metadata__", {"F32", {2}, eight}), safetensors_error);
  // What is no UTF-8 is no JSON, in a name as in a message about it.
  CHECK_THROWS_AS(write("\xB5", {"F32", {2}, eight}), safetensors_error);
  CHECK_THROWS_AS(write("\xB5", {"F32", {3}, eight}), safetensors_error);
  tensor_file file;
  file.metadata["k"] = "\xB5";
  CHECK_THROWS_AS(format_safetensors(file), safetensors_error);
}
