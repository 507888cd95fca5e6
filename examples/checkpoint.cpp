// SPDX-License-Identifier: Apache-2.0
// A weight to an NVFP4 checkpoint by ModelOpt's names and back, as safetensors. (nibble-convert, in
// examples/convert, does this to whole checkpoints.)
#include <nibble/interop/modelopt.hpp>
#include <nibble/matrix.hpp>

#include <cstdio>
#include <filesystem>

#include "train_lm/atomic_file.hpp"
#include "train_lm/safetensors.hpp"

using namespace nibble;
namespace modelopt = interop::modelopt;
constexpr matrix_index high = 32, wide = 64;

template <class T>
std::string bytes_of(std::vector<T> const& v) {
  return {reinterpret_cast<char const*>(v.data()), v.size() * sizeof(T)};
}
template <class T>
std::vector<T> elements_of(std::string const& bytes) {
  std::vector<T> result(bytes.size() / sizeof(T));
  bytes.copy(reinterpret_cast<char*>(result.data()), bytes.size());
  return result;
}
template <class T>
cuda::std::span<T> span_of(std::vector<T>& v) { return {v.data(), v.size()}; }

int main() {
  std::vector<float> w(high * wide), restored(w.size());
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = float(int(i * 7919 % 257) - 128) / 64;
  auto const view = *make_matrix_view(span_of(w), high, wide);
  auto const made = quantized(view, modelopt::weights{});
  train_lm::tensor_file file;
  file.tensors["up.weight"] = {"U8", {high, wide / 2}, bytes_of(made.code_bytes())};
  file.tensors["up.weight_scale"] = {"F8_E4M3", {high, wide / 16}, bytes_of(made.scales())};
  file.tensors["up.weight_scale_2"] = {
      // what a code is multiplied with, amax / 2688
      "F32",
      {},
      bytes_of(std::vector{modelopt::weight_scale_2({made.amax()[0]})})};
  auto const path =
      (std::filesystem::temp_directory_path() / "nibble_checkpoint.safetensors").string();
  train_lm::write_atomically(path, train_lm::format_safetensors(file));

  auto const read = train_lm::parse_safetensors(train_lm::read_file(path)).tensors;
  std::filesystem::remove(path);
  auto codes = elements_of<std::uint8_t>(read.at("up.weight").bytes);
  auto scales = elements_of<fp8_e4m3>(read.at("up.weight_scale").bytes);
  auto outer = elements_of<float>(read.at("up.weight_scale_2").bytes);
  auto const stored = *make_quantized_view<nvfp4_block, cuda::std::layout_right>(
      span_of(codes), span_of(scales), span_of(outer), shape_for<modelopt::stored>(high, wide));
  dequantize(stored, *make_matrix_view(span_of(restored), high, wide), modelopt::stored{});
  auto const report = compare(view, stored, modelopt::stored{});
  std::printf("%zu bytes, %.2f dB, w[1] %g -> %g\n", codes.size() + scales.size() + 4,
              report.sqnr_db(), double(w[1]), double(restored[1]));
  return report.sqnr_db() > 18 ? 0 : 1;
}
// 1156 bytes, 19.82 dB, w[1] 1.26562 -> 1.33333
