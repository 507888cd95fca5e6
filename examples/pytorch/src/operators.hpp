// SPDX-License-Identifier: Apache-2.0
// The operators of one kind of processor: tensors of PyTorch in, the calls of a recipe's kernels, tensors
// out. Included by host_operators.cpp and device_operators.cpp, which say where they run.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <optional>
#include <tuple>

#include "recipe_kernels.hpp"

namespace nibble_torch {

using at::Tensor;

/// Throws what becomes Python's ValueError. Texts are joined without streams: where this library has a
/// C++ runtime of its own, streams and PyTorch's do not agree.
template <class... Parts>
[[noreturn]] void refuse(Parts const&... parts) {
  auto const text = [](auto const& part) {
    if constexpr (std::is_same_v<std::decay_t<decltype(part)>, at::ScalarType>) {
      return std::string(c10::toString(part));
    } else if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>) {
      return std::to_string(part);
    } else {
      return std::string(part);
    }
  };
  throw std::invalid_argument(("nibble: " + ... + text(parts)));
}

/// Where and when the operators of this library run: see host_operators.cpp, device_operators.cpp.
struct processor {
  explicit processor(Tensor const& on);  // makes its GPU the current one until the end
  ~processor();
  processor(processor const&) = delete;
  processor& operator=(processor const&) = delete;

  queue stream() const;
  /// The tensor as the kernels read it: contiguous, and of a type that they know.
  Tensor readable(Tensor const&) const;
  /// What the kernels write for a result of a type.
  at::ScalarType written_type(at::ScalarType) const;

 private:
  int before_ = -1;
  queue stream_ = nullptr;
};

/// The size of x, weight and dy in a layer's call, and where they lie in the whole layer's.
///
/// place: empty, or the first of this process and the number in all, of tokens, inputs and outputs.
struct layer_call {
  Tensor streams;
  std::uint64_t seed;
  recipe_kernels const& kernels;
  at::IntArrayRef place;

  layer_call(Tensor const& s, std::int64_t seed_, std::string const& recipe, at::IntArrayRef where)
      : streams(s),
        seed(static_cast<std::uint64_t>(seed_)),
        kernels(find_recipe(recipe)),
        place(where) {
    if (s.scalar_type() != at::kLong || s.numel() != 9 || !s.is_contiguous()) {
      refuse("streams: got ", s.numel(), " of ", s.scalar_type(),
             ", need 9 int64, one after the other");
    }
    if (!place.empty() && place.size() != 6) {
      refuse("place: got ", place.size(),
             " numbers, need none or (first, all) of tokens, inputs and outputs");
    }
  }

  [[nodiscard]] draws of(tensor t) const {
    draws d{
        seed, reinterpret_cast<std::uint64_t const*>(streams.const_data_ptr<std::int64_t>()), {}};
    if (place.empty()) return d;
    auto const tokens = place.slice(0, 2), inputs = place.slice(2, 2), outputs = place.slice(4, 2);
    auto const rows = t == tensor::weight ? outputs : tokens;
    auto const columns = t == tensor::dy ? outputs : inputs;
    d.where = {rows[0], columns[0], rows[1], columns[1]};
    return d;
  }
};

[[nodiscard]] inline tensor tensor_named(std::string const& name) {
  if (name == "x") return tensor::x;
  if (name == "weight") return tensor::weight;
  if (name == "dy") return tensor::dy;
  refuse("unknown tensor '", name, "'; there are: x, weight, dy");
}
[[nodiscard]] inline layer_product product_named(std::string const& name) {
  if (name == "fprop") return layer_product::fprop;
  if (name == "dgrad") return layer_product::dgrad;
  if (name == "wgrad") return layer_product::wgrad;
  refuse("unknown product '", name, "'; there are: fprop, dgrad, wgrad");
}

[[nodiscard]] inline role role_numbered(std::int64_t number) {
  if (number < 0 || number > 5) refuse("got role ", number, ", need 0 to 5");
  return static_cast<role>(number);
}

[[nodiscard]] inline matrix as_matrix(Tensor const& t) {
  return {const_cast<void*>(t.const_data_ptr()),
          t.scalar_type() == at::kBFloat16 ? number::bf16 : number::float32, t.size(0), t.size(1)};
}
[[nodiscard]] inline Tensor bytes(Tensor const& like, std::int64_t count) {
  return at::empty({count}, like.options().dtype(at::kByte));
}
inline void require_known(at::ScalarType type, char const* what) {
  if (type != at::kFloat && type != at::kBFloat16) {
    refuse("got ", what, " of ", type, "; need float32 or bfloat16");
  }
}
inline void require_matrix(Tensor const& t, char const* name) {
  if (t.dim() != 2) refuse(name, ": got ", t.dim(), " dimensions, need a matrix");
}
inline void require_operand(Tensor const& t, std::int64_t size, char const* name) {
  if (t.scalar_type() != at::kByte || !t.is_contiguous() || t.numel() != size) {
    refuse(name, ": got ", t.numel(), " of ", t.scalar_type(), ", need ", size,
           " bytes, one after the other");
  }
}

/// A tensor's operands, the later one only if wanted.
inline std::tuple<Tensor, Tensor> make(processor const& on, layer_call const& call, tensor which,
                                       Tensor const& given, std::optional<Tensor> const& amaxes,
                                       bool both) {
  Tensor const in = on.readable(given);
  std::int64_t const rows = in.size(0), columns = in.size(1);
  auto const& k = call.kernels;
  Tensor first = bytes(in, k.layout_of(earlier(which), rows, columns).bytes);
  Tensor second = bytes(in, both ? k.layout_of(later(which), columns, rows).bytes : 0);
  Tensor const scratch = bytes(in, both ? k.making_bytes(which, rows, columns) : 0);
  if (amaxes &&
      (amaxes->scalar_type() != at::kFloat || amaxes->numel() != 2 || !amaxes->is_contiguous())) {
    refuse("amaxes: got ", amaxes->numel(), " of ", amaxes->scalar_type(), ", need 2 floats");
  }
  k.make(which, as_matrix(in), call.of(which), amaxes ? amaxes->const_data_ptr<float>() : nullptr,
         first.mutable_data_ptr(), both ? second.mutable_data_ptr() : nullptr,
         scratch.mutable_data_ptr(), on.stream());
  return {first, second};
}

/// The product of two operands: m x n, summed over k.
inline Tensor multiply(processor const& on, recipe_kernels const& k, layer_product which,
                       bool exact, Tensor const& a, Tensor const& b, std::int64_t m, std::int64_t n,
                       std::int64_t depth, at::ScalarType dtype) {
  require_operand(a, k.layout_of(left_of(which), m, depth).bytes, "the left operand");
  require_operand(b, k.layout_of(right_of(which), n, depth).bytes, "the right operand");
  Tensor out = at::empty({m, n}, a.options().dtype(on.written_type(dtype)));
  auto const to = as_matrix(out);
  std::int64_t const size = k.multiplying_bytes(which, exact, m, n, depth, to.kind);
  Tensor const scratch = bytes(a, size);
  k.multiply(which, exact, a.const_data_ptr(), b.const_data_ptr(), depth, to,
             scratch.mutable_data_ptr(), size, on.stream());
  return out.to(dtype);
}

inline std::tuple<Tensor, Tensor, Tensor> linear(
    Tensor const& x, Tensor const& weight, Tensor const& streams, std::int64_t seed,
    std::string const& recipe, bool exact, bool keep, std::optional<Tensor> const& made,
    std::optional<Tensor> const& turned, std::optional<Tensor> const& x_amaxes,
    std::optional<Tensor> const& weight_amaxes, at::IntArrayRef place, std::string const&) {
  require_matrix(x, "x");
  require_matrix(weight, "weight");
  if (x.size(1) != weight.size(1)) {
    refuse("got x of ", x.size(1), " columns and a weight of ", weight.size(1), "; need as many");
  }
  processor const on(x);
  layer_call const call(streams, seed, recipe, place);
  auto const [first, kept_x] = make(on, call, tensor::x, x, x_amaxes, keep);
  Tensor of_weight, kept_weight;
  if (made) {
    of_weight = *made;
    kept_weight = bytes(x, 0);
    if (keep && !turned) refuse("got the weight's codes for the forward product only");
  } else {
    std::tie(of_weight, kept_weight) = make(on, call, tensor::weight, weight, weight_amaxes, keep);
  }
  Tensor y = multiply(on, call.kernels, layer_product::fprop, exact, first, of_weight, x.size(0),
                      weight.size(0), x.size(1), x.scalar_type());
  return {y, kept_x, kept_weight};
}

inline std::tuple<Tensor, Tensor> linear_backward(
    Tensor const& dy, Tensor const& kept_x, Tensor const& kept_weight, std::int64_t inputs,
    at::ScalarType x_type, at::ScalarType weight_type, bool needs_dx, bool needs_dw,
    Tensor const& streams, std::int64_t seed, std::string const& recipe, bool exact,
    std::optional<Tensor> const& amaxes, at::IntArrayRef place) {
  require_matrix(dy, "dy");
  processor const on(dy);
  layer_call const call(streams, seed, recipe, place);
  std::int64_t const tokens = dy.size(0), outputs = dy.size(1);
  auto const [first, second] = make(on, call, tensor::dy, dy, amaxes, needs_dw);
  Tensor dx = needs_dx ? multiply(on, call.kernels, layer_product::dgrad, exact, first, kept_weight,
                                  tokens, inputs, outputs, x_type)
                       : at::empty({0}, dy.options().dtype(x_type));
  Tensor dw = needs_dw ? multiply(on, call.kernels, layer_product::wgrad, exact, second, kept_x,
                                  outputs, inputs, tokens, weight_type)
                       : at::empty({0}, dy.options().dtype(weight_type));
  return {dx, dw};
}

inline std::tuple<Tensor, Tensor> operands(Tensor const& input, std::string const& which,
                                           Tensor const& streams, std::int64_t seed,
                                           std::string const& recipe, bool both,
                                           std::optional<Tensor> const& amaxes,
                                           at::IntArrayRef place) {
  require_matrix(input, "input");
  processor const on(input);
  return make(on, layer_call(streams, seed, recipe, place), tensor_named(which), input, amaxes,
              both);
}

inline Tensor later_operand(Tensor const& codes, std::string const& which, std::int64_t rows,
                            std::int64_t columns, Tensor const& streams, std::int64_t seed,
                            std::string const& recipe, at::IntArrayRef place) {
  processor const on(codes);
  layer_call const call(streams, seed, recipe, place);
  tensor const of = tensor_named(which);
  auto const& k = call.kernels;
  require_operand(codes, k.layout_of(earlier(of), rows, columns).bytes, "codes");
  Tensor result = bytes(codes, k.layout_of(later(of), columns, rows).bytes);
  Tensor const scratch = bytes(codes, k.making_bytes(of, rows, columns));
  k.make_later(of, codes.const_data_ptr(), rows, columns, call.of(of), result.mutable_data_ptr(),
               scratch.mutable_data_ptr(), on.stream());
  return result;
}

inline Tensor amaxes(Tensor const& input, std::string const& which, Tensor const& streams,
                     std::int64_t seed, std::string const& recipe) {
  require_matrix(input, "input");
  processor const on(input);
  layer_call const call(streams, seed, recipe, {});
  Tensor const in = on.readable(input);
  Tensor result = at::empty({2}, input.options().dtype(at::kFloat));
  tensor const of = tensor_named(which);
  call.kernels.find_amaxes(of, as_matrix(in), call.of(of), result.mutable_data_ptr<float>(),
                           on.stream());
  return result;
}

inline Tensor product(Tensor const& a, Tensor const& b, std::int64_t m, std::int64_t n,
                      std::int64_t k, std::string const& which, std::string const& recipe,
                      bool exact, at::ScalarType dtype) {
  processor const on(a);
  return multiply(on, find_recipe(recipe), product_named(which), exact, a, b, m, n, k, dtype);
}

inline Tensor decode(Tensor const& operand, std::int64_t of, std::int64_t rows,
                     std::int64_t columns, Tensor const& streams, std::int64_t seed,
                     std::string const& recipe, at::ScalarType dtype) {
  processor const on(operand);
  layer_call const call(streams, seed, recipe, {});
  role const at_role = role_numbered(of);
  require_operand(operand, call.kernels.layout_of(at_role, rows, columns).bytes, "the operand");
  Tensor out = at::empty({rows, columns}, operand.options().dtype(on.written_type(dtype)));
  call.kernels.decode(at_role, operand.const_data_ptr(), call.of(tensor::x), as_matrix(out),
                      on.stream());
  return out.to(dtype);
}

inline void implement(torch::Library& m) {
  m.impl("linear", linear);
  m.impl("linear_backward", linear_backward);
  m.impl("operands", operands);
  m.impl("later_operand", later_operand);
  m.impl("amaxes", amaxes);
  m.impl("product", product);
  m.impl("decode", decode);
}

}  // namespace nibble_torch
