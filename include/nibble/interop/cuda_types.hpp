// SPDX-License-Identifier: Apache-2.0
// CUDA's own small types to and from nibble's: the same bits, so nothing is rounded. Needs CUDA's
// headers, though no CUDA compiler.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
// cuda_fp4.h names parameters that its host code does not use.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include "nibble/bf16.hpp"
#include "nibble/block.hpp"
#include "nibble/fp16.hpp"

namespace nibble::interop {

/// The CUDA type with the same format as T; none for ue5m3.
template <number_type T>
struct cuda_type_of;
template <>
struct cuda_type_of<fp4_e2m1> : std::type_identity<__nv_fp4_e2m1> {};
template <>
struct cuda_type_of<fp6_e2m3> : std::type_identity<__nv_fp6_e2m3> {};
template <>
struct cuda_type_of<fp6_e3m2> : std::type_identity<__nv_fp6_e3m2> {};
template <>
struct cuda_type_of<fp8_e4m3> : std::type_identity<__nv_fp8_e4m3> {};
template <>
struct cuda_type_of<fp8_e5m2> : std::type_identity<__nv_fp8_e5m2> {};
template <>
struct cuda_type_of<e8m0> : std::type_identity<__nv_fp8_e8m0> {};
template <>
struct cuda_type_of<bf16> : std::type_identity<__nv_bfloat16> {};
template <>
struct cuda_type_of<fp16> : std::type_identity<__half> {};

/// The same number as CUDA's type.
template <number_type T>
[[nodiscard]] NIBBLE_HD inline typename cuda_type_of<T>::type to_cuda(T number) noexcept {
  using type = typename cuda_type_of<T>::type;
  static_assert(sizeof(type) == sizeof(typename T::storage));
  return detail::bit_cast<type>(number.bits());
}

/// The same number as nibble's type T. Bits of a byte above a 4- or 6-bit code are ignored.
template <number_type T>
[[nodiscard]] NIBBLE_HD inline T from_cuda(typename cuda_type_of<T>::type number) noexcept {
  return T::from_bits(detail::bit_cast<typename T::storage>(number));
}

}  // namespace nibble::interop
