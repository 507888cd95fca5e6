// SPDX-License-Identifier: Apache-2.0
// An operand's buffer as the library sees it.
#pragma once

#include "nibble/quantized_matrix.hpp"
#include "nibble/recipe.hpp"
#include "recipe_kernels.hpp"

namespace nibble_torch {

template <class Recipe, role Role>
struct operand_of;
template <class Recipe>
struct operand_of<Recipe, role::fprop_x> : Recipe::fprop_x {};
template <class Recipe>
struct operand_of<Recipe, role::fprop_w> : Recipe::fprop_w {};
template <class Recipe>
struct operand_of<Recipe, role::dgrad_dy> : Recipe::dgrad_dy {};
template <class Recipe>
struct operand_of<Recipe, role::dgrad_w> : Recipe::dgrad_w {};
template <class Recipe>
struct operand_of<Recipe, role::wgrad_dy> : Recipe::wgrad_dy {};
template <class Recipe>
struct operand_of<Recipe, role::wgrad_x> : Recipe::wgrad_x {};

template <class Recipe, role Role>
using quantizer_of = typename operand_of<Recipe, Role>::quantizer;

/// Calls body with the one of these values that `value` is, as a template argument.
template <auto First, auto... Others, class Body>
decltype(auto) with_known(decltype(First) value, Body const& body) {
  if constexpr (sizeof...(Others) > 0) {
    if (value != First) return with_known<Others...>(value, body);
  }
  if (value != First) {
    throw std::invalid_argument("got a role, a tensor or a product that does not exist");
  }
  return body.template operator()<First>();
}
template <class Body>
decltype(auto) with_role(role r, Body const& body) {
  return with_known<role::fprop_x, role::fprop_w, role::dgrad_dy, role::dgrad_w, role::wgrad_dy,
                    role::wgrad_x>(r, body);
}
template <class Body>
decltype(auto) with_tensor(tensor t, Body const& body) {
  return with_known<tensor::x, tensor::weight, tensor::dy>(t, body);
}
template <class Body>
decltype(auto) with_product(layer_product p, Body const& body) {
  return with_known<layer_product::fprop, layer_product::dgrad, layer_product::wgrad>(p, body);
}

template <class Quantizer>
using block_view = nibble::quantized_view<typename Quantizer::block_type>;

template <class Quantizer>
[[nodiscard]] facts facts_for() {
  using nibble::tensor_scale::granularity;
  constexpr granularity shares = Quantizer::outer::shares;
  return {Quantizer::block_type::size, Quantizer::transform_type::size,
          Quantizer::element_type::format.width(),
          static_cast<std::int64_t>(sizeof(typename Quantizer::scale_type)),
          shares == granularity::row         ? 1
          : shares == granularity::block_128 ? 2
                                             : 0};
}

template <class Quantizer>
[[nodiscard]] layout layout_for(std::int64_t rows, std::int64_t columns) {
  auto const shape = nibble::shape_for<Quantizer>(rows, columns);
  layout l{};
  l.code_bytes = shape.code_bytes();
  l.scales_at = to_256(l.code_bytes);
  l.scale_bytes =
      shape.scale_count() * static_cast<std::int64_t>(sizeof(typename Quantizer::scale_type));
  l.amax_at = l.scales_at + to_256(l.scale_bytes);
  l.amaxes = shape.amax_count();
  l.bytes = l.amax_at + to_256(l.amaxes * static_cast<std::int64_t>(sizeof(float)));
  return l;
}

/// The view of a buffer; of a null buffer only the amax can be used, which is `amax`.
template <class Quantizer>
[[nodiscard]] block_view<Quantizer> view_of(void* buffer, std::int64_t rows, std::int64_t columns,
                                            float* amax = nullptr) {
  using scale = typename Quantizer::scale_type;
  auto const l = layout_for<Quantizer>(rows, columns);
  auto* const bytes = static_cast<std::uint8_t*>(buffer);
  bool const is_null = buffer == nullptr;
  auto const made = nibble::make_quantized_view<typename Quantizer::block_type>(
      cuda::std::span<std::uint8_t>(bytes, static_cast<std::size_t>(l.code_bytes)),
      cuda::std::span<scale>(is_null ? nullptr : reinterpret_cast<scale*>(bytes + l.scales_at),
                             static_cast<std::size_t>(l.scale_bytes) / sizeof(scale)),
      cuda::std::span<float>(is_null ? amax : reinterpret_cast<float*>(bytes + l.amax_at),
                             static_cast<std::size_t>(l.amaxes)),
      nibble::shape_for<Quantizer>(rows, columns));
  if (!made) throw std::invalid_argument("got an operand of impossible extents");
  return *made;
}
/// The same of a buffer that is only read.
template <class Quantizer>
[[nodiscard]] block_view<Quantizer> view_of(void const* buffer, std::int64_t rows,
                                            std::int64_t columns) {
  return view_of<Quantizer>(const_cast<void*>(buffer), rows, columns);
}

/// A contiguous matrix of T.
template <class T>
[[nodiscard]] nibble::matrix_view<T> plain_view(void* data, std::int64_t rows,
                                                std::int64_t columns) {
  auto const made = nibble::make_matrix_view(
      cuda::std::span<T>(static_cast<T*>(data), static_cast<std::size_t>(rows * columns)), rows,
      columns);
  if (!made) throw std::invalid_argument("got a matrix of impossible extents");
  return *made;
}

/// The mode that an exact product is taken in: ordered where sums of such numbers are not exact in 64
/// bits.
template <class A, class B>
[[nodiscard]] consteval nibble::product exact_mode() {
  using nibble::product;
  constexpr auto has_exact_sums = [](auto const& q) {
    using quantizer = std::remove_cvref_t<decltype(q)>;
    return std::is_same_v<typename quantizer::block_type, nibble::nvfp4_block> &&
           quantizer::outer::shares != nibble::tensor_scale::granularity::block_128;
  };
  return has_exact_sums(A{}) && has_exact_sums(B{}) ? product::exact : product::ordered;
}

inline constexpr char const* no_later_operand =
    "got codes to make a later operand of; this recipe makes it of the tensor itself";

/// Amaxes that several processes agree on serve operands that are made of their tensor, each under
/// one amax.
template <class First, class Second>
void require_shared_amaxes() {
  if constexpr (!First::quantizer::has_one_amax || !Second::quantizer::has_one_amax ||
                Second::from == nibble::operand_source::requantized) {
    throw std::invalid_argument(
        "got amaxes for a recipe whose operands have one a row, or are quantized again from codes; "
        "its amaxes cannot be shared");
  }
}

}  // namespace nibble_torch
