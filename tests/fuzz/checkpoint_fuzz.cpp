// SPDX-License-Identifier: Apache-2.0
// A checkpoint with anything changed in it, its digest made right again as whoever wants to harm
// would: refused and nothing changed, or taken in full.
#include "train_lm/text.hpp"
#include "train_lm/trainer.hpp"

#include "fuzz/input.hpp"

namespace {

using namespace train_lm;

model_config tiny_model() {
  return {.pattern = "M-*",
          .width = 16,
          .hidden = 16,
          .scan = {.inner = 16, .heads = 8, .groups = 1, .state = 4},
          .heads = {.queries = 1, .keys = 1, .head = 16}};
}

/// A run that never trains: one for all inputs.
struct idle_run {
  text lines{std::string(16384, 'a')};
  parallel_for parallel{1};
  trainer at;

  idle_run()
      : at({"exact", exact_projections<float>()}, tiny_model(), options(), lines, parallel) {}

  static training_options options() {
    training_options result;
    result.steps = 4;
    result.length = 16;
    return result;
  }
};

/// One change of a checkpoint, as the bytes say.
void change(tensor_file& file, fuzz::input& in) {
  auto const nth = [&](auto& map) {
    auto it = map.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(in.below(map.size())));
    return it;
  };
  switch (in.take<std::uint8_t>() % 8) {
    case 0:
      if (!file.tensors.empty()) file.tensors.erase(nth(file.tensors));
      break;
    case 1:
      if (!file.metadata.empty()) nth(file.metadata)->second = in.rest();
      break;
    case 2:
      if (!file.metadata.empty()) file.metadata.erase(nth(file.metadata));
      break;
    case 3:
      if (!file.tensors.empty()) {
        tensor& each = nth(file.tensors)->second;
        if (!each.bytes.empty()) each.bytes[in.below(each.bytes.size())] ^= in.take<char>();
      }
      break;
    case 4: {  // another shape of the same size, or of another size
      if (file.tensors.empty()) break;
      tensor& each = nth(file.tensors)->second;
      each.shape = {in.below(40), in.below(40)};
      each.bytes.resize(each.shape[0] * each.shape[1] * element_size(each.dtype).value_or(1));
      break;
    }
    case 5: {
      if (file.tensors.empty()) break;
      tensor& each = nth(file.tensors)->second;
      each.dtype = in.below(2) != 0 ? "F64" : "I32";
      std::uint64_t size = *element_size(each.dtype);
      for (std::uint64_t const extent : each.shape) size *= extent;
      each.bytes.resize(size);
      break;
    }
    case 6: file.tensors[in.below(2) != 0 ? "run.losses" : "foreign"] = {
        "F64", {in.below(8)}, {}};
      for (auto& [name, each] : file.tensors) {
        if (name == "run.losses" || name == "foreign") each.bytes.resize(each.shape[0] * 8);
      }
      break;
    default: file.metadata[std::to_string(in.below(9))] = "x"; break;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  static idle_run* const one = new idle_run;
  static tensor_file const* const whole = new tensor_file(one->at.checkpoint());
  static std::string const* const before = new std::string(format_safetensors(*whole));
  fuzz::input in(bytes, size);
  tensor_file file = *whole;
  auto const changes = 1 + in.below(3);
  for (std::uint64_t i = 0; i != changes; ++i) change(file, in);
  if (in.below(16) != 0) file.metadata["digest"] = checkpoint_detail::digest_of(file);
  std::string written;
  try {
    written = format_safetensors(file);
  } catch (safetensors_error const&) {
    return 0;
  }
  try {
    one->at.restore(parse_safetensors(written));
  } catch (safetensors_error const& refusal) {
    fuzz::require(std::string(refusal.what()).find('\n') == std::string::npos, "one line is said");
    fuzz::require(format_safetensors(one->at.checkpoint()) == *before, "a refusal changes nothing");
    return 0;
  }
  one->at.checkpoint();
  one->at.restore(*whole);
  fuzz::require(format_safetensors(one->at.checkpoint()) == *before, "and back again");
  return 0;
}
