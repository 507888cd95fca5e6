// SPDX-License-Identifier: Apache-2.0
// Blocks of sixteen that a thread's encoder must get right, and the comparison with the quantizer.
#pragma once

#include <nibble/device/pair_blocks.cuh>
#include <nibble/nibble.hpp>

#include "oracle/blocks.hpp"
#include "support/device_memory.cuh"

namespace fixture {

/// Blocks of bf16 numbers: of few bits, so that ties occur, over many magnitudes; blocks of zeros of either
/// sign, of subnormals, with NaN, with infinity and with the largest numbers.
inline std::vector<float> blocks_of_sixteen() {
  oracle::bit_source random(23);
  std::vector<float> values;
  for (int block = 0; block < 2048; ++block) {
    auto const exponent = static_cast<std::uint32_t>(block % 3 == 0 ? 127 : 1 + random.below(250));
    for (int i = 0; i < 16; ++i) {
      auto const bits = static_cast<std::uint32_t>(random.below(2)) << 31 |
                        (exponent + static_cast<std::uint32_t>(random.below(4))) << 23 |
                        static_cast<std::uint32_t>(random.below(block % 2 == 0 ? 4 : 128))
                            << (block % 2 == 0 ? 21 : 16);
      values.push_back(nibble::detail::float_from_bits(bits));
    }
  }
  for (std::uint32_t const bits :
       {0u, 0x80000000u, 0x00010000u, 0x80010000u, 0x007F0000u, 0x7FC00000u, 0xFFC00000u,
        0x7F800000u, 0xFF800000u, 0x7F7F0000u, 0x0C000000u}) {
    for (int block = 0; block < 4; ++block) {
      for (int i = 0; i < 16; ++i) {
        bool const is_special = block == 0 || (block == 1 && i == 7) ||
                                (block == 2 && i % 2 == 0) || (block == 3 && i == 15);
        values.push_back(is_special ? nibble::detail::float_from_bits(bits)
                                    : static_cast<float>(i - 8) * (block == 2 ? 0.0f : 0.5f));
      }
    }
  }
  while (values.size() % (16 * 64) != 0) values.push_back(1.0f);
  return values;
}

template <class Encode, class Quantizer>
__global__ void encode_blocks(float const* values, float amax, Quantizer q, std::uint64_t* codes,
                              typename Quantizer::scale_type* scales) {
  using encoder_type = typename Encode::template encoder<Quantizer>;
  alignas(16) __shared__ float table[encoder_type::table_size];
  encoder_type const encoder(q, amax, table);
  nibble::device::detail::fill_tables(encoder);
  __syncthreads();
  auto const block = blockIdx.x * blockDim.x + threadIdx.x;
  float sixteen[16];
  for (int i = 0; i < 16; ++i) sixteen[i] = values[16 * block + static_cast<unsigned>(i)];
  codes[block] = Encode::encode(encoder, sixteen, std::uint64_t{16} * block, scales[block]);
}

/// How many blocks come out other than the quantizer makes them. Encode: the type of the encoder, and
/// encode(encoder, values, position, scale).
template <class Encode, class Quantizer>
int different_blocks(Quantizer const& q, float amax) {
  auto const values = blocks_of_sixteen();
  std::size_t const blocks = values.size() / 16;
  device_vector<float> const in(values.begin(), values.end());
  device_vector<std::uint64_t> codes(blocks);
  device_vector<std::uint8_t> scales(blocks);
  encode_blocks<Encode><<<static_cast<unsigned>(blocks / 64), 64>>>(
      in.data(), amax, q, codes.data(),
      reinterpret_cast<typename Quantizer::scale_type*>(scales.data()));
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  auto const got_codes = copied(codes);
  auto const got_scales = copied(scales);
  int differences = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    float row[16];
    for (std::size_t i = 0; i < 16; ++i) row[i] = values[16 * b + i];
    auto const expected = q(row, nibble::tensor_amax{amax}, nibble::position(16 * b));
    std::uint64_t word = 0;
    for (int i = 0; i < 16; ++i)
      word |= static_cast<std::uint64_t>(expected.codes[i].bits()) << (4 * i);
    differences += got_codes[b] != word || got_scales[b] != expected.scale.bits();
  }
  return differences;
}

}  // namespace fixture
