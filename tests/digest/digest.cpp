// SPDX-License-Identifier: Apache-2.0
// One number that stands for about a million conversions: every build of it must print the same.
#include <cstdio>

#include <nibble/nibble.hpp>

#include "corpus.hpp"

namespace {

namespace format = nibble::format;

using corpus::digest;
using corpus::number;
using corpus::word;

template <format::float_format Format>
void convert(digest& d) {
  using enum format::overflow;
  for (std::uint32_t code = 0; code <= Format.mask(); code += Format.width() > 8 ? 5 : 1) {
    d.take(format::decode<Format>(code));
  }
  for (std::uint64_t i = 0; i != 8192; ++i) {
    float const x = number(i);
    auto const random = static_cast<std::uint32_t>(word(i ^ 0xFFFF));
    // A NaN is left out: widening it is the one step here that is not integers alone.
    bool const is_nan = (nibble::detail::float_bits(x) & 0x7FFF'FFFFu) > 0x7F80'0000u;
    double const wide = is_nan ? 1.0 : static_cast<double>(x);
    std::uint64_t const wide_bits =
        nibble::detail::bit_cast<std::uint64_t>(wide) + (word(i) >> 40 & 3);
    d.take(std::uint64_t{nibble::arch::encode<Format>(x)} << 16 |
           format::encode<Format, format::nearest_even>(x));
    d.take(std::uint64_t{format::encode<Format, format::nearest_away, to_special>(x)} << 32 |
           format::encode<Format, format::toward_zero>(x) << 16 |
           format::encode<Format, format::away_from_zero, to_special>(x));
    d.take(std::uint64_t{format::encode<Format, format::stochastic<8>>(x, random)} << 32 |
           format::encode<Format, format::stochastic<24>>(x, random) << 16 |
           nibble::arch::encode<Format>(nibble::detail::bit_cast<double>(wide_bits)));
  }
}

void calculate(digest& d) {
  namespace arch = nibble::arch;
  for (std::uint64_t i = 0; i != 65536; ++i) {
    float const a = number(3 * i);
    float const b = number(3 * i + 1);
    float const c = number(3 * i + 2);
    d.take(arch::add(arch::multiply(a, b), c));
    d.take(arch::subtract(arch::multiply(a, b), arch::multiply(b, c)));
    d.take(arch::multiply(arch::multiply(a, b), c));
    d.take(arch::add(arch::add(a, b), c));
    d.take(arch::divide(arch::divide(a, b), c));
    d.take(arch::divide(a, 3.0f));
    d.take(arch::minimum(a, b));
  }
}

/// Groups of one quantizer: their bytes, and the numbers that they stand for.
template <class Quantizer>
void quantize(digest& d, Quantizer const& q, int groups) {
  constexpr auto rows = static_cast<std::size_t>(Quantizer::group.rows);
  constexpr auto columns = static_cast<std::size_t>(Quantizer::group.columns);
  using block = typename Quantizer::block_type;
  struct matrix {
    float values[rows][columns];
    float operator()(int r, int c) const {
      return values[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)];
    }
  };
  auto const take_block = [&](block const& b, auto const& factors) {
    for (auto const byte : b.codes.bytes()) {
      d.take(std::uint64_t{byte});
    }
    d.take(static_cast<float>(b.scale));
    for (float const value : Quantizer::decode(b, factors)) {
      d.take(value);
    }
  };
  for (int g = 0; g != groups; ++g) {
    matrix in{};
    std::uint32_t largest = 0;
    std::uint64_t i = static_cast<std::uint64_t>(g) << 16;
    for (auto& row : in.values) {
      for (float& value : row) {
        value = number(i++);
        // Most groups are finite and of close magnitudes; the others are whatever comes.
        std::uint32_t bits = nibble::detail::float_bits(value);
        if (g % 8 != 0) {
          bits = (bits & 0x81FF'FFFFu) | 0x3C00'0000u;
        }
        value = nibble::detail::float_from_bits(bits);
        std::uint32_t const magnitude = nibble::amax_bits(value);
        largest = magnitude > largest ? magnitude : largest;
      }
    }
    // The amax of a larger tensor, by a factor that is no power of two.
    float const amax =
        nibble::arch::multiply(nibble::detail::float_from_bits(largest), g % 3 != 0 ? 1.37f : 1.0f);
    auto const factors = Quantizer::prepare({amax});
    d.take(factors.encode);
    d.take(factors.decode);
    auto const blocks = q(in, factors, nibble::position{i, columns * 7});
    if constexpr (Quantizer::is_one_block) {
      take_block(blocks, factors);
    } else {
      for (auto const& row : blocks.blocks) {
        for (auto const& one : row) {
          take_block(one, factors);
        }
      }
    }
  }
}

template <class Scaling, class Block = nibble::nvfp4_block>
void quantize_with_every_policy(digest& d, int groups) {
  namespace rounding = nibble::rounding;
  namespace transform = nibble::transform;
  using random = nibble::random::philox4x32<>;
  quantize(d, nibble::quantizer<Block, Scaling>{}, groups);
  quantize(d,
           nibble::quantizer<Block, Scaling, rounding::stochastic<8>>{{}, {random{1, 2}}, {}, {}},
           groups);
  quantize(d, nibble::quantizer<Block, Scaling, rounding::nearest_even, transform::hadamard<32>>{},
           groups / 2);
}

/// The scales of tiles under one amax: chosen many at once where the policy can, else each alone.
template <class Scaling>
void choose_scales(digest& d, int calls) {
  using block = nibble::nvfp4_block;
  using chosen = nibble::scaling::chosen<nibble::fp8_e4m3>;
  constexpr std::size_t many = nibble::scaling::tiles_at_once;
  auto const factors = nibble::quantizer<block, Scaling>::prepare({2.9f});
  std::uint64_t i = 0;
  for (int call = 0; call != calls; ++call) {
    float tiles[many][16];
    for (auto& tile : tiles) {
      for (float& value : tile) {
        std::uint32_t const bits = nibble::detail::float_bits(number(i++));
        value = nibble::detail::float_from_bits((bits & 0x81FF'FFFFu) | 0x3E00'0000u);
      }
    }
    chosen scales[many]{};
    if constexpr (nibble::scaling::chooses_each<Scaling, block>) {
      Scaling{}.template choose_each<block>(tiles, factors, scales);
    } else {
      for (std::size_t t = 0; t != many; ++t) {
        float alone[1][16];
        for (std::size_t k = 0; k != 16; ++k) {
          alone[0][k] = tiles[t][k];
        }
        scales[t] = Scaling{}.template choose<block>(alone, factors);
      }
    }
    for (chosen const& scale : scales) {
      d.take(static_cast<float>(scale.scale));
      d.take(scale.encode);
    }
  }
}

/// The tensor scales of any amax, tiny and infinite ones too, and the factors of blocks under them.
void derive_scales(digest& d) {
  using nvfp4 = nibble::quantizer<>;
  for (std::uint64_t i = 0; i != 8192; ++i) {
    auto const bits = static_cast<std::uint32_t>(word(i)) & 0x7FFF'FFFFu;
    auto const factors =
        nvfp4::prepare({nibble::detail::float_from_bits(i % 4 != 0 ? bits : bits >> (i % 32))});
    auto const scale =
        nibble::fp8_e4m3::from_bits(static_cast<std::uint32_t>(word(i) >> 40) & 0x7Fu);
    d.take(factors.encode);
    d.take(factors.decode);
    d.take(nvfp4::multiplier(scale, factors));
    d.take(nvfp4::outer::decode<nibble::fp4_e2m1>(static_cast<float>(scale), factors));
  }
}

void quantize(digest& d) {
  namespace scaling = nibble::scaling;
  namespace tensor_scale = nibble::tensor_scale;
  namespace rounding = nibble::rounding;
  namespace transform = nibble::transform;
  using scaling::tile;
  quantize_with_every_policy<scaling::amax<>>(d, 256);
  quantize_with_every_policy<scaling::amax<tile::square>>(d, 16);
  quantize_with_every_policy<
      scaling::amax<tile::row, tensor_scale::current<>, format::nearest_even, 16, 17>>(d, 128);
  quantize_with_every_policy<scaling::four_over_six<>>(d, 128);
  quantize_with_every_policy<scaling::four_over_six<scaling::absolute_error, tile::square>>(d, 16);
  quantize_with_every_policy<scaling::four_over_six<scaling::largest_error>>(d, 64);
  // An error decides by its last bits here and there: many tiles, or no flag would be found out.
  quantize(d, nibble::quantizer<nibble::nvfp4_block, scaling::four_over_six<>>{}, 4096);
  choose_scales<scaling::four_over_six<>>(d, 256);
  choose_scales<scaling::four_over_six<scaling::absolute_error>>(d, 256);
  choose_scales<scaling::four_over_six<scaling::largest_error>>(d, 64);
  quantize(d, nibble::quantizer<nibble::nvfp4_block, scaling::exhaustive<>>{}, 16);
  quantize_with_every_policy<scaling::power_of_two<>, nibble::mxfp4_block>(d, 64);
  using round_up = scaling::power_of_two<scaling::exponent_rule::round_up>;
  quantize(d, nibble::quantizer<nibble::mxfp8_block, round_up>{}, 64);
  quantize(d, nibble::quantizer<nibble::mxfp8_e5m2_block, round_up>{}, 64);
  quantize(d, nibble::quantizer<nibble::mxfp6_e2m3_block, round_up, rounding::nearest_away>{}, 64);
  quantize(d, nibble::quantizer<nibble::mxfp6_e3m2_block, round_up, rounding::toward_zero>{}, 64);
  quantize(d, nibble::quantizer<nibble::fp8_block, scaling::amax<tile::row, tensor_scale::none>>{},
           32);
  using ue5m3_block = nibble::block<nibble::fp4_e2m1, nibble::ue5m3, 16>;
  quantize(d, nibble::quantizer<ue5m3_block, scaling::amax<tile::row, tensor_scale::none>>{}, 64);
  using row_scaled = scaling::amax<tile::row, tensor_scale::per_row<>>;
  quantize(d,
           nibble::quantizer<nibble::nvfp4_block, row_scaled, rounding::stochastic<24>,
                             transform::random_hadamard<128>>{},
           64);
  quantize(d,
           nibble::quantizer<nibble::nvfp4_block, row_scaled, rounding::stochastic<16>,
                             transform::random_hadamard<16, nibble::bf16>>{},
           64);
  quantize(d,
           nibble::quantizer<nibble::nvfp4_block, scaling::amax<>, rounding::nearest_even,
                             transform::hadamard<64>>{},
           64);
}

}  // namespace

int main() {
  digest d;
  convert<format::e2m1>(d);
  convert<format::e1m2>(d);
  convert<format::int4>(d);
  convert<format::e2m3>(d);
  convert<format::e3m2>(d);
  convert<format::e4m3>(d);
  convert<format::e5m2>(d);
  convert<format::e8m0>(d);
  convert<format::ue5m3>(d);
  convert<format::bf16>(d);
  convert<format::fp16>(d);
  calculate(d);
  derive_scales(d);
  quantize(d);
  std::printf("%016llx\n", static_cast<unsigned long long>(d.state));
}
