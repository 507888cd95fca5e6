// SPDX-License-Identifier: Apache-2.0
// Draws curves as an SVG that reads well in a README: few lines, round numbers on the axes, and
// each curve's name at its end, so that no legend has to be searched.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "train_lm/axis.hpp"

namespace train_lm {

struct curve {
  std::string label;
  std::vector<std::pair<double, double>>
      points;                       ///< x ascending; values that are not finite: a gap
  std::vector<double> spread = {};  ///< for each point the half width of a band; empty: no band
  bool is_reference = false;        ///< drawn thin, grey and dashed: a law to compare with
};

struct chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<curve> curves;
  double y_low, y_high;  ///< what the vertical axis shows; curves are cut off at the frame
  bool log_x = false;    ///< powers of ten at equal distances; numbers are then above 0
  bool log_y = false;
};

namespace svg_detail {

inline constexpr double width = 760, height = 420, left = 80, right = 600, top = 48, bottom = 364;

/// Colours that people with colour-blindness tell apart (after Okabe and Ito); dashes after eight.
inline constexpr std::array<char const*, 8> colours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                    "#56b4e9", "#e69f00", "#6b6b6b", "#000000"};

inline std::string escaped(std::string const& text) {
  std::string result;
  for (char const letter : text) {
    if (letter == '&') {
      result += "&amp;";
    } else if (letter == '<') {
      result += "&lt;";
    } else if (letter == '>') {
      result += "&gt;";
    } else {
      result += letter;
    }
  }
  return result;
}

inline std::string text_at(double x, double y, char const* attributes, std::string const& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + attributes + ">" +
         escaped(text) + "</text>\n";
}

inline std::string line(double x1, double y1, double x2, double y2, char const* attributes) {
  return "<path d=\"M" + number(x1) + " " + number(y1) + "L" + number(x2) + " " + number(y2) +
         "\" " + attributes + "/>\n";
}

/// A point as an SVG path has it; far outside the frame the exact place no longer matters, but the
/// number must stay small.
inline std::string point(double across, double down) {
  return number(across) + " " + number(std::clamp(down, top - 2000, bottom + 2000));
}

inline bool is_drawn(double across, double down) {
  return std::isfinite(across) && !std::isnan(down);
}

inline std::string path_data(curve const& each, axis const& x, axis const& y) {
  std::string data;
  bool pen_down = false;
  for (auto const& [at, value] : each.points) {
    bool const drawn = std::isfinite(value) && is_drawn(x(at), y(value));
    if (drawn) data += (pen_down ? 'L' : 'M') + point(x(at), y(value));
    pen_down = drawn;
  }
  return data;
}

/// The band around a curve: along its upper edge and back along its lower one.
inline std::string band_data(curve const& each, axis const& x, axis const& y) {
  std::string there, back;
  for (std::size_t i = 0; i < each.points.size() && i < each.spread.size(); ++i) {
    auto const [at, value] = each.points[i];
    double const above = y(value + each.spread[i]), below = y(value - each.spread[i]);
    if (!is_drawn(x(at), above) || !is_drawn(x(at), below)) continue;
    there += (there.empty() ? 'M' : 'L') + point(x(at), above);
    back.insert(0, 'L' + point(x(at), below));
  }
  return there.empty() ? "" : there + back + "Z";
}

/// Moves heights apart until neighbours differ by `gap`; their order stays.
inline void spread(std::vector<std::pair<double, std::size_t>>& heights, double gap) {
  std::sort(heights.begin(), heights.end());
  for (std::size_t i = 1; i < heights.size(); ++i) {
    heights[i].first = std::max(heights[i].first, heights[i - 1].first + gap);
  }
  double limit = bottom;
  for (std::size_t i = heights.size(); i-- > 0;) {
    heights[i].first = std::min(heights[i].first, limit);
    limit = heights[i].first - gap;
  }
}

/// The range of the horizontal axis.
inline std::pair<double, double> range_of_x(chart const& plot) {
  double low = INFINITY, high = -INFINITY;
  for (curve const& each : plot.curves) {
    for (auto const& point : each.points) {
      if (std::isfinite(point.first)) {
        low = std::min(low, point.first);
        high = std::max(high, point.first);
      }
    }
  }
  if (!(low < high)) {
    low = std::isfinite(low) ? low : plot.log_x ? 1 : 0;
    high = low + 1;
  }
  return {low, high};
}

/// Everything of a chart but its curves.
inline std::string frame(chart const& plot, axis const& x, axis const& y) {
  std::string svg =
      text_at(left, 26, "font-size=\"16\" font-weight=\"bold\" fill=\"#222222\"", plot.title);
  y.for_marks(6, [&](double value, std::string const& name) {
    svg += line(left, y(value), right, y(value), "stroke=\"#e4e4e4\"");
    svg += text_at(left - 8, y(value) + 4, "text-anchor=\"end\" fill=\"#555555\"", name);
  });
  x.for_marks(7, [&](double value, std::string const& name) {
    svg += line(x(value), bottom, x(value), bottom + 5, "stroke=\"#888888\"");
    svg += text_at(x(value), bottom + 19, "text-anchor=\"middle\" fill=\"#555555\"", name);
  });
  svg += line(left, bottom, right, bottom, "stroke=\"#888888\"");
  svg += text_at((left + right) / 2, height - 14, "text-anchor=\"middle\" fill=\"#222222\"",
                 plot.x_label);
  return svg + "<g transform=\"rotate(-90 14 206)\">" +
         text_at(14, 206, "text-anchor=\"middle\" fill=\"#222222\"", plot.y_label) + "</g>\n";
}

/// A curve with its band. In the order of the chart colours go round, and dashes after them.
inline std::string drawn(curve const& each, std::size_t number_of, axis const& x, axis const& y) {
  std::string const colour = each.is_reference ? "#6b6b6b" : colours[number_of % colours.size()];
  std::string svg;
  if (std::string const band = band_data(each, x, y); !band.empty()) {
    svg += "<path clip-path=\"url(#frame)\" fill-opacity=\"0.18\" fill=\"" + colour + "\" d=\"" +
           band + "\"/>\n";
  }
  char const* const style = each.is_reference            ? "1\" stroke-dasharray=\"2 3"
                            : number_of < colours.size() ? "1.8"
                                                         : "1.8\" stroke-dasharray=\"6 3";
  return svg + "<path clip-path=\"url(#frame)\" fill=\"none\" stroke-width=\"" + style +
         "\" stroke=\"" + colour + "\" d=\"" + path_data(each, x, y) + "\"/>\n";
}

/// One chart, `above` frames below the top of the drawing.
inline std::string panel(chart const& plot, double above) {
  auto const [x_low, x_high] = range_of_x(plot);
  bool const usable = std::isfinite(plot.y_low) && std::isfinite(plot.y_high) &&
                      plot.y_low < plot.y_high && (!plot.log_y || plot.y_low > 0);
  axis const x{x_low, x_high, left, right, plot.log_x && x_low > 0};
  axis const y{usable ? plot.y_low : 0, usable ? plot.y_high : 1, bottom, top,
               plot.log_y && usable};
  std::string svg = "<g transform=\"translate(0 " + number(above * height, 0) + ")\">\n";
  svg += frame(plot, x, y);
  std::vector<std::pair<double, std::size_t>> labels;
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    svg += drawn(plot.curves[i], i, x, y);
    double end = bottom;
    for (auto const& point : plot.curves[i].points) {
      if (std::isfinite(point.second)) end = y(point.second);
    }
    labels.emplace_back(std::clamp(end, top, bottom), i);
  }
  spread(labels, 17);
  for (auto const& [height_of_label, i] : labels) {
    std::string const fill =
        std::string{"fill=\""} +
        (plot.curves[i].is_reference ? "#6b6b6b" : colours[i % colours.size()]) + "\"";
    svg += text_at(right + 8, height_of_label + 4, fill.c_str(), plot.curves[i].label);
  }
  return svg + "</g>\n";
}

}  // namespace svg_detail

/// A moving average that starts unbiased: what a reader sees through the noise of single batches.
inline std::vector<double> smoothed(std::vector<double> const& values, double keep) {
  std::vector<double> result;
  double sum = 0, weight = 0;
  for (double const value : values) {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    result.push_back(sum / weight);
  }
  return result;
}

/// Charts below one another, as a whole SVG file.
inline std::string draw(std::vector<chart> const& charts) {
  using namespace svg_detail;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width, 0) +
                    " " + number(height * static_cast<double>(charts.size()), 0) +
                    "\" font-family=\"sans-serif\" font-size=\"13\">\n";
  svg += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  svg += "<clipPath id=\"frame\"><rect x=\"" + number(left) + "\" y=\"" + number(top) +
         "\" width=\"" + number(right - left) + "\" height=\"" + number(bottom - top) +
         "\"/></clipPath>\n";
  for (std::size_t i = 0; i < charts.size(); ++i) svg += panel(charts[i], static_cast<double>(i));
  return svg + "</svg>\n";
}

inline std::string draw(chart const& plot) { return draw(std::vector<chart>{plot}); }

}  // namespace train_lm
