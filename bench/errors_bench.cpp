// SPDX-License-Identifier: Apache-2.0
// How much each policy loses on eight kinds of data, beside published figures and the limits of theory:
// the table that says whether the policies do what their papers say.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>

#include <nibble/matrix.hpp>

#include "measure.hpp"

namespace {

using namespace nibble;

// --- data ----------------------------------------------------------------------------------------

constexpr std::size_t kinds = 8;
constexpr std::array<char const*, kinds> kind_names{
    "gauss", "laplace", "t(3)", "sqReLU", "iid outlier", "hot chan", "hot token", "mean bias"};

struct matrix {
  matrix_index size;
  std::vector<float> values;
  [[nodiscard]] matrix_view<float const> view() const {
    return *make_matrix_view<float const>(
        cuda::std::span<float const>(values.data(), values.size()), size, size);
  }
};

/// `count` different numbers below `size`.
std::vector<matrix_index> some_of(bench::generator& random, matrix_index size, matrix_index count) {
  std::vector<matrix_index> all(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<matrix_index>(i);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::swap(all[i], all[i + random.bits() % (all.size() - i)]);
  }
  all.resize(static_cast<std::size_t>(count));
  return all;
}

/// Blocks run along rows; hot channels, hot tokens and means belong to columns. Laplace and t(3) have
/// variance 1: a scale that is a power of two sees how large the data are.
matrix draw(std::size_t kind, matrix_index size, std::uint64_t seed) {
  bench::generator random(seed * kinds + kind);
  matrix m{size, std::vector<float>(static_cast<std::size_t>(size * size))};
  std::vector<double> factor(static_cast<std::size_t>(size), 1),
      mean(static_cast<std::size_t>(size), 0);
  if (kind == 5 || kind == 6) {
    for (auto const j : some_of(random, size, size / (kind == 5 ? 128 : 64))) {
      factor[static_cast<std::size_t>(j)] = 30;
    }
  }
  if (kind == 7) {
    for (double& value : mean) value = 2 * random.normal();
  }
  for (std::size_t i = 0; i < m.values.size(); ++i) {
    std::size_t const column = i % static_cast<std::size_t>(size);
    double x = random.normal();
    switch (kind) {
      case 1: {
        double const u = random.uniform() - 0.5;
        x = std::copysign(std::log(1 - 2 * std::fabs(u)), u) / std::sqrt(2.0);
        break;
      }
      case 2: {
        double chi = 0;
        for (int k = 0; k < 3; ++k) {
          double const n = random.normal();
          chi += n * n;
        }
        x /= std::sqrt(chi);
        break;
      }
      case 3:
        x = x > 0 ? x * x : 0;
        break;
      case 4:
        if (random.uniform() < 0.005) x += 100 * random.normal();
        break;
      default:
        x = x * factor[column] + mean[column];
    }
    m.values[i] = static_cast<float>(x);
  }
  return m;
}

// --- policies ------------------------------------------------------------------------------------

/// NVINT4's element; a number type of a user's own is one line.
class int4 : public number<int4, format::int4> {
  using number::number;
};

/// The relative squared error in decibels.
template <class Quantizer>
double loss(matrix const& m, Quantizer const& q) {
  auto const result = quantized(m.view(), q);
  return -compare(m.view(), result.view(), q).sqnr_db();
}

template <class Block, class Scaling, class Rounding = rounding::nearest_even,
          class Transform = transform::identity>
std::function<double(matrix const&)> of() {
  return [](matrix const& m) { return loss(m, quantizer<Block, Scaling, Rounding, Transform>{}); };
}

struct method {
  char const* name;
  double bits;  // stored, an element
  std::array<double, kinds> published;
  std::function<double(matrix const&)> loss;
};

std::vector<method> methods() {
  using scaling::tile;
  using nearest = rounding::nearest_even;
  using drawn = rounding::stochastic<24>;
  using plain = scaling::amax<>;
  using square = scaling::amax<tile::square>;
  using headroom = scaling::amax<tile::row, tensor_scale::current<>, format::nearest_even, 16, 17>;
  using alone = scaling::amax<tile::row, tensor_scale::none>;
  using limit = scaling::exhaustive<>;
  using square_limit = scaling::exhaustive<scaling::squared_error, tile::square>;
  using choice = scaling::four_over_six<>;
  using square_choice = scaling::four_over_six<scaling::squared_error, tile::square>;
  using power = scaling::power_of_two<scaling::exponent_rule::round_up>;
  using ints = block<int4, fp8_e4m3, 16>;
  using turn16 = transform::random_hadamard<16>;
  return {
      {"NVFP4 1x16",
       4.5,
       {-20.43, -20.66, -20.88, -22.51, -26.80, -21.74, -21.80, -20.49},
       of<nvfp4_block, plain>()},
      {"NVFP4 1x16, FP32 scale",
       6,
       {-20.52, -20.80, -21.09, -22.88, -28.51, -22.16, -22.25, -20.58},
       of<block<fp4_e2m1, float, 16>, alone>()},
      {"NVFP4 1x16, UE5M3 scale",
       4.5,
       {-20.43, -20.66, -20.88, -22.51, -26.80, -21.74, -21.80, -20.49},
       of<block<fp4_e2m1, ue5m3, 16>, alone>()},
      {"NVFP4 16x16",
       4.031,
       {-19.07, -17.78, -14.84, -17.82, -18.30, -16.43, -16.42, -19.10},
       of<nvfp4_block, square>()},
      {"SR 1x16",
       4.5,
       {-17.26, -17.39, -17.54, -18.79, -19.66, -17.45, -17.41, -17.29},
       of<nvfp4_block, plain, drawn>()},
      {"SR 1x16, 16/17",
       4.5,
       {-16.29, -16.06, -15.71, -16.33, -16.18, -14.85, -14.98, -16.34},
       of<nvfp4_block, headroom, drawn>()},
      {"RHT16",
       4.5,
       {-20.43, -20.35, -20.21, -20.08, -23.03, -18.85, -18.95, -20.45},
       of<nvfp4_block, plain, nearest, turn16>()},
      {"RHT128",
       4.5,
       {-20.43, -20.43, -20.32, -20.37, -19.70, -19.47, -19.68, -20.43},
       of<nvfp4_block, plain, nearest, transform::random_hadamard<128>>()},
      {"RHT16, SR 16/17",
       4.5,
       {-16.27, -16.30, -16.23, -16.08, -15.65, -15.23, -15.21, -16.28},
       of<nvfp4_block, headroom, drawn, turn16>()},
      {"4/6 1x16",
       4.5,
       {-21.21, -21.19, -21.25, -23.39, -27.82, -21.95, -22.05, -21.24},
       of<nvfp4_block, choice>()},
      {"4/6 16x16",
       4.031,
       {-19.08, -17.77, -14.83, -17.83, -18.63, -16.64, -16.62, -19.14},
       of<nvfp4_block, square_choice>()},
      {"best scale 1x16",
       4.5,
       {-21.80, -21.67, -21.59, -23.80, -27.94, -22.04, -22.12, -21.82},
       of<nvfp4_block, limit>()},
      {"best scale 16x16",
       4.031,
       {-19.46, -18.27, -15.34, -18.28, -18.73, -16.88, -16.85, -19.59},
       of<nvfp4_block, square_limit>()},
      {"NVINT4 1x16",
       4.5,
       {-21.29, -19.79, -18.87, -21.48, -26.76, -20.19, -20.23, -21.22},
       of<ints, plain>()},
      {"RHT16, NVINT4",
       4.5,
       {-21.27, -21.59, -22.24, -23.13, -26.80, -25.39, -25.64, -21.24},
       of<ints, plain, nearest, turn16>()},
      {"MXFP4 1x32, rounded up",
       4.25,
       {-18.76, -17.56, -16.43, -17.91, -19.03, -16.04, -16.18, -18.61},
       of<mxfp4_block, power>()},
      {"RHT32, MXFP4",
       4.25,
       {-18.75, -18.79, -18.98, -19.07, -19.63, -19.60, -19.59, -18.66},
       of<mxfp4_block, power, nearest, transform::random_hadamard<32>>()},
  };
}

constexpr double decibels_per_bit = 6.0206;
[[nodiscard]] double shannon(double bits) { return -decibels_per_bit * bits; }

// --- the figure ----------------------------------------------------------------------------------

struct point {
  char const* name;
  double loss;
};

/// A dot a method on Gaussian data, best first, with the limits as lines.
bool draw_svg(char const* path, std::vector<point> points, double format_limit) {
  std::sort(points.begin(), points.end(),
            [](point const& a, point const& b) { return a.loss < b.loss; });
  constexpr double left = 215, right = 700, top = 64, step = 24, best = -28, worst = -15;
  double const bottom = top + step * static_cast<double>(points.size());
  auto const x = [&](double loss) {
    return left + (loss - best) / (worst - best) * (right - left);
  };
  std::FILE* const file = std::fopen(path, "w");
  if (file == nullptr) return false;
  std::fprintf(
      file,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 780 %.0f\" "
      "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
      "<rect width=\"780\" height=\"%.0f\" fill=\"#fff\"/>\n"
      "<text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"bold\">Error of Gaussian data, "
      "relative, in dB: further left is better</text>\n",
      bottom + 44, bottom + 44);
  for (int tick = -28; tick <= -16; tick += 2) {
    std::fprintf(file,
                 "<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>\n"
                 "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#666\">%d</text>\n",
                 x(tick), top - 8, x(tick), bottom, x(tick), bottom + 20, tick);
  }
  auto const limit = [&](double at, char const* color, char const* label) {
    std::fprintf(file,
                 "<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                 "stroke-width=\"1.5\" stroke-dasharray=\"5 3\"/>\n"
                 "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\" fill=\"%s\">%s</text>\n",
                 x(at), top - 8, x(at), bottom, color, x(at), top - 14, color, label);
  };
  limit(shannon(4.5), "#8a3ffc", "Shannon, 4.5 bits");
  limit(format_limit, "#d02670", "limit of the format");
  for (std::size_t i = 0; i < points.size(); ++i) {
    double const y = top + step * (static_cast<double>(i) + 0.5);
    std::fprintf(file,
                 "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n"
                 "<line x1=\"%.0f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#f0f0f0\"/>\n"
                 "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"#0f62fe\"/>\n"
                 "<text x=\"%.1f\" y=\"%.1f\" fill=\"#444\">%.2f</text>\n",
                 left - 12, y + 4, points[i].name, left, y, x(points[i].loss), y, x(points[i].loss),
                 y, x(points[i].loss) + 10, y + 4, points[i].loss);
  }
  std::fputs("</svg>\n", file);
  return std::fclose(file) == 0;
}

// --- the table -----------------------------------------------------------------------------------

struct cell {
  double mean = 0, deviation = 0;  // over seeds, of one matrix
};

cell measure(method const& m, std::vector<matrix> const& samples) {
  cell result;
  std::vector<double> losses;
  for (auto const& sample : samples) losses.push_back(m.loss(sample));
  auto const count = static_cast<double>(losses.size());
  for (double const value : losses) result.mean += value / count;
  for (double const value : losses) {
    result.deviation += (value - result.mean) * (value - result.mean) / (count - 1);
  }
  result.deviation = std::sqrt(result.deviation);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  bool const is_quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 2 || (argc == 2 && !is_quick)) {
    std::fprintf(stderr, "usage: errors_bench [--quick]\n");
    return 2;
  }
  matrix_index const size = is_quick ? 512 : 1024;
  std::size_t const seeds = is_quick ? 3 : 6, kinds_now = is_quick ? 1 : kinds;
  auto const all = methods();
  std::vector<std::vector<cell>> table(all.size(), std::vector<cell>(kinds_now));
  for (std::size_t k = 0; k < kinds_now; ++k) {
    std::vector<matrix> samples;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) samples.push_back(draw(k, size, seed));
    for (std::size_t i = 0; i < all.size(); ++i) table[i][k] = measure(all[i], samples);
  }

  std::printf(
      "Relative squared error in dB, lower is better: mean of %zu matrices of %lld x %lld\n"
      "(published: one matrix of 1024 x 1024; their difference in brackets, * where it is more\n"
      "than 0.05 and more than the spread from one matrix to the next explains)\n\n%-24s",
      seeds, static_cast<long long>(size), static_cast<long long>(size), "");
  for (std::size_t k = 0; k < kinds_now; ++k) std::printf("%-16s", kind_names[k]);
  std::printf("\n");
  int failures = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("%-24s", all[i].name);
    for (std::size_t k = 0; k < kinds_now; ++k) {
      cell const& c = table[i][k];
      double const difference = c.mean - all[i].published[k];
      // Four deviations of a difference between a mean of several matrices and one other matrix.
      double const spread = 4 * c.deviation * std::sqrt(1 + 1 / static_cast<double>(seeds));
      bool const is_gaussian = k == 0;
      bool const fails = std::fabs(difference) > (is_gaussian ? 0.05 : std::fmax(0.05, spread));
      failures += fails;
      std::printf("%7.2f (%+.2f)%s ", c.mean, difference, fails ? "*" : " ");
    }
    std::printf("\n");
  }
  if (kinds_now > 1) {
    std::printf(
        "\nspread between matrices (standard deviation, dB), largest of all policies:\n%-24s", "");
    for (std::size_t k = 0; k < kinds_now; ++k) {
      double largest = 0;
      for (auto const& row : table) largest = std::fmax(largest, row[k].deviation);
      std::printf("%-16.3f", largest);
    }
    std::printf("\n");
  }

  double format_limit = 0, square_limit = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::strcmp(all[i].name, "best scale 1x16") == 0) format_limit = table[i][0].mean;
    if (std::strcmp(all[i].name, "best scale 16x16") == 0) square_limit = table[i][0].mean;
  }
  std::printf(
      "\nGaussian data against the limits: what NVFP4 could do with the best of all scales, and\n"
      "Shannon's D(R) = 2^-2R at the bits that are stored\n\n%-24s%8s%8s%18s%18s%12s\n",
      "", "bits", "dB", "to the format, dB", "to Shannon, dB", "worth, bits");
  for (std::size_t i = 0; i < all.size(); ++i) {
    double const loss = table[i][0].mean, bits = all[i].bits;
    bool const is_square = std::strstr(all[i].name, "16x16") != nullptr;
    bool const is_nvfp4 = bits == 4.5 && std::strstr(all[i].name, "INT4") == nullptr;
    std::string const to_format = is_square  ? bench::format("%.2f", loss - square_limit)
                                  : is_nvfp4 ? bench::format("%.2f", loss - format_limit)
                                             : "";
    std::printf("%-24s%8.3f%8.2f%18s%18.2f%12.2f\n", all[i].name, bits, loss, to_format.c_str(),
                loss - shannon(bits), -loss / decibels_per_bit);
  }

  if (!is_quick) {
    std::filesystem::create_directories("bench/out");
    std::filesystem::create_directories("docs/images");
    std::FILE* const csv = std::fopen("bench/out/errors.csv", "w");
    if (csv == nullptr) {
      std::fprintf(stderr, "errors_bench: cannot write bench/out/errors.csv\n");
      return 1;
    }
    std::fprintf(csv, "method,stored_bits,data,decibels,published,deviation\n");
    std::vector<point> points;
    for (std::size_t i = 0; i < all.size(); ++i) {
      points.push_back({all[i].name, table[i][0].mean});
      for (std::size_t k = 0; k < kinds_now; ++k) {
        std::fprintf(csv, "\"%s\",%g,%s,%.4f,%.2f,%.4f\n", all[i].name, all[i].bits, kind_names[k],
                     table[i][k].mean, all[i].published[k], table[i][k].deviation);
      }
    }
    if (std::fclose(csv) != 0 || !draw_svg("docs/images/errors.svg", points, format_limit)) {
      std::fprintf(stderr, "errors_bench: cannot write docs/images/errors.svg\n");
      return 1;
    }
    std::printf("\nwritten: bench/out/errors.csv, docs/images/errors.svg\n");
  }
  std::printf("\n%d of %zu figures differ from the published ones by more than they may\n",
              failures, all.size() * kinds_now);
  return failures == 0 ? 0 : 1;
}
