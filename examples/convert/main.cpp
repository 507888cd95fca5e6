// SPDX-License-Identifier: Apache-2.0
// nibble-convert: safetensors checkpoints to NVFP4, as ModelOpt or compressed-tensors store it, and
// back.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <exception>

#include "convert/unpack.hpp"
#include "train_lm/interrupt.hpp"

namespace {

char const* const usage = R"(usage: nibble-convert [OPTION]... IN.safetensors OUT.safetensors
Quantizes the weights of linear layers to NVFP4; every other tensor stays as it is.

  --names NAMES   modelopt: weight, weight_scale, weight_scale_2 (default)
                  compressed-tensors: weight_packed, weight_scale, weight_global_scale
  --keep PATTERN  leave tensors with such names as they are; may be given again
                  (always kept: *embed* *lm_head* *norm*)
  --back TYPE     the other way, from either convention: F32, BF16 or F16
  --threads N     threads (default: one a core); does not change any result
  --help          prints this

Weights are tensors named LAYER.weight, of type F32, BF16 or F16, with two extents, the second a
multiple of 16. Memory holds one tensor at a time. OUT appears when it is complete, or not at all. A
checkpoint of several files is converted file by file; config.json is left to you.
)";

struct command {
  convert::pack_options pack;
  std::string back, in, out;
  bool help = false;
};

/// errors  std::invalid_argument for what is not understood.
command parse(int count, char** arguments) {
  command result;
  std::vector<std::string> paths;
  for (int i = 1; i < count; ++i) {
    std::string const option = arguments[i];
    if (option == "--help") {
      result.help = true;
      continue;
    }
    if (!option.starts_with("--")) {
      paths.push_back(option);
      continue;
    }
    if (++i == count) throw std::invalid_argument(option + " needs a value");
    std::string const value = arguments[i];
    if (option == "--names" && (value == "modelopt" || value == "compressed-tensors")) {
      result.pack.names = value == "modelopt" ? convert::convention::modelopt
                                              : convert::convention::compressed_tensors;
    } else if (option == "--keep") {
      result.pack.keep.push_back(value);
    } else if (option == "--back" && (value == "F32" || value == "BF16" || value == "F16")) {
      result.back = value;
    } else if (option == "--threads") {
      int threads = 0;
      auto const read = std::from_chars(value.data(), value.data() + value.size(), threads);
      if (read.ec != std::errc{} || read.ptr != value.data() + value.size() || threads < 1 ||
          threads > 4096)
        throw std::invalid_argument("--threads takes a whole number from 1 to 4096, not '" + value +
                                    "'");
      result.pack.parallel = nibble::threads{threads};
    } else {
      throw std::invalid_argument("got " + option + " " + value + "; see --help");
    }
  }
  if (result.help) return result;
  if (paths.size() != 2) throw std::invalid_argument("need IN and OUT; see --help");
  result.in = paths[0];
  result.out = paths[1];
  return result;
}

/// A bar on a terminal's standard error, nothing elsewhere.
void show_progress(std::uint64_t done, std::uint64_t all) {
  if (train_lm::stop_requested) throw std::runtime_error("stopped; nothing was written");
  if (!::isatty(STDERR_FILENO)) return;
  int const share =
      all == 0 ? 100
               : static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(all));
  std::string bar(static_cast<std::size_t>(share / 5), '=');
  bar.resize(20, ' ');
  std::fprintf(stderr, "\r[%s] %3d %%", bar.c_str(), share);
}

void run(command const& asked) {
  convert::file_source const in{asked.in};
  convert::file_sink out{asked.out};
  convert::listener tell;
  tell.progress = show_progress;
  nibble::error_report total;
  tell.quantized = [&](std::string const& name, std::uint64_t rows, std::uint64_t columns,
                       nibble::error_report const& report) {
    if (total.count == 0)
      std::printf("%-48s %14s %8s %12s %9s\n", "tensor", "shape", "SQNR dB", "largest error",
                  "to zero");
    total += report;
    auto const shape = std::to_string(rows) + " x " + std::to_string(columns);
    std::printf("%s%-48s %14s %8.2f %12.3g %7.3f %%\n", ::isatty(STDERR_FILENO) ? "\r\033[K" : "",
                train_lm::safetensors_detail::printable(name).c_str(), shape.c_str(),
                report.sqnr_db(), report.largest_error, 100 * report.flushed_share());
  };
  if (asked.back.empty()) {
    convert::pack(in, out, asked.pack, tell);
    std::printf("%-48s %14lld %8.2f %12.3g %7.3f %%\n", "all", static_cast<long long>(total.count),
                total.sqnr_db(), total.largest_error, 100 * total.flushed_share());
  } else {
    convert::unpack(in, out, asked.back, asked.pack.parallel, tell);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw std::runtime_error("cannot write the table");
  out.commit();
  if (::isatty(STDERR_FILENO)) std::fputc('\n', stderr);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    train_lm::ignore_write_signals();
    command const asked = parse(count, arguments);
    if (asked.help) {
      std::fputs(usage, stdout);
      return 0;
    }
    train_lm::catch_interrupts();
    run(asked);
    return 0;
  } catch (std::exception const& failure) {
    std::fprintf(stderr, "nibble-convert: %s\n", failure.what());
    return 1;
  }
}
