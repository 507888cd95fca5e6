// SPDX-License-Identifier: Apache-2.0
// The exported weights, read back as an engine would that knows ModelOpt's convention and not this
// library, are the weights that the forward pass multiplied with; and the files beside them say so.
#include "train_lm/nvfp4_export.hpp"

#include <doctest/doctest.h>

#include "nibble/dequantize.hpp"
#include "train_lm/quantization_config.hpp"

using namespace train_lm;

namespace {
/// The value of an E4M3 byte, by its definition; scales are never NaN.
float e4m3(unsigned char byte) {
  int const exponent = byte >> 3 & 15, mantissa = byte & 7;
  double const size = exponent == 0 ? mantissa * std::ldexp(1.0, -9)
                                    : (8 + mantissa) * std::ldexp(1.0, exponent - 10);
  return static_cast<float>(byte >> 7 != 0 ? -size : size);
}

/// code * (weight_scale * weight_scale_2), straight from the bytes.
matrix<float> read_back(tensor_file const& file, std::string const& layer) {
  constexpr float e2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  tensor const& codes = file.tensors.at(layer + ".weight");
  tensor const& scales = file.tensors.at(layer + ".weight_scale");
  tensor const& scale_2 = file.tensors.at(layer + ".weight_scale_2");
  CHECK(codes.dtype == "U8");
  CHECK(scales.dtype == "F8_E4M3");
  CHECK(scale_2.dtype == "F32");
  CHECK(scale_2.shape.empty());
  CHECK(codes.shape[1] == 8 * scales.shape[1]);
  float outer = 0;
  std::memcpy(&outer, scale_2.bytes.data(), sizeof outer);
  auto const rows = static_cast<extent>(codes.shape[0]);
  auto const columns = static_cast<extent>(codes.shape[1]) * 2;
  matrix<float> result(rows, columns);
  for (extent i = 0; i < result.size(); ++i) {
    auto const at = static_cast<std::size_t>(i);
    unsigned const byte = static_cast<unsigned char>(codes.bytes[at / 2]);
    unsigned const code = i % 2 == 0 ? byte & 15u : byte >> 4;
    float const scale = e4m3(static_cast<unsigned char>(scales.bytes[at / 16])) * outer;
    result.data()[i] = (code & 8u) != 0 ? -(e2m1[code & 7u] * scale) : e2m1[code & 7u] * scale;
  }
  return result;
}

std::string module_of(std::string const& name) {
  return name.substr(0, name.size() - std::string{".weight"}.size());
}

text const& lines() {
  static text const all = [] {
    std::string bytes;
    for (int i = 0; i < 200; ++i) bytes += "in the beginning was the word";
    return text{bytes};
  }();
  return all;
}

training_options options() {
  training_options result;
  result.sequences = 2;
  result.length = 16;
  return result;
}

calibration calibrated(model<float> const& of) {
  return calibrate(of, lines(), options(), parallel_for{});
}
}  // namespace

TEST_CASE("train_lm: exported weights read back as what the forward pass multiplied with") {
  model<float> const language{model_config{}, 1, exact_projections<float>()};
  nvfp4_model const exported = export_nvfp4(language, calibrated(language));
  tensor_file const file = parse_safetensors(format_safetensors(exported.weights));
  extent quantized = 0, kept = 0;
  for (parameter<float> const& each : language.trained()) {
    CAPTURE(each.name);
    if (file.tensors.at(each.name).dtype == "F32") {
      matrix<float> value = matrix<float>::Zero(each.value.rows(), each.value.cols());
      from_tensor(file, each.name, value);
      CHECK(value == each.value);
      ++kept;
      continue;
    }
    ++quantized;
    matrix<float> const got = read_back(file, module_of(each.name));
    matrix<float> ours(each.value.rows(), each.value.cols());
    auto const codes =
        nibble::quantized(view_of(each.value), exported_weights{}, nibble::threads{1});
    nibble::dequantize(codes.view(), view_of(ours), exported_weights{}, nibble::domain::original,
                       nibble::threads{1});
    // code * ((scale * amax) * fl(1 / 2688)) here, code * (scale * fl(amax / 2688)) there: at most
    // five roundings in all, each of half a unit in the last place.
    for (extent i = 0; i < got.size(); ++i)
      CHECK(std::fabs(got.data()[i] - ours.data()[i]) <= 5 * 0x1p-24f * std::fabs(ours.data()[i]));
    // And it stands for the master: to a sixth of the largest magnitude of its 16x16 tile.
    for (extent i = 0; i < got.size(); ++i) {
      extent const row = i / got.cols() / 16 * 16, column = i % got.cols() / 16 * 16;
      float const largest = each.value
                                .block(row, column, std::min<extent>(16, got.rows() - row),
                                       std::min<extent>(16, got.cols() - column))
                                .cwiseAbs()
                                .maxCoeff();
      CHECK(std::fabs(got.data()[i] - each.value.data()[i]) <= largest * (1.07f / 6));
    }
  }
  CHECK(quantized == 6);
  CHECK(kept == 15);
  CHECK(file.tensors.size() == static_cast<std::size_t>(4 * quantized + kept));
}

TEST_CASE("train_lm: input_scale is the largest input of the calibration") {
  model<float> language{model_config{}, 1, exact_projections<float>()};
  calibration const seen = calibrated(language);
  REQUIRE(seen.size() == 8);
  nvfp4_model const exported = export_nvfp4(language, seen);
  float scale = 0;
  std::memcpy(&scale,
              exported.weights.tensors.at("blocks.0.mamba.in_proj.input_scale").bytes.data(),
              sizeof scale);
  // The first projection reads the embeddings, normalized to a mean square of one.
  float largest = 0;
  for (std::uint64_t step = 0; step < 8; ++step) {
    token_batch const batch = lines().training_batch(1, step, 2, 16);
    for (std::uint8_t const symbol : batch.inputs) {
      auto const row = language.trained().find("embedding.weight")->value.row(symbol);
      float const root = std::sqrt(row.squaredNorm() / static_cast<float>(row.size()));
      largest = std::max(largest, row.cwiseAbs().maxCoeff() / root);
    }
  }
  CHECK(scale == doctest::Approx(largest / 2688).epsilon(1e-4));
  parallel_for const two{2};
  for (auto const& [name, each] : calibrate(language, lines(), options(), two))
    CHECK(each.input_amax == seen.at(name).input_amax);
}

TEST_CASE("train_lm: the files beside exported weights name what is left out") {
  model<float> const language{model_config{}, 1, exact_projections<float>()};
  nvfp4_model const exported = export_nvfp4(language, calibrated(language));
  auto const quantization = nlohmann::json::parse(format_hf_quant_config(exported));
  auto const config = nlohmann::json::parse(format_config(language.config(), exported));
  auto const& left_out = quantization["quantization"]["exclude_modules"];
  for (char const* const module :
       {"embedding", "head", "norm", "blocks.3.ffn.w1", "blocks.3.ffn.w2"})
    CHECK(std::count(left_out.begin(), left_out.end(), module) == 1);
  CHECK(std::count(left_out.begin(), left_out.end(), "blocks.0.mamba.in_proj") == 0);
  CHECK(config["quantization_config"]["ignore"] == left_out);
  CHECK(quantization["quantization"]["quant_algo"] == "NVFP4");
  CHECK(quantization["quantization"]["group_size"] == 16);
  CHECK(config["hidden_size"] == 96);
}

TEST_CASE("train_lm: a weight of zeros exports as zeros") {
  tensor_file file;
  add_nvfp4(file, "w", matrix<float>::Zero(16, 32), 0);
  CHECK(read_back(file, "w") == matrix<float>::Zero(16, 32));
  for (char const* const name : {"w.weight_scale_2", "w.input_scale"}) {
    float scale = 0;
    std::memcpy(&scale, file.tensors.at(name).bytes.data(), sizeof scale);
    CHECK(scale > 0);  // readers divide by it
  }
}
