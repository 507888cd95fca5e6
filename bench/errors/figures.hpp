// SPDX-License-Identifier: Apache-2.0
// The figures of the error bench, as SVG.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "errors/estimators.hpp"

namespace errors {

inline constexpr double decibels_per_bit = 6.0206;
[[nodiscard]] inline double shannon(double bits) { return -decibels_per_bit * bits; }

struct point {
  char const* name;
  double loss;
};

/// A dot a method on Gaussian data, best first, with the limits as lines.
inline bool draw_errors(char const* path, std::vector<point> points, double format_limit) {
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

/// One row of the map.
struct place {
  std::string name;
  double bits, loss, worst;  // stored; on Gaussian data; on the worst of all kinds of data
  double limit;              // of the format on Gaussian data, NaN: unknown
  bool is_unbiased;
};

/// The map of 4-bit quantization: each method between the least its format allows and what the bits it
/// stores could do, best first; rings are unbiased estimators.
inline bool draw_map(char const* path, std::vector<place> places) {
  std::sort(places.begin(), places.end(),
            [](place const& a, place const& b) { return a.loss < b.loss; });
  constexpr double left = 208, right = 610, top = 106, step = 23, best = -28, worst = -11;
  double const bottom = top + step * static_cast<double>(places.size()), height = bottom + 74;
  auto const x = [&](double loss) {
    return left + (std::fmin(loss, worst) - best) / (worst - best) * (right - left);
  };
  std::FILE* const file = std::fopen(path, "w");
  if (file == nullptr) return false;
  std::fprintf(
      file,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 %.0f\" "
      "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
      "<rect width=\"860\" height=\"%.0f\" fill=\"#fff\"/>\n"
      "<text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"bold\">A map of 4-bit "
      "quantization: what each method loses, and what there is to win</text>\n"
      "<text x=\"16\" y=\"44\" fill=\"#555\">Relative squared error in dB, further left is "
      "better. Numbers: of Gaussian data; the bits an ideal code would</text>\n"
      "<text x=\"16\" y=\"61\" fill=\"#555\">need for as much; dB to the best that the "
      "format allows; dB to Shannon's limit at the bits that are stored.</text>\n",
      height, height);
  char const* const columns[] = {"dB", "bits", "format", "Shannon"};
  for (int i = 0; i < 4; ++i) {
    std::fprintf(file,
                 "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\" fill=\"#666\" font-size=\"11\">%s"
                 "</text>\n",
                 right + 60.0 * (i + 1), top - 12, columns[i]);
  }
  for (int tick = -28; tick <= -12; tick += 4) {
    std::fprintf(file,
                 "<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e8e8e8\"/>\n"
                 "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#666\">%d</text>\n",
                 x(tick), top - 6, x(tick), bottom, x(tick), bottom + 16, tick);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    place const& p = places[i];
    double const y = top + step * (static_cast<double>(i) + 0.5);
    std::fprintf(file,
                 "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n"
                 "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#dde1e6\" "
                 "stroke-width=\"5\"/>\n",
                 left - 10, y + 4, p.name.c_str(), x(p.loss), y, x(p.worst), y);
    for (auto const& [at, color] :
         {std::pair(shannon(p.bits), "#8a3ffc"), std::pair(p.limit, "#d02670")}) {
      if (!(at >= best)) continue;  // off the map, or not known
      std::fprintf(file,
                   "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                   "stroke-width=\"2\"/>\n",
                   x(at), y - 7, x(at), y + 7, color);
    }
    std::fprintf(file,
                 "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\" stroke=\"#0f62fe\" "
                 "stroke-width=\"2\"/>\n",
                 x(p.loss), y, p.is_unbiased ? "#fff" : "#0f62fe");
    std::string const numbers[] = {
        bench::format("%.2f", p.loss), bench::format("%.2f", -p.loss / decibels_per_bit),
        p.limit == p.limit ? bench::format("%.2f", std::fmax(0.0, p.loss - p.limit))
                           : std::string("-"),
        bench::format("%.2f", p.loss - shannon(p.bits))};
    for (int n = 0; n < 4; ++n) {
      std::fprintf(file,
                   "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" fill=\"#444\">%s</text>\n",
                   right + 60.0 * (n + 1), y + 4, numbers[n].c_str());
    }
  }
  std::fprintf(
      file,
      "<g font-size=\"12\" fill=\"#444\">"
      "<circle cx=\"24\" cy=\"%.1f\" r=\"5\" fill=\"#0f62fe\" stroke=\"#0f62fe\" "
      "stroke-width=\"2\"/>"
      "<text x=\"36\" y=\"%.1f\">Gaussian data</text>"
      "<circle cx=\"144\" cy=\"%.1f\" r=\"5\" fill=\"#fff\" stroke=\"#0f62fe\" stroke-width=\"2\"/>"
      "<text x=\"156\" y=\"%.1f\">the same, right on average</text>"
      "<rect x=\"330\" y=\"%.1f\" width=\"22\" height=\"5\" fill=\"#dde1e6\"/>"
      "<text x=\"358\" y=\"%.1f\">to the worst of eight kinds of data</text>"
      "<rect x=\"588\" y=\"%.1f\" width=\"2\" height=\"13\" fill=\"#d02670\"/>"
      "<text x=\"596\" y=\"%.1f\">limit of the format</text>"
      "<rect x=\"724\" y=\"%.1f\" width=\"2\" height=\"13\" fill=\"#8a3ffc\"/>"
      "<text x=\"732\" y=\"%.1f\">Shannon's limit</text></g>\n</svg>\n",
      bottom + 44, bottom + 48, bottom + 44, bottom + 48, bottom + 42, bottom + 48, bottom + 38,
      bottom + 48, bottom + 38, bottom + 48);
  return std::fclose(file) == 0;
}

/// The error of the mean against the number of draws, both logarithmic, and the line of 1/B.
inline bool draw_curves(char const* path, std::vector<curve> const& curves) {
  constexpr double left = 76, right = 560, top = 60, bottom = 420, highest = -15, lowest = -46;
  constexpr char const* colors[] = {"#6f6f6f", "#da1e28", "#ff832b", "#009d9a",
                                    "#0f62fe", "#8d8d8d", "#198038", "#a56eff"};
  double const span = std::log2(curves.front().points.back().first);
  auto const x = [&](double draws) { return left + std::log2(draws) / span * (right - left); };
  auto const y = [&](double error) {
    return top + (10 * std::log10(error) - highest) / (lowest - highest) * (bottom - top);
  };
  std::FILE* const file = std::fopen(path, "w");
  if (file == nullptr) return false;
  std::fputs(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 470\" "
      "font-family=\"sans-serif\" "
      "font-size=\"13\" fill=\"#222\">\n<rect width=\"760\" height=\"470\" fill=\"#fff\"/>\n"
      "<text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"bold\">The mean of B quantizations: "
      "who is "
      "right on average</text>\n"
      "<text x=\"16\" y=\"46\" fill=\"#555\">Relative squared error in dB, Gaussian data; an "
      "unbiased "
      "estimator falls as 1/B (dashed, for SR and for MS-EDEN)</text>\n",
      file);
  for (int tick = -45; tick <= -15; tick += 5) {
    double const at = y(std::pow(10.0, tick / 10.0));
    std::fprintf(file,
                 "<line x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\" stroke=\"#e8e8e8\"/>\n"
                 "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" fill=\"#666\">%d</text>\n",
                 left, at, right, at, left - 8, at + 4, tick);
  }
  for (auto const& [draws, error] : curves.front().points) {
    std::fprintf(file,
                 "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\" fill=\"#666\">%.0f</text>\n",
                 x(draws), bottom + 22, draws);
  }
  std::fprintf(file, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\" fill=\"#666\">B</text>\n",
               (left + right) / 2, bottom + 42);
  std::vector<std::pair<double, std::size_t>> labels;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    curve const& c = curves[i];
    if (c.name == "SR, 16/17" || c.name == "MS-EDEN") {
      double const first = c.points.front().second, last = c.points.back().first;
      std::fprintf(file,
                   "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#bbb\" "
                   "stroke-dasharray=\"5 4\"/>\n",
                   x(1), y(first), x(last), y(first / last));
    }
    std::fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
                 colors[i % 8]);
    for (auto const& [draws, error] : c.points)
      std::fprintf(file, "%.1f,%.1f ", x(draws), y(error));
    std::fputs("\"/>\n", file);
    labels.emplace_back(y(c.points.back().second), i);
  }
  std::sort(labels.begin(), labels.end());
  double free_from = 0;
  for (auto const& [at, i] : labels) {
    double const line = std::fmax(at + 4, free_from);
    free_from = line + 15;
    std::fprintf(file, "<text x=\"%.0f\" y=\"%.1f\" fill=\"%s\">%s</text>\n", right + 10, line,
                 colors[i % 8], curves[i].name.c_str());
  }
  std::fputs("</svg>\n", file);
  return std::fclose(file) == 0;
}

}  // namespace errors
