// SPDX-License-Identifier: Apache-2.0
// A quantizer whose random numbers are named in device memory, so that a replayed CUDA graph draws
// new ones, and whose matrix may be a piece of a larger one.
#pragma once

#include "nibble/correction/eden.hpp"
#include "nibble/quantizer.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/transform/fresh_hadamard.hpp"

namespace nibble_torch {

/// philox4x32 with the stream that memory holds when a kernel draws, for a matrix that may be a piece
/// of a larger one.
///
/// shape   columns: of the piece as quantized, 0 where it is the whole; whole_columns, first: of the
///         whole, and the index of the piece's first element in it. All are multiples of what one
///         call serves: 16 elements, or 128 where eden draws.
/// rule    a call is named by the elements that it serves: those of the piece are looked up in the
///         whole. Calls from 2^63 on serve the scales of eight blocks of 16, as eden has them.
/// bits    those that philox4x32{seed, *stream} gives the same elements of the whole.
struct layer_source {
  std::uint64_t seed = 0;
  std::uint64_t const* stream = nullptr;
  std::uint64_t columns = 0, whole_columns = 0, first = 0;

  [[nodiscard]] NIBBLE_HD constexpr nibble::random::words operator()(
      std::uint64_t call) const noexcept {
    return nibble::random::philox4x32<>{seed, *stream}(columns == 0 ? call : in_whole(call));
  }

 private:
  [[nodiscard]] NIBBLE_HD constexpr std::uint64_t in_whole(std::uint64_t call) const noexcept {
    constexpr std::uint64_t of_scales = std::uint64_t{1} << 63;
    std::uint64_t const is_apart = call & of_scales, served = is_apart != 0 ? 128 : 16;
    std::uint64_t const element = (call ^ is_apart) * served;
    std::uint64_t const row = element / columns, column = element % columns;
    return (first + row * whole_columns + column) / served | is_apart;
  }
};

/// A fresh_hadamard whose signs are drawn when it is applied.
template <int N, class Result>
struct hadamard_in_memory {
  static constexpr int size = N;

  layer_source source{};

  NIBBLE_HD constexpr void apply(float (&values)[std::size_t{N}]) const noexcept {
    drawn().apply(values);
  }
  NIBBLE_HD constexpr void invert(float (&values)[std::size_t{N}]) const noexcept {
    drawn().invert(values);
  }

 private:
  [[nodiscard]] NIBBLE_HD constexpr auto drawn() const noexcept {
    return nibble::transform::random_hadamard<N, Result>::drawn(source);
  }
};

/// The same policy with its random numbers in memory; a policy without any stays as it is.
template <class Policy>
struct in_memory {
  using type = Policy;
};
template <int Bits, int Rounds>
struct in_memory<nibble::rounding::stochastic<Bits, nibble::random::philox4x32<Rounds>>> {
  static_assert(Bits == 8 && Rounds == 10, "got other random numbers than layer_source serves");
  using type = nibble::rounding::stochastic<Bits, layer_source>;
};
template <int Columns, int Bits, int Rounds>
struct in_memory<nibble::correction::eden<Columns, Bits, nibble::random::philox4x32<Rounds>>> {
  static_assert(Bits == 16 && Rounds == 10, "got other random numbers than layer_source serves");
  using type = nibble::correction::eden<Columns, Bits, layer_source>;
};
template <int N, class Result>
struct in_memory<nibble::transform::fresh_hadamard<N, Result>> {
  using type = hadamard_in_memory<N, Result>;
};
template <class Block, class Scaling, class Rounding, class Transform, class Correction>
struct in_memory<nibble::quantizer<Block, Scaling, Rounding, Transform, Correction>> {
  using type =
      nibble::quantizer<Block, Scaling, typename in_memory<Rounding>::type,
                        typename in_memory<Transform>::type, typename in_memory<Correction>::type>;
};

}  // namespace nibble_torch
