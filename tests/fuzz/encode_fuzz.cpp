// SPDX-License-Identifier: Apache-2.0
// Any floats and doubles into every format, by every rounding, against tables of exact fractions.
#include <nibble/nibble.hpp>

#include "fuzz/input.hpp"
#include "support/witness.hpp"

namespace {

using fuzz::require;
using namespace nibble;

template <format::float_format Format>
void convert(std::uint32_t bits, std::uint64_t wide_bits, std::uint32_t random) {
  using enum format::overflow;
  using oracle::direction;
  oracle::table const& table = witness::table<Format>();
  float const value = detail::float_from_bits(bits);
  oracle::number const exact = oracle::from_binary32(bits);
  oracle::number const wide = oracle::from_binary64(wide_bits);
  require(arch::encode<Format>(value) == table.convert(exact), "float by the format's own rule");
  require(arch::encode<Format>(detail::bit_cast<double>(wide_bits)) == table.convert(wide),
          "double by the format's own rule");
  require(format::encode<Format, format::nearest_even>(value) ==
              table.encode(exact, direction::nearest_even),
          "nearest even");
  require(format::encode<Format, format::nearest_away>(value) ==
              table.encode(exact, direction::nearest_away),
          "nearest away");
  require(format::encode<Format, format::toward_zero>(value) ==
              table.encode(exact, direction::toward_zero),
          "toward zero");
  require(format::encode<Format, format::nearest_even, to_special>(value) ==
              table.encode(exact, direction::nearest_even, oracle::overflow::special),
          "nearest even, to special");
  if constexpr (Format.has_zero) {
    require(format::encode<Format, format::stochastic<8>>(value, random & 0xFFu) ==
                table.encode_stochastic(exact, random & 0xFFu, 8),
            "stochastic, 8 bits");
    require(format::encode<Format, format::stochastic<24>>(value, random & 0xFF'FFFFu) ==
                table.encode_stochastic(exact, random & 0xFF'FFFFu, 24),
            "stochastic, 24 bits");
  }
  // Every code decodes to its exact value, and codes of numbers are fixed points.
  std::uint32_t const code = bits & Format.mask();
  float const decoded = format::decode<Format>(code);
  oracle::number const meant = table.decode(code);
  if (meant.type == oracle::kind::finite) {
    require(witness::as_double(meant.value) == static_cast<double>(decoded), "decode");
    require(arch::encode<Format>(decoded) == code, "a number comes back");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t size) {
  fuzz::input in(bytes, size);
  while (!in.empty()) {
    auto const word = in.take<std::uint32_t>();
    auto const wide = in.take<std::uint64_t>();
    auto const random = in.take<std::uint32_t>();
    witness::for_every_format(
        [&]<format::float_format Format>() { convert<Format>(word, wide, random); });
  }
  return 0;
}
