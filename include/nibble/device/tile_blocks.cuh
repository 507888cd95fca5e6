// SPDX-License-Identifier: Apache-2.0
// The blocks of a tile in shared memory, along its rows and along its columns.
#pragma once

#include "nibble/device/pairs.cuh"
#include "nibble/device/tile128.cuh"
#include "nibble/mma/decode.hpp"

namespace nibble::device::detail {

/// Where a thread's block lies in its tile, and what its square tile found, if there are such.
struct block_place {
  int row, block, square;
  float largest;
};

template <class Quantizer>
__device__ __forceinline__ block_place place_of(int row, int block, int square,
                                                float const* largest) {
  return {row, block, square, has_square_tiles<Quantizer> ? largest[square] : 0.0f};
}

template <class Place>
[[nodiscard]] __device__ __forceinline__ std::uint64_t position_of_block(Place const& place,
                                                                         block_place at) {
  return place.position + static_cast<unsigned>(at.row) * place.columns +
         16u * static_cast<unsigned>(at.block);
}

template <class Scale>
__device__ __forceinline__ void store_block(tile_place const& place, block_place at,
                                            std::uint64_t codes, Scale const&) {
  *reinterpret_cast<std::uint64_t*>(place.codes + at.row * place.pitch + 8 * at.block) = codes;
}
/// Code times scale, exactly: codes are 2^-126 of their value once decoded, so the scale takes 2^100
/// of that back, which no one-byte scale makes overflow, and a second product the rest.
template <class Scale>
__device__ __forceinline__ void store_block([[maybe_unused]] decoded_place const& place,
                                            [[maybe_unused]] block_place at,
                                            [[maybe_unused]] std::uint64_t codes,
                                            [[maybe_unused]] Scale const& scale) {
#if NIBBLE_HAS_MMA_F16
  float const raised = arch::multiply(static_cast<float>(scale), 0x1p100f);
  std::uint32_t const factor = arch::ptx::cvt_rn_bf16x2_f32(raised, raised);
  auto* const to = reinterpret_cast<uint4*>(place.values + at.row * place.pitch + 16 * at.block);
  for (int half = 0; half < 2; ++half) {
    std::uint32_t pairs[4];
    mma::decode_e2m1<format::bf16>(static_cast<std::uint32_t>(codes >> (32 * half)), pairs);
    for (auto& pair : pairs) {
      pair = arch::ptx::mul_rn_bf16x2(arch::ptx::mul_rn_bf16x2(pair, factor), 0x4C80'4C80u);
    }
    to[half] =
        uint4{__byte_perm(pairs[0], pairs[1], 0x5410), __byte_perm(pairs[2], pairs[3], 0x5410),
              __byte_perm(pairs[0], pairs[1], 0x7632), __byte_perm(pairs[2], pairs[3], 0x7632)};
  }
#endif
}

/// One block of 16 floats: transform, encode, store codes, keep the scale.
template <class Quantizer, class Place>
__device__ __forceinline__ void encode_block(float (&values)[16],
                                             sixteen_encoder<Quantizer> const& encoder,
                                             side_memory<Quantizer>& memory, Place const& place,
                                             block_place at) {
  std::uint64_t const position = position_of_block(place, at);
  std::uint64_t codes;
  if constexpr (has_square_tiles<Quantizer>) {
    codes = encoder.codes(values, memory.encode[at.square], at.largest, position);
    memory.scales[at.row][at.block] = memory.tile_scale[at.square];
  } else {
    encoder.transform(values);
    codes = encoder(values, position, memory.scales[at.row][at.block]);
  }
  store_block(place, at, codes, memory.scales[at.row][at.block]);
}

/// One block of 16 untransformed bf16 in pairs, of a square tile or not.
template <class Quantizer, class Place>
__device__ __forceinline__ void encode_block_of_pairs(std::uint32_t const (&pairs)[8],
                                                      sixteen_encoder<Quantizer> const& encoder,
                                                      side_memory<Quantizer>& memory,
                                                      Place const& place, block_place at) {
  std::uint64_t const position = position_of_block(place, at);
  if constexpr (has_square_tiles<Quantizer>) {
    float const encode = memory.encode[at.square];
    memory.scales[at.row][at.block] = memory.tile_scale[at.square];
    if (is_below_7(arch::multiply(at.largest, encode))) {
      store_block(place, at, plain_codes_of_pairs(encoder, pairs, encode, position),
                  memory.scales[at.row][at.block]);
    } else {
      float values[16];
      for (int i = 0; i < 8; ++i) widen<bf16>(pairs[i], values + 2 * i);
      store_block(place, at, encoder.slow_codes(values, encode, position),
                  memory.scales[at.row][at.block]);
    }
  } else {
    std::uint64_t const codes =
        encode_row_of_pairs(encoder, pairs, position, memory.scales[at.row][at.block]);
    store_block(place, at, codes, memory.scales[at.row][at.block]);
  }
}

/// The tile's blocks along its rows: lane l takes row l % 8 of 8 and block l / 8 of 4, so that the
/// codes of a row leave in 32 bytes.
template <class T, class Quantizer, class Place>
__device__ __forceinline__ void encode_rows(uint4 const* tile,
                                            sixteen_encoder<Quantizer> const& encoder,
                                            side_memory<Quantizer>& memory, Place const& place,
                                            float const* largest) {
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll 1
  for (int i = 0; i < 4; ++i) {
    int const row = warp * 16 + i % 2 * 8 + lane % 8, block = i / 2 * 4 + lane / 8;
    if (row >= place.rows || block >= place.blocks) continue;
    block_place const at =
        place_of<Quantizer>(row, block, row / 16 * blocks_per_edge + block, largest);
    if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
      std::uint32_t pairs[8];
      load_row_of_pairs<T>(tile, row, block, pairs);
      encode_block_of_pairs(pairs, encoder, memory, place, at);
    } else {
      float values[16];
      load_row<T>(tile, row, block, values);
      encode_block(values, encoder, memory, place, at);
    }
  }
}

/// Column `half` of 16 words of two bf16 each: turned into pairs, transformed if need be, encoded.
/// again(values): the column once more, for the rare cases.
template <class Quantizer, class Place, class Again>
__device__ __forceinline__ void encode_column_of_pairs(std::uint32_t const (&words)[16], int half,
                                                       sixteen_encoder<Quantizer> const& encoder,
                                                       side_memory<Quantizer>& memory,
                                                       Place const& place, block_place at,
                                                       Again const& again) {
  std::uint32_t pairs[8];
  if constexpr (Quantizer::transform_type::size == 1) {
    for (int i = 0; i < 8; ++i) {
      pairs[i] = __byte_perm(words[2 * i], words[2 * i + 1], half == 0 ? 0x5410 : 0x7632);
    }
    encode_block_of_pairs(pairs, encoder, memory, place, at);
  } else {
    float values[16];
    for (int k = 0; k < 16; ++k) {
      float both[2];
      widen<bf16>(words[k], both);
      values[k] = both[half];
    }
    hadamard_to_pairs(values, pairs);
    std::uint64_t const codes = encode_pairs(encoder, pairs, position_of_block(place, at),
                                             memory.scales[at.row][at.block], again);
    store_block(place, at, codes, memory.scales[at.row][at.block]);
  }
}

/// The tile's blocks along its columns: a thread takes the columns of one word, so that two-byte
/// values come in pairs, and lane l columns l % 8 of 8 and block l / 8 of 4.
template <class T, class Quantizer, class Place>
__device__ __forceinline__ void encode_columns(uint4 const* tile,
                                               sixteen_encoder<Quantizer> const& encoder,
                                               side_memory<Quantizer>& memory, Place const& place,
                                               float const* largest) {
  constexpr int together = 4 / static_cast<int>(sizeof(T));
  int const lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  auto const* const stored = reinterpret_cast<std::uint32_t const*>(tile);
#pragma unroll 1
  for (int i = 0; i < 4 / together; ++i) {
    int const word = (i / 2 * 8 + warp) * 8 + lane % 8, block = i % 2 * 4 + lane / 8;
    if (word * together >= place.rows || block >= place.blocks) continue;
    auto const load = [&](int k) {
      return stored[4 * chunk_place<T>(block * 16 + k, word / 4) + word % 4];
    };
    auto const place_at = [&](int c) {
      int const row = word * together + c;
      return place_of<Quantizer>(row, block, block * blocks_per_edge + row / 16, largest);
    };
    if constexpr (std::is_same_v<T, bf16> && takes_pairs<Quantizer>) {
      std::uint32_t words[16];
      for (int k = 0; k < 16; ++k) {
        std::uint32_t const sign = sign_of(encoder.policies().transform, k);
        words[k] = load(k) ^ (sign | sign >> 16);
      }
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        encode_column_of_pairs(words, c, encoder, memory, place, place_at(c),
                               [&](float(&values)[16]) {
                                 for (int k = 0; k < 16; ++k) {
                                   float both[2];
                                   widen<bf16>(load(k), both);
                                   values[k] = both[c];
                                 }
                                 encoder.transform(values);
                               });
      }
    } else {
      float values[std::size_t{together}][16];
      for (int k = 0; k < 16; ++k) {
        float found[std::size_t{together}];
        widen<T>(load(k), found);
        for (int c = 0; c < together; ++c) values[c][k] = found[c];
      }
#pragma unroll
      for (int c = 0; c < together; ++c) {
        encode_block(values[c], encoder, memory, place, place_at(c));
      }
    }
  }
}

/// The amaxes of 64 square tiles, each with NaN and without: four threads a tile, four rows each.
template <class T>
__device__ __forceinline__ void find_tile_amaxes(uint4 const* tile, float (&largest)[64],
                                                 float (&amaxes)[64]) {
  int const square = static_cast<int>(threadIdx.x) / 4, part = static_cast<int>(threadIdx.x) % 4;
  std::uint32_t with_nan = 0, without = 0;
  for (int r = 0; r < 4; ++r) {
    int const row = square / blocks_per_edge * 16 + 4 * part + r, block = square % blocks_per_edge;
    float found;
    if constexpr (std::is_same_v<T, bf16>) {
      std::uint32_t pairs[8];
      load_row_of_pairs<T>(tile, row, block, pairs);
      found = amax_of_pairs(pairs);
    } else {
      float values[16];
      load_row<T>(tile, row, block, values);
      found = amax_or_nan(values);
    }
    float number = found;
    if (found != found) {
      float values[16];
      load_row<T>(tile, row, block, values);
      number = nibble::detail::float_from_bits(scaling::row_amax_bits(values));
    }
    with_nan = max(with_nan, nibble::detail::float_bits(found));
    without = max(without, nibble::detail::float_bits(number));
  }
  for (int const other : {1, 2}) {
    with_nan = max(with_nan, __shfl_xor_sync(0xFFFF'FFFFu, with_nan, other));
    without = max(without, __shfl_xor_sync(0xFFFF'FFFFu, without, other));
  }
  if (part == 0) {
    largest[square] = nibble::detail::float_from_bits(with_nan);
    amaxes[square] = nibble::detail::float_from_bits(without);
  }
}

}  // namespace nibble::device::detail
