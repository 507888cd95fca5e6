// SPDX-License-Identifier: Apache-2.0
// The operators' names and signatures, and what they do with tensors on the CPU.

#include "operators.hpp"

namespace nibble_torch {

processor::processor(Tensor const&) {}
processor::~processor() = default;
queue processor::stream() const { return stream_; }
Tensor processor::readable(Tensor const& t) const {
  require_known(t.scalar_type(), "a tensor");
  return t.to(at::kFloat).contiguous();  // exact, so the codes are those of the tensor as it was
}
at::ScalarType processor::written_type(at::ScalarType wanted) const {
  require_known(wanted, "a result");
  return at::kFloat;
}

namespace {

std::vector<std::string> recipes() {
  std::vector<std::string> names;
  for (auto const& each : known_recipes()) names.push_back(each.first);
  return names;
}

std::vector<std::int64_t> facts_of(std::string const& recipe, std::int64_t of) {
  facts const f = find_recipe(recipe).facts_of(role_numbered(of));
  return {f.block, f.transform, f.bits, f.scale_bytes, f.amaxes};
}

}  // namespace
}  // namespace nibble_torch

// streams: int64[9] on the tensors' device: those of the six operands, then those of the signs of the
// three products. seed, recipe, exact: as nibble::layer_key and nibble::product. place: see layer_call.
// group: a process group's name for the backward pass, which the operator itself does not read.
TORCH_LIBRARY(nibble, m) {
  m.def(
      "linear(Tensor x, Tensor weight, Tensor streams, int seed, str recipe, bool exact, bool "
      "keep, "
      "Tensor? made, Tensor? turned, Tensor? x_amaxes, Tensor? weight_amaxes, int[] place, "
      "str group) -> (Tensor y, Tensor kept_x, Tensor kept_weight)");
  m.def(
      "linear_backward(Tensor dy, Tensor kept_x, Tensor kept_weight, int inputs, "
      "ScalarType x_type, ScalarType weight_type, bool needs_dx, bool needs_dw, Tensor streams, "
      "int seed, str recipe, bool exact, Tensor? amaxes, int[] place) -> (Tensor dx, Tensor dw)");
  m.def(
      "operands(Tensor input, str tensor, Tensor streams, int seed, str recipe, bool both, "
      "Tensor? amaxes, int[] place) -> (Tensor earlier, Tensor later)");
  m.def(
      "later_operand(Tensor codes, str tensor, int rows, int columns, Tensor streams, int seed, "
      "str recipe, int[] place) -> Tensor");
  m.def("amaxes(Tensor input, str tensor, Tensor streams, int seed, str recipe) -> Tensor");
  m.def(
      "product(Tensor a, Tensor b, int m, int n, int k, str product, str recipe, bool exact, "
      "ScalarType dtype) -> Tensor");
  m.def(
      "decode(Tensor operand, int role, int rows, int columns, Tensor streams, int seed, "
      "str recipe, ScalarType dtype) -> Tensor");
  m.def("recipes() -> str[]", nibble_torch::recipes);
  m.def("facts(str recipe, int role) -> int[]", nibble_torch::facts_of);
}

TORCH_LIBRARY_IMPL(nibble, CPU, m) { nibble_torch::implement(m); }
