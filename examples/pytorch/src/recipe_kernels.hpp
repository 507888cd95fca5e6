// SPDX-License-Identifier: Apache-2.0
// What the operators ask of a recipe: plain pointers and extents, so that the part that knows PyTorch
// never meets the part that knows number formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

namespace nibble_torch {

/// The number types that a matrix of high precision comes in. The host's is float.
enum class number { float32, bf16 };

/// A matrix of high precision, rows one after the other.
struct matrix {
  void* data;
  number kind;
  std::int64_t rows, columns;
};

/// The three tensors of a linear layer that are quantized, each for two products: along its rows for
/// the earlier one, along its columns for the later one.
enum class tensor { x, weight, dy };

/// The six operands, numbered as nibble::operand_role, and the three products, as
/// nibble::layer_product.
enum class role { fprop_x, fprop_w, dgrad_dy, dgrad_w, wgrad_dy, wgrad_x };
enum class layer_product { fprop, dgrad, wgrad };

[[nodiscard]] constexpr role earlier(tensor of) noexcept {
  return of == tensor::x ? role::fprop_x : of == tensor::weight ? role::fprop_w : role::dgrad_dy;
}
[[nodiscard]] constexpr role later(tensor of) noexcept {
  return of == tensor::x ? role::wgrad_x : of == tensor::weight ? role::dgrad_w : role::wgrad_dy;
}

/// The operands that a product multiplies.
[[nodiscard]] constexpr role left_of(layer_product p) noexcept {
  return p == layer_product::fprop   ? role::fprop_x
         : p == layer_product::dgrad ? role::dgrad_dy
                                     : role::wgrad_dy;
}
[[nodiscard]] constexpr role right_of(layer_product p) noexcept {
  return p == layer_product::fprop   ? role::fprop_w
         : p == layer_product::dgrad ? role::dgrad_w
                                     : role::wgrad_x;
}

/// Where a matrix lies in a larger one that several processes hold parts of; rows 0: it is the whole.
struct piece {
  std::int64_t row = 0, column = 0, rows = 0, columns = 0;
};

/// Which random numbers to draw: the stream of role r is streams[r], the signs of product p come from
/// streams[6 + p]. On the device the streams are read there, when a kernel runs.
struct draws {
  std::uint64_t seed = 0;
  std::uint64_t const* streams = nullptr;
  piece where;
};

/// How an operand lies in its buffer: codes, then scales, then amaxes, each on a 256-byte boundary.
struct layout {
  std::int64_t code_bytes, scales_at, scale_bytes, amax_at, amaxes, bytes;
};

/// What Python needs to size an operand.
struct facts {
  std::int64_t block, transform, bits, scale_bytes;
  std::int64_t amaxes;  // 0: one for the matrix, 1: one a row, 2: one for every 128 of a row
};

/// A stream of the device, or nothing on the host.
using queue = void*;

/// One recipe on one kind of processor. An operand is a buffer of layout_of(...).bytes.
///
/// errors  exceptions that say what was wrong with which call.
class recipe_kernels {
 public:
  virtual ~recipe_kernels() = default;

  [[nodiscard]] virtual facts facts_of(role) const = 0;
  /// rows, columns: of the operand before a transform pads it.
  [[nodiscard]] virtual layout layout_of(role, std::int64_t rows, std::int64_t columns) const = 0;
  /// Bytes of scratch that make() wants.
  [[nodiscard]] virtual std::int64_t making_bytes(tensor, std::int64_t rows,
                                                  std::int64_t columns) const = 0;
  /// The amaxes of a tensor's two operands, to[0] and to[1].
  virtual void find_amaxes(tensor, matrix const&, draws const&, float* to, queue) const = 0;
  /// Makes a tensor's two operands, or the earlier one alone where `second` is null. amaxes: two, or
  /// null to find them.
  virtual void make(tensor, matrix const&, draws const&, float const* amaxes, void* first,
                    void* second, void* scratch, queue) const = 0;
  /// Makes a tensor's later operand of the earlier one's codes, where the recipe does so: rows, columns
  /// of the tensor. scratch: as make().
  virtual void make_later(tensor, void const* first, std::int64_t rows, std::int64_t columns,
                          draws const&, void* second, void* scratch, queue) const = 0;
  /// Bytes of scratch that multiply() wants for a result of m x n, summed over k.
  [[nodiscard]] virtual std::int64_t multiplying_bytes(layer_product, bool is_exact, std::int64_t m,
                                                       std::int64_t n, std::int64_t k,
                                                       number result) const = 0;
  /// out = A B^T for the operands of a product, of `k` columns before a transform padded them.
  virtual void multiply(layer_product, bool is_exact, void const* a, void const* b, std::int64_t k,
                        matrix const& out, void* scratch, std::int64_t scratch_bytes,
                        queue) const = 0;
  /// The numbers that an operand stands for.
  virtual void decode(role, void const* operand, draws const&, matrix const& out, queue) const = 0;
};

/// The recipes of one kind of processor, by name.
inline std::map<std::string, recipe_kernels const*>& known_recipes() {
  static std::map<std::string, recipe_kernels const*> all;
  return all;
}

/// errors  std::invalid_argument that lists the names.
inline recipe_kernels const& find_recipe(std::string const& name) {
  auto const found = known_recipes().find(name);
  if (found != known_recipes().end()) return *found->second;
  std::string names;
  for (auto const& each : known_recipes()) names += (names.empty() ? "" : ", ") + each.first;
  throw std::invalid_argument("unknown recipe '" + name + "'; there are: " + names);
}

/// Enters a recipe under its name when the library is loaded.
struct entry {
  entry(char const* name, recipe_kernels const& kernels) {
    known_recipes().emplace(name, &kernels);
  }
};

/// The number `value` rounded up to 256, on which parts of a buffer begin.
[[nodiscard]] constexpr std::int64_t to_256(std::int64_t value) noexcept {
  return (value + 255) / 256 * 256;
}

}  // namespace nibble_torch
