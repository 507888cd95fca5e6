// SPDX-License-Identifier: Apache-2.0
// Which quantizers are right on average: the error of the mean of B quantizations of one matrix. An
// unbiased one follows 1/B, a biased one stops at its bias.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "errors/data.hpp"

namespace errors {

/// The squared error of the mean of 1, 2, 4, ... draws, relative to the squares.
struct curve {
  std::string name;
  bool is_unbiased;  // as its paper or its rounding says
  double published;  // decibels at the last draw, of a simulation apart; NaN: none
  std::vector<std::pair<double, double>> points;

  /// 1 on the 1/B line, more above it.
  [[nodiscard]] double above_the_line() const {
    auto const& [count, error] = points.back();
    return error * count / points.front().second;
  }
};

/// draw(source, out): writes one quantization that draws from that source, as floats.
template <class Draw>
curve measure_curve(std::string name, bool is_unbiased, double published, matrix const& m,
                    int draws, Draw const& draw) {
  curve result{std::move(name), is_unbiased, published, {}};
  std::vector<double> sum(m.values.size());
  std::vector<float> back(m.values.size());
  auto const out =
      *nibble::make_matrix_view(cuda::std::span<float>(back.data(), back.size()), m.size, m.size);
  double squares = 0;
  for (float const v : m.values) squares += static_cast<double>(v) * static_cast<double>(v);
  for (int count = 1; count <= draws; ++count) {
    draw(nibble::random::philox4x32<>{7, static_cast<std::uint64_t>(count)}, out);
    double error = 0;
    bool const shows = (count & (count - 1)) == 0;
    for (std::size_t i = 0; i < back.size(); ++i) {
      sum[i] += static_cast<double>(back[i]);
      if (!shows) continue;
      double const e = sum[i] / count - static_cast<double>(m.values[i]);
      error += e * e;
    }
    if (shows) result.points.emplace_back(count, error / squares);
  }
  return result;
}

/// 4/6 as it must not be done: both scales are tried with random numbers of their own, and the one
/// whose error came out smaller is kept. (The library chooses by nearest codes.)
template <class Out>
void drawn_four_over_six(matrix const& m, nibble::random::philox4x32<> source, Out const& out) {
  using namespace nibble;
  using outer = tensor_scale::current<256>;
  using drawn = rounding::stochastic<24>;
  using six = scaling::amax<scaling::tile::row, outer>;
  using four = scaling::amax<scaling::tile::row, outer, nibble::format::nearest_even, 2, 3>;
  std::vector<float> other(m.values.size());
  auto const second =
      *make_matrix_view(cuda::std::span<float>(other.data(), other.size()), m.size, m.size);
  quantizer<nvfp4_block, six, drawn> const to_six{{}, {source}};
  quantizer<nvfp4_block, four, drawn> const to_four{{}, {{source.seed + 1, source.stream}}};
  dequantize(quantized(m.view(), to_six).view(), out, to_six);
  dequantize(quantized(m.view(), to_four).view(), second, to_four);
  for (matrix_index i = 0; i < m.size; ++i) {
    for (matrix_index j = 0; j < m.size; j += 16) {
      double errors[2]{};
      for (matrix_index k = j; k < j + 16; ++k) {
        auto const x = static_cast<double>(m.view()(i, k));
        errors[0] += (static_cast<double>(out(i, k)) - x) * (static_cast<double>(out(i, k)) - x);
        errors[1] +=
            (static_cast<double>(second(i, k)) - x) * (static_cast<double>(second(i, k)) - x);
      }
      if (errors[1] < errors[0]) {
        for (matrix_index k = j; k < j + 16; ++k) out(i, k) = second(i, k);
      }
    }
  }
}

/// The estimators that papers propose, on one matrix.
inline std::vector<curve> measure_curves(matrix const& m, int draws) {
  using namespace nibble;
  using source = random::philox4x32<>;
  using headroom = scaling::amax<scaling::tile::row, tensor_scale::current<>,
                                 nibble::format::nearest_even, 16, 17>;
  using sr8 = rounding::stochastic<8>;
  using sr24 = rounding::stochastic<24>;
  auto const drawing = [](auto q) {
    return [q](source from) {
      auto copy = q;
      copy.rounding.source = from;
      return copy;
    };
  };
  std::vector<curve> all;
  auto const add = [&](char const* name, bool is_unbiased, double published, auto make) {
    all.push_back(measure_curve(name, is_unbiased, published, m, draws, [&](source from, auto out) {
      auto const q = make(from);
      dequantize(quantized(m.view(), q).view(), out, q);
    }));
  };
  add("nearest", false, NAN, [](source) { return quantizer<>{}; });
  all.push_back(measure_curve("4/6 by drawn error, SR", false, -33.1, m, draws,
                              [&](source from, auto out) { drawn_four_over_six(m, from, out); }));
  add("4/6, SR", false, NAN, drawing(quantizer<nvfp4_block, scaling::four_over_six<>, sr24>{}));
  add("SR, no headroom", false, -37.6, drawing(quantizer<nvfp4_block, scaling::amax<>, sr24>{}));
  add("SR 8 bits, 16/17", true, -40.3, drawing(quantizer<nvfp4_block, headroom, sr8>{}));
  add("SR, 16/17", true, -40.36, drawing(quantizer<nvfp4_block, headroom, sr24>{}));
  add("fresh RHT16, nearest", false, -41.8, [](source from) {
    quantizer<nvfp4_block, scaling::amax<>, rounding::nearest_even, transform::fresh_hadamard<16>>
        q{};
    q.transform = decltype(q.transform)::drawn(from);
    return q;
  });
  add("MS-EDEN", true, -44.1, [](source from) {
    using outer = tensor_scale::current<256>;
    quantizer<nvfp4_block, scaling::amax<scaling::tile::row, outer>, rounding::nearest_even,
              transform::fresh_hadamard<128>, correction::eden<128>>
        q{};
    q.transform = decltype(q.transform)::drawn(from);
    q.correction.source = from;
    return q;
  });
  return all;
}

}  // namespace errors
