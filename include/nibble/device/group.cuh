// SPDX-License-Identifier: Apache-2.0
// Groups of a matrix to and from one thread's registers: the building blocks of the kernels, and of
// a kernel author's own.
#pragma once

#include "nibble/arch/features.hpp"
#include "nibble/bf16.hpp"
#include "nibble/quantized_matrix.hpp"
#include "nibble/quantizer.hpp"

namespace nibble::device {

/// Where bytes may be read or written so many at a time.
[[nodiscard]] NIBBLE_HD inline bool is_aligned(void const* pointer, std::size_t bytes) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

namespace detail {

/// Can every row of a matrix be read or written 16 bytes at a time?
template <class Matrix>
[[nodiscard]] bool has_wide_rows(Matrix const& m) noexcept {
  using value_type = typename Matrix::value_type;
  return m.stride(1) == 1 && static_cast<std::size_t>(m.stride(0)) * sizeof(value_type) % 16 == 0 &&
         is_aligned(m.data_handle(), 16);
}

/// Can codes be read or written 8 bytes at a time?
template <class Quantized>
[[nodiscard]] bool has_wide_codes(Quantized const& q) noexcept {
  return is_aligned(q.codes.data_handle().bytes, 8) && q.codes.data_handle().first == 0;
}

}  // namespace detail

/// g / across and g % across; in 32 bits where that is enough, since 64-bit division takes 70
/// instructions.
struct row_and_rest {
  matrix_index row, rest;
};
[[nodiscard]] __device__ __forceinline__ row_and_rest split(matrix_index g, matrix_index across) {
  if ((static_cast<std::uint64_t>(g) | static_cast<std::uint64_t>(across)) >> 32 == 0) {
    auto const small = static_cast<std::uint32_t>(g), divisor = static_cast<std::uint32_t>(across);
    return {small / divisor, small % divisor};
  }
  return {g / across, g % across};
}

/// The row and column, in groups, that number g of across x down stands for: row by row or, where the
/// matrix lies turned, column by column, so that neighbours read neighbours.
template <class In>
[[nodiscard]] __device__ __forceinline__ row_and_rest group_place(In const& in, matrix_index g,
                                                                  matrix_index across,
                                                                  matrix_index down) {
  if (in.stride(1) <= in.stride(0)) return split(g, across);
  auto const [column, row] = split(g, down);
  return {row, column};
}

/// A result as it is written: NaN as 0x7FC00000 in a float, and as the narrower types have it
/// anyway.
template <class T>
[[nodiscard]] __device__ __forceinline__ T written_as(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return nibble::detail::canonical(value);
  } else {
    return static_cast<T>(value);
  }
}

/// The values of a 32-bit word as floats: two of two bytes, or one float.
template <class T>
__device__ __forceinline__ void widen(std::uint32_t word, float* values) {
  if constexpr (std::is_same_v<T, float>) {
    values[0] = nibble::detail::float_from_bits(word);
  } else if constexpr (std::is_same_v<T, bf16>) {  // one instruction each; through bf16, two
    values[0] = nibble::detail::float_from_bits(word << 16);
    values[1] = nibble::detail::float_from_bits(word & 0xFFFF'0000u);
  } else {
    static_assert(sizeof(T) == 2, "got a type of another size; need 2 bytes, or float");
    struct alignas(4) pair {
      T value[2];
    };
    pair const both = *reinterpret_cast<pair const*>(&word);
    values[0] = static_cast<float>(both.value[0]);
    values[1] = static_cast<float>(both.value[1]);
  }
}

/// The values of 16 bytes as floats.
template <class T>
__device__ __forceinline__ void widen(uint4 const& words, float* values) {
  constexpr int each = 4 / static_cast<int>(sizeof(T));
  widen<T>(words.x, values);
  widen<T>(words.y, values + each);
  widen<T>(words.z, values + 2 * each);
  widen<T>(words.w, values + 3 * each);
}

/// Eight words, 16-byte aligned: one load of 32 bytes where they lie on 32, in what the compiler knows for
/// global memory, and the target has such loads; else two.
__device__ __forceinline__ void load_words(void const* from, std::uint32_t (&words)[8]) {
#if NIBBLE_HAS_256_BIT_LOADS
  struct alignas(32) wide {
    std::uint32_t word[8];
  };
  if (is_aligned(from, 32)) {
    wide const all = *static_cast<wide const*>(from);
    for (int i = 0; i < 8; ++i) words[i] = all.word[i];
    return;
  }
#endif
  auto const* const halves = static_cast<uint4 const*>(from);
  for (int i = 0; i < 2; ++i) {
    uint4 const half = halves[i];
    words[4 * i] = half.x;
    words[4 * i + 1] = half.y;
    words[4 * i + 2] = half.z;
    words[4 * i + 3] = half.w;
  }
}

/// N consecutive values as floats, by loads of 16 bytes, or of 32 where that is all.
///
/// shape   from: N values of float, bf16, fp16 or CUDA's types of those sizes, 16-byte aligned; one
///         thread.
template <std::size_t N, class T>
__device__ __forceinline__ void load_vectors(T const* from, float (&values)[N]) {
  using value_type = std::remove_cv_t<T>;
  constexpr std::size_t per_vector = 16 / sizeof(T), per_word = per_vector / 4;
  static_assert(N % per_vector == 0, "got a count that is no whole number of 16-byte vectors");
  if constexpr (N == 2 * per_vector) {
    std::uint32_t words[8];
    load_words(from, words);
    for (std::size_t i = 0; i < 8; ++i) widen<value_type>(words[i], values + i * per_word);
  } else {
    for (std::size_t first = 0; first < N; first += per_vector) {
      widen<value_type>(*reinterpret_cast<uint4 const*>(from + first), values + first);
    }
  }
}

/// One group of a matrix, element by element, zero where it reaches beyond the edge; any strides.
template <std::size_t Rows, std::size_t Columns, class In>
__device__ __forceinline__ void load_checked(In const& in, matrix_index row, matrix_index column,
                                             float (&values)[Rows][Columns]) {
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t c = 0; c < Columns; ++c) {
      matrix_index const i = row + static_cast<matrix_index>(r);
      matrix_index const j = column + static_cast<matrix_index>(c);
      values[r][c] = i < in.extent(0) && j < in.extent(1) ? static_cast<float>(in(i, j)) : 0.0f;
    }
  }
}

/// Writes the codes of one block, 8 bytes at a time where the target allows it.
template <bool Aligned, class Element, int N>
__device__ __forceinline__ void store_codes(packed<Element, N> const& codes, std::uint8_t* to) {
  constexpr std::size_t bytes = packed<Element, N>::size_bytes;
  if constexpr (Aligned && bytes % 8 == 0) {
    for (std::size_t first = 0; first < bytes; first += 8) {
      std::uint64_t word = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        word |= static_cast<std::uint64_t>(codes.bytes()[first + i]) << (8 * i);
      }
      *reinterpret_cast<std::uint64_t*>(to + first) = word;
    }
  } else {
    for (std::size_t i = 0; i < bytes; ++i) to[i] = codes.bytes()[i];
  }
}

/// The same for an address that says itself what it allows.
template <class Element, int N>
__device__ __forceinline__ void store_codes(packed<Element, N> const& codes, std::uint8_t* to) {
  if (reinterpret_cast<std::uintptr_t>(to) % 8 == 0) {
    store_codes<true>(codes, to);
  } else {
    store_codes<false>(codes, to);
  }
}

/// Reads the codes of one block, 8 bytes at a time where the target allows it.
template <bool Aligned, class Element, int N>
__device__ __forceinline__ packed<Element, N> load_codes(std::uint8_t const* from) {
  constexpr std::size_t bytes = packed<Element, N>::size_bytes;
  packed<Element, N> codes{};
  if constexpr (Aligned && bytes % 8 == 0) {
    for (std::size_t first = 0; first < bytes; first += 8) {
      auto const word = *reinterpret_cast<std::uint64_t const*>(from + first);
      for (std::size_t i = 0; i < 8; ++i) {
        codes.bytes()[first + i] = static_cast<std::uint8_t>(word >> (8 * i));
      }
    }
  } else {
    for (std::size_t i = 0; i < bytes; ++i) codes.bytes()[i] = from[i];
  }
  return codes;
}

/// The address of the code byte at which block `block` of row `row` begins.
template <class View>
[[nodiscard]] __device__ __forceinline__ auto* code_address(View const& out, matrix_index row,
                                                            matrix_index block) {
  constexpr auto bytes = static_cast<matrix_index>(decltype(View::block_type::codes)::size_bytes);
  auto const handle = out.codes.data_handle();
  return handle.bytes + handle.first * View::block_type::element_type::format.width() / 8 +
         (row * out.codes.stride(0) / View::block_type::size + block) * bytes;
}

namespace detail {

inline constexpr int threads_per_block = 256;

/// Blocks of threads_per_block for this many items: enough to fill any GPU `times` over (an H200 runs
/// 132 x 8 such blocks at once), and no more than there is work for.
[[nodiscard]] inline unsigned grid_for(matrix_index items, int times = 16) noexcept {
  matrix_index const most = matrix_index{132} * 8 * times;
  matrix_index const needed = nibble::detail::ceil_div<matrix_index>(items, threads_per_block);
  return static_cast<unsigned>(needed < most ? needed : most);
}

}  // namespace detail

}  // namespace nibble::device
