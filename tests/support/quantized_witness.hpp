// SPDX-License-Identifier: Apache-2.0
// What a quantized matrix must hold, byte by byte: the oracle's blocks laid out by index arithmetic
// of its own, zeros wherever no block lies.
#pragma once

#include <functional>

#include "oracle/nvfp4.hpp"
#include "support/matrices.hpp"

namespace witness {

struct bytes {
  std::vector<std::uint8_t> codes, scales;
  friend bool operator==(bytes const&, bytes const&) = default;
};

/// The storage of rows x columns NVFP4 elements, all zeros, and where things go in it.
class storage {
 public:
  storage(std::int64_t rows, std::int64_t columns, bool tiled)
      : blocks_((columns + 15) / 16), tiled_(tiled) {
    std::int64_t const scales = tiled ? (rows + 127) / 128 * ((blocks_ + 3) / 4) * 512 : rows * blocks_;
    data.codes.resize(static_cast<std::size_t>(rows * blocks_ * 8));
    data.scales.resize(static_cast<std::size_t>(scales));
  }
  std::int64_t blocks() const { return blocks_; }
  void put(std::int64_t row, std::int64_t block, oracle::block const& made) {
    auto const packed = made.bytes();
    std::copy(packed.begin(), packed.end(), data.codes.begin() + (row * blocks_ + block) * 8);
    std::int64_t const r = row, c = block;
    std::int64_t const at = tiled_ ? (r / 128 * ((blocks_ + 3) / 4) + c / 4) * 512 + r % 32 * 16 +
                                         r % 128 / 32 * 4 + c % 4
                                   : r * blocks_ + c;
    data.scales[static_cast<std::size_t>(at)] = made.scale;
  }
  bytes data;

 private:
  std::int64_t blocks_;
  bool tiled_;
};

using value_at = std::function<float(std::int64_t, std::int64_t)>;  // zero beyond the edges

inline oracle::sixteen gather(value_at const& at, std::int64_t row, std::int64_t first) {
  oracle::sixteen result{};
  for (std::int64_t i = 0; i != 16; ++i) {
    result[static_cast<std::size_t>(i)] = std::bit_cast<std::uint32_t>(at(row, first + i));
  }
  return result;
}

/// 1x16 blocks, the amax of each given.
inline bytes rows_of_blocks(std::int64_t rows, std::int64_t columns, bool tiled, value_at const& at,
                            value_at const& amax) {
  storage result(rows, columns, tiled);
  for (std::int64_t r = 0; r != rows; ++r) {
    for (std::int64_t b = 0; b != result.blocks(); ++b) {
      auto const bits = std::bit_cast<std::uint32_t>(amax(r, 16 * b));
      result.put(r, b, oracle::quantize(gather(at, r, 16 * b), bits));
    }
  }
  return result.data;
}

/// 16x16 tiles, their scale in each of their rows.
inline bytes square_tiles(std::int64_t rows, std::int64_t columns, bool tiled, value_at const& at,
                          float amax) {
  storage result(rows, columns, tiled);
  for (std::int64_t first = 0; first < rows; first += 16) {
    for (std::int64_t b = 0; b != result.blocks(); ++b) {
      oracle::tile_values values{};
      for (std::int64_t r = 0; r != 16; ++r) {
        values[static_cast<std::size_t>(r)] = gather(at, first + r, 16 * b);
      }
      oracle::tile const made = oracle::quantize_tile(values, std::bit_cast<std::uint32_t>(amax));
      for (std::int64_t r = 0; r != 16 && first + r < rows; ++r) {
        result.put(first + r, b, made.row(static_cast<std::size_t>(r)));
      }
    }
  }
  return result.data;
}

/// A matrix, zero beyond its edges.
template <class T>
value_at padded(fixture::matrix<T> const& m) {
  return [&m](std::int64_t i, std::int64_t j) {
    return i < m.rows && j < m.columns ? static_cast<float>(m(i, j)) : 0.0f;
  };
}

template <class T>
float amax_of(fixture::matrix<T> const& m) {
  float result = 0;
  for (std::int64_t i = 0; i < m.rows; ++i) {
    for (std::int64_t j = 0; j < m.columns; ++j) {
      float const size = nibble::detail::magnitude(static_cast<float>(m(i, j)));
      result = size > result ? size : result;
    }
  }
  return result;
}

template <class Poisoned>
bytes bytes_of(Poisoned const& from) {
  return {from.code_bytes(), from.scale_bytes()};
}

}  // namespace witness
