// SPDX-License-Identifier: Apache-2.0
// Which of the oracle's tables a format of the library is held against, and floats worth trying.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <nibble/format/encode.hpp>

#include "oracle/formats.hpp"

namespace witness {

template <nibble::format::float_format Format>
oracle::table const& table() {
  using namespace nibble;
  static_assert(Format == format::e2m1 || Format == format::e1m2 || Format == format::int4 ||
                Format == format::e2m3 || Format == format::e3m2 || Format == format::e4m3 ||
                Format == format::e5m2 || Format == format::e8m0 || Format == format::ue5m3 ||
                Format == format::fp16 || Format == format::bf16);
  return oracle::table_of(Format == format::e2m1    ? oracle::e2m1
                          : Format == format::e1m2  ? oracle::e1m2
                          : Format == format::int4  ? oracle::int4
                          : Format == format::e2m3  ? oracle::e2m3
                          : Format == format::e3m2  ? oracle::e3m2
                          : Format == format::e4m3  ? oracle::e4m3
                          : Format == format::e5m2  ? oracle::e5m2
                          : Format == format::e8m0  ? oracle::e8m0
                          : Format == format::ue5m3 ? oracle::ue5m3
                          : Format == format::fp16  ? oracle::fp16
                                                    : oracle::bf16);
}

/// Calls check.template operator()<Format>() for every format that the library names.
template <class Check>
void for_every_format(Check check) {
  using namespace nibble;
  check.template operator()<format::e2m1>();
  check.template operator()<format::e1m2>();
  check.template operator()<format::int4>();
  check.template operator()<format::e2m3>();
  check.template operator()<format::e3m2>();
  check.template operator()<format::e4m3>();
  check.template operator()<format::e5m2>();
  check.template operator()<format::e8m0>();
  check.template operator()<format::ue5m3>();
  check.template operator()<format::fp16>();
  check.template operator()<format::bf16>();
}

inline oracle::number exactly(float value) {
  return oracle::from_binary32(std::bit_cast<std::uint32_t>(value));
}
inline oracle::number exactly(double value) {
  return oracle::from_binary64(std::bit_cast<std::uint64_t>(value));
}

/// The double that a finite dyadic number is; every one of these formats and their ties is a
/// double.
inline double as_double(oracle::dyadic const& value) {
  double result = static_cast<double>(static_cast<std::uint64_t>(value.significand));
  for (int i = 0; i < value.exponent; ++i) {
    result *= 2;
  }
  for (int i = 0; i > value.exponent; --i) {
    result /= 2;
  }
  return value.negative ? -result : result;
}

/// The magnitudes of a format, the ties between them, and one tie past the largest: as doubles.
inline std::vector<double> values_and_ties(oracle::table const& table) {
  std::vector<double> result;
  for (std::size_t i = 0; i != table.size(); ++i) {
    double const value = as_double(table.magnitude(i));
    result.push_back(value);
    if (i + 1 != table.size()) {
      result.push_back((value + as_double(table.magnitude(i + 1))) / 2);
    } else if (i > 0) {
      result.push_back(value + (value - as_double(table.magnitude(i - 1))) / 2);
    }
  }
  result.push_back(as_double(table.magnitude(0)) / 2);
  return result;
}

/// Both signs of every value and tie of a format as floats, with their neighbours on either side.
inline std::vector<float> hard_floats(oracle::table const& table) {
  std::vector<float> result;
  for (double const value : values_and_ties(table)) {
    auto const bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    for (std::uint32_t step = 0; step != 5; ++step) {
      std::uint32_t const magnitude = (bits + step - 2) & oracle::magnitude_mask;
      result.push_back(std::bit_cast<float>(magnitude));
      result.push_back(std::bit_cast<float>(magnitude | oracle::sign_mask));
    }
  }
  return result;
}

/// Signed zeros, the ends of the subnormals and of the floats, infinities, quiet and signalling
/// NaNs of both signs, as bits: a signalling NaN need not survive a trip through a float variable.
inline constexpr std::uint32_t special_floats[] = {
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x807FFFFF, 0x00800000,
    0x80800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0xFF800001,
    0x7FBFFFFF, 0xFFBFFFFF, 0x7FC00000, 0xFFC00000, 0x7FFFFFFF, 0xFFFFFFFF};

}  // namespace witness
