// SPDX-License-Identifier: Apache-2.0
// A matrix of any floats under any amax: whole-matrix functions, which take the short cuts, against
// the integer oracle, block by block: nearest, stochastic with given words, Four Over Six.
#include <nibble/matrix.hpp>

#include "fuzz/input.hpp"
#include "support/block_witness.hpp"

namespace {

using fuzz::require;
using namespace nibble;

/// Random words for the sixteen elements of a block, at 8 bits each, as random::fill reads them.
struct given_words {
  std::uint32_t value[4];

  constexpr random::words operator()(std::uint64_t) const noexcept {
    return {{value[0], value[1], value[2], value[3]}};
  }
};

oracle::block block_of(quantized_matrix<nvfp4_block> const& m, std::size_t block) {
  oracle::block result{m.scales()[block].bits(), {}};
  for (std::size_t i = 0; i != 16; ++i) {
    std::uint8_t const byte = m.code_bytes()[8 * block + i / 2];
    result.codes[i] = i % 2 == 0 ? byte & 15 : byte >> 4;
  }
  return result;
}

template <class Quantizer>
quantized_matrix<nvfp4_block> quantize_rows(std::vector<float> const& values, float amax,
                                            Quantizer const& q) {
  auto const rows = static_cast<matrix_index>(values.size() / 16);
  auto const in = *make_matrix_view(
      cuda::std::span<float const>(values.data(), values.size()), rows, matrix_index{16});
  quantized_matrix<nvfp4_block> out(shape_for<Quantizer>(rows, 16));
  out.view().amax(0, 0) = amax;
  quantize_with_amax(in, out.view(), q, threads{1});
  return out;
}

template <class Metric>
void choose_four(std::vector<oracle::sixteen> const& blocks, std::vector<float> const& values,
                 std::uint32_t amax, oracle::metric metric) {
  using scaling_type = scaling::four_over_six<Metric>;
  auto const made = quantize_rows(values, detail::float_from_bits(amax),
                                  quantizer<nvfp4_block, scaling_type>{});
  for (std::size_t b = 0; b != blocks.size(); ++b) {
    auto const expected =
        oracle::four_over_six<1>({blocks[b]}, amax, metric, 256);
    require(block_of(made, b) == oracle::block{expected.scale, expected.codes[0]}, "4/6");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  fuzz::input in(bytes, size);
  auto const amax = in.take<std::uint32_t>() & 0x7FFF'FFFFu;
  given_words const words = in.take<given_words>();
  std::vector<oracle::sixteen> blocks;
  while (!in.empty() && blocks.size() != 37) blocks.push_back(in.take<oracle::sixteen>());
  std::vector<float> values;
  for (oracle::sixteen const& block : blocks) {
    for (std::uint32_t const word : block) values.push_back(detail::float_from_bits(word));
  }
  // Found by whoever makes the amax, with NaN left out: what the oracle's formulas start from.
  bool const has_amax = amax <= 0x7F80'0000u;
  std::uint32_t const tensor = has_amax ? amax : 0x4000'0000u;

  auto const nearest = quantize_rows(values, detail::float_from_bits(tensor), quantizer<>{});
  using rounding_type = rounding::stochastic<8, given_words>;
  auto const stochastic =
      quantize_rows(values, detail::float_from_bits(tensor),
                    quantizer<nvfp4_block, scaling::amax<>, rounding_type>{{}, {words}, {}, {}});
  oracle::sixteen each{};
  for (std::size_t i = 0; i != 16; ++i) each[i] = words.value[i / 4] >> (8 * (i % 4)) & 0xFFu;
  std::vector<float> restored(values.size());
  auto const result = *make_matrix_view(
      cuda::std::span<float>(restored.data(), restored.size()),
      static_cast<matrix_index>(blocks.size()), matrix_index{16});
  dequantize(nearest.view(), result, quantizer<>{}, domain::original, threads{1});
  for (std::size_t b = 0; b != blocks.size(); ++b) {
    oracle::block const expected = oracle::quantize(blocks[b], tensor);
    require(block_of(nearest, b) == expected, "nearest");
    require(block_of(stochastic, b) == oracle::quantize_stochastic(blocks[b], tensor, each, 8),
            "stochastic");
    oracle::sixteen const numbers = oracle::dequantize(expected, tensor);
    for (std::size_t i = 0; i != 16; ++i) {
      require(oracle::same(detail::float_bits(restored[16 * b + i]), numbers[i]), "dequantize");
    }
  }
  choose_four<scaling::squared_error>(blocks, values, tensor, oracle::metric::squared);
  choose_four<scaling::absolute_error>(blocks, values, tensor, oracle::metric::absolute);
  return 0;
}
