// SPDX-License-Identifier: Apache-2.0
// Quantizing and multiplying on one core, beside what else one could use, in one run: the speed goals are
// ratios, and only ratios of one run mean something.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#if __has_include(<cuda_fp4.h>) && __has_include(<cuda_fp8.h>)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <cuda_fp4.h>
#include <cuda_fp8.h>
#pragma GCC diagnostic pop
#define BENCH_HAS_CUDA_TYPES 1
#else
#define BENCH_HAS_CUDA_TYPES 0
#endif

#include <nibble/matrix.hpp>

#include "measure.hpp"

namespace {

using namespace nibble;

constexpr threads one{1};

int failures = 0;
int misses = 0;

/// Counts a result that is wrong; what is wrong is not timed.
bool check(bool is_right, char const* what) {
  if (!is_right) {
    std::printf("  WRONG RESULT: %s\n", what);
    ++failures;
  }
  return is_right;
}

/// "met" or "MISSED", counted.
char const* met(bool is_met) {
  misses += !is_met;
  return is_met ? "met" : "MISSED";
}

template <class T>
auto view_of(std::vector<T>& values, matrix_index rows, matrix_index columns) {
  return *make_matrix_view<T>(cuda::std::span<T>(values.data(), values.size()), rows, columns);
}

std::vector<bf16> gaussian(matrix_index count, std::uint64_t seed) {
  bench::generator random(seed);
  std::vector<bf16> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = bf16(static_cast<float>(random.normal()));
  return values;
}

template <class Matrix>
bool same_bytes(Matrix const& a, Matrix const& b) {
  return a.code_bytes() == b.code_bytes() &&
         std::memcmp(a.scales().data(), b.scales().data(),
                     a.scales().size() * sizeof(a.scales()[0])) == 0;
}

// --- quantizers ----------------------------------------------------------------------------------

/// Times one quantizer and returns its speed with the amax given, M elements/s; `loss` is the relative error that it must show, in dB, to 0.1.
template <class Quantizer, class In>
double time_quantizer(char const* name, Quantizer const& q, In const& in, double loss,
                      double slower, double plain) {
  auto const count = static_cast<double>(in.size());
  quantized_by<Quantizer> out(shape_for<Quantizer>(in.extent(0), in.extent(1)));
  auto const view = out.view();
  quantize(in, view, q, one);
  double const error = -compare(in, view.read_only(), q).sqnr_db();
  if (!check(std::fabs(error - loss) < 0.1, name)) return 0;
  double const given =
      count / bench::best_seconds([&] { quantize_with_amax(in, view, q, one); }) / 1e6;
  double const found = count / bench::best_seconds([&] { quantize(in, view, q, one); }) / 1e6;
  std::printf("  %-34s %8.0f %10.0f %9.2f", name, given, found, error);
  if (slower > 0) {
    double const ratio = plain / given;
    std::printf("   %.2fx of nearest, goal %.1fx: %s", ratio, slower, met(ratio <= slower));
  }
  std::printf("\n");
  return given;
}

double quantizers(matrix_index size) {
  std::printf(
      "\nquantize bf16 %lld x %lld, million elements a second\n"
      "  %-34s %8s %10s %9s\n",
      static_cast<long long>(size), static_cast<long long>(size), "", "given", "with amax",
      "error dB");
  auto values = gaussian(size * size, 1);
  auto const in = view_of(values, size, size);
  using plain_amax = scaling::amax<>;
  using sr = rounding::stochastic<>;
  using turn = transform::random_hadamard<16, bf16>;
  using nearest = rounding::nearest_even;
  using tile = scaling::tile;
  double const plain = time_quantizer("NVFP4 nearest", quantizer<>{}, in, -20.44, 0, 0);
  time_quantizer("stochastic", quantizer<nvfp4_block, plain_amax, sr>{}, in, -17.25, 2, plain);
  time_quantizer("RHT16", quantizer<nvfp4_block, plain_amax, nearest, turn>{}, in, -20.44, 1.5,
                 plain);
  time_quantizer("RHT16, stochastic", quantizer<nvfp4_block, plain_amax, sr, turn>{}, in, -17.25, 0,
                 0);
  time_quantizer("RHT128",
                 quantizer<nvfp4_block, plain_amax, nearest, transform::random_hadamard<128>>{}, in,
                 -20.43, 0, 0);
  time_quantizer("4/6", quantizer<nvfp4_block, scaling::four_over_six<>>{}, in, -21.21, 2.5, plain);
  time_quantizer("16x16", quantizer<nvfp4_block, scaling::amax<tile::square>>{}, in, -19.07, 0, 0);
  time_quantizer(
      "4/6 16x16",
      quantizer<nvfp4_block, scaling::four_over_six<scaling::squared_error, tile::square>>{}, in,
      -19.07, 0, 0);
  time_quantizer("MXFP4 rounded up",
                 quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{},
                 in, -18.76, 0, 0);
  time_quantizer("MXFP8",
                 quantizer<mxfp8_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{},
                 in, -31.5, 0, 0);
  time_quantizer("column direction", quantizer<>{}, transposed(in), -20.44, 1.5, plain);

  // Both directions from one pass: the bytes of two calls.
  quantized_by<quantizer<>> rows(shape_for<quantizer<>>(size, size)),
      columns = rows, both_rows = rows, both_columns = rows;
  quantize(in, rows.view(), quantizer<>{}, one);
  quantize(transposed(in), columns.view(), quantizer<>{}, one);
  auto const run = [&] {
    quantize_both_with_amax(in, both_rows.view(), both_columns.view(), quantizer<>{}, quantizer<>{},
                            one);
  };
  find_amax_both(in, both_rows.view(), both_columns.view(), quantizer<>{}, quantizer<>{}, one);
  run();
  if (check(same_bytes(rows, both_rows) && same_bytes(columns, both_columns), "both directions")) {
    double const rate = static_cast<double>(size * size) / bench::best_seconds(run) / 1e6;
    std::printf("  %-34s %8.0f %30.2fx of nearest (2 at least)\n", "both directions, one pass",
                rate, plain / rate);
  }

  std::vector<float> back(values.size());
  auto const out = view_of(back, size, size);
  auto const packed = rows.view().read_only();
  dequantize(packed, out, quantizer<>{}, domain::original, one);
  auto const factors = quantizer<>::prepare({rows.amax()[0]});
  bool is_right = true;
  for (matrix_index i = 0; i < size; i += 7) {
    for (matrix_index j = i % 3; j < size; j += 11) {
      float const expected = static_cast<float>(packed.codes(i, j)) *
                             quantizer<>::multiplier(packed.scale(i, j / 16), factors);
      is_right = is_right && out(i, j) == expected;
    }
  }
  if (check(is_right, "dequantize")) {
    double const rate = static_cast<double>(size * size) / bench::best_seconds([&] {
                          dequantize(packed, out, quantizer<>{}, domain::original, one);
                        }) /
                        1e6;
    std::printf("  %-34s %8.0f %24s goal 1000: %s\n", "dequantize to FP32", rate, "",
                met(rate >= 1000));
  }
  return plain;
}

// --- peers ---------------------------------------------------------------------------------------

std::uint64_t digest(std::uint8_t const* scales, std::size_t scale_count, std::uint8_t const* codes,
                     std::size_t code_count) {
  std::uint64_t value = 0xCBF2'9CE4'8422'2325u;
  for (std::size_t i = 0; i < scale_count; ++i) value = (value ^ scales[i]) * 0x100'0000'01B3u;
  for (std::size_t i = 0; i < code_count; ++i) value = (value ^ codes[i]) * 0x100'0000'01B3u;
  return value;
}

#if BENCH_HAS_CUDA_TYPES
/// The same chain with the host functions of cuda_fp8.h and cuda_fp4.h, in a loop.
void quantize_with_cuda_types(std::vector<float> const& values, float amax, std::uint8_t* scales,
                              std::uint8_t* codes) {
  float const encode = 2688.0f / amax, decode = 1.0f / encode, multiplier = encode * (1.0f / 6.0f);
  for (std::size_t block = 0; block < values.size() / 16; ++block) {
    float const* const x = values.data() + 16 * block;
    float block_amax = 0;
    for (int i = 0; i < 16; ++i) block_amax = std::fmax(block_amax, std::fabs(x[i]));
    auto const scale = __nv_cvt_float_to_fp8(block_amax * multiplier, __NV_SATFINITE, __NV_E4M3);
    scales[block] = static_cast<std::uint8_t>(scale);
    __nv_fp8_e4m3 stored;
    stored.__x = scale;
    float const factor = 1.0f / (static_cast<float>(stored) * decode);
    for (int i = 0; i < 16; i += 2) {
      codes[8 * block + static_cast<std::size_t>(i / 2)] =
          static_cast<std::uint8_t>(__nv_cvt_float2_to_fp4x2(
              float2{x[i] * factor, x[i + 1] * factor}, __NV_E2M1, cudaRoundNearest));
    }
  }
}
#endif

/// Times what else there is on this machine; returns the fastest.
double peers() {
  constexpr matrix_index size = 1024;
  std::printf("\nother ways to the same bytes, %lld x %lld, million elements a second\n",
              static_cast<long long>(size), static_cast<long long>(size));
  auto values = gaussian(size * size, 1);
  quantized_by<quantizer<>> ours(shape_for<quantizer<>>(size, size));
  quantize(view_of(values, size, size), ours.view(), quantizer<>{}, one);
  auto const* const scales = reinterpret_cast<std::uint8_t const*>(ours.scales().data());
  double fastest = 0;
#if BENCH_HAS_CUDA_TYPES
  {
    std::vector<float> floats(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) floats[i] = static_cast<float>(values[i]);
    std::vector<std::uint8_t> their_scales(ours.scales().size()),
        their_codes(ours.code_bytes().size());
    auto const run = [&] {
      quantize_with_cuda_types(floats, ours.amax()[0], their_scales.data(), their_codes.data());
    };
    run();
    std::size_t differ = 0;
    for (std::size_t i = 0; i < their_scales.size(); ++i) differ += their_scales[i] != scales[i];
    for (std::size_t i = 0; i < their_codes.size(); ++i)
      differ += their_codes[i] != ours.code_bytes()[i];
    check(differ == 0, "the bytes of cuda_fp4.h and cuda_fp8.h");
    double const rate = static_cast<double>(values.size()) / bench::best_seconds(run) / 1e6;
    fastest = std::fmax(fastest, rate);
    std::printf("  %-34s %8.1f   %zu bytes differ (FP32 in, amax given)\n",
                "cuda_fp4.h, cuda_fp8.h", rate, differ);
  }
#else
  std::printf("  cuda_fp4.h: not found\n");
#endif
  char const* const script = "bench/peers/ml_dtypes_quantize.py";
  if (!std::filesystem::exists(script)) {
    std::printf("  ml_dtypes: %s is not here; run from the root of the repository\n", script);
    return fastest;
  }
  if (std::system("python3 -c 'import ml_dtypes, numpy' > /dev/null 2>&1") != 0) {
    std::printf("  ml_dtypes: python3 does not find ml_dtypes and numpy\n");
    return fastest;
  }
  std::filesystem::create_directories("bench/out");
  std::ofstream("bench/out/values.bf16", std::ios::binary)
      .write(reinterpret_cast<char const*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(bf16)));
  std::string const command =
      std::string("python3 ") + script + " bench/out/values.bf16 " + std::to_string(size);
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (!check(pipe != nullptr, "python3 could not be started")) return fastest;
  char name[64], hash[64];
  double rate = 0;
  int lines = 0;
  std::uint64_t const expected =
      digest(scales, 4096, ours.code_bytes().data(), std::size_t{4096} * 8);
  while (std::fscanf(pipe, "%63s %lf %63s", name, &rate, hash) == 3) {
    ++lines;
    if (std::strcmp(hash, "-") == 0) {
      std::printf("  %-34s %8.1f\n", name, rate);
      continue;
    }
    bool const is_same = std::strtoull(hash, nullptr, 16) == expected;
    check(is_same, "the bytes of ml_dtypes");
    fastest = std::fmax(fastest, rate);
    std::printf("  %-34s %8.1f   %s (amax found too)\n", name, rate,
                is_same ? "0 bytes differ" : "");
  }
  check(pclose(pipe) == 0 && lines > 0, "ml_dtypes_quantize.py");
  return fastest;
}

// --- products ------------------------------------------------------------------------------------

/// OpenBLAS, found when this runs.
struct open_blas {
  using sgemm_type = void (*)(int, int, int, int, int, int, float, float const*, int, float const*,
                              int, float, float*, int);
  sgemm_type sgemm = nullptr;
  char const* core = "";

  open_blas() {
    // An OpenBLAS that does not know the processor falls back to SSE: it is told what it may use.
#if defined(__AVX512F__)
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
#elif defined(__AVX2__)
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
#endif
    void* const library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    auto const set_threads =
        reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
    auto const name = reinterpret_cast<char* (*)()>(dlsym(library, "openblas_get_corename"));
    if (set_threads == nullptr || name == nullptr) return;
    sgemm = reinterpret_cast<sgemm_type>(dlsym(library, "cblas_sgemm"));
    core = name();
    if (sgemm != nullptr) set_threads(1);
  }
};

void products() {
  constexpr matrix_index m = 768, n = 1024, k = 1024;
  double const operations = 2.0 * static_cast<double>(m * n * k);
  std::printf("\nproducts of two NVFP4 matrices, %lld x %lld x %lld, one core, GFLOP/s\n",
              static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k));
  auto a = gaussian(m * k, 2), b = gaussian(n * k, 3);
  quantizer<> const q;
  auto const qa = quantized(view_of(a, m, k), q), qb = quantized(view_of(b, n, k), q);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  auto const out = view_of(c, m, n);
  // An independent sum of some elements, in units that make every term an integer.
  auto const reference = [&](matrix_index i, matrix_index j) {
    double sum = 0;
    for (matrix_index x = 0; x < k; ++x) {
      double const left = static_cast<double>(static_cast<float>(qa.view().codes(i, x))) *
                          static_cast<double>(static_cast<float>(qa.view().scale(i, x / 16)));
      double const right = static_cast<double>(static_cast<float>(qb.view().codes(j, x))) *
                           static_cast<double>(static_cast<float>(qb.view().scale(j, x / 16)));
      sum += left * right;
    }
    return static_cast<float>(sum) *
           fold_alpha<quantizer<>, quantizer<>>(1, {qa.amax()[0]}, {qb.amax()[0]});
  };
  auto const is_close = [&](double tolerance) {
    bool is_right = true;
    for (matrix_index i = 0; i < m; i += 61) {
      for (matrix_index j = 0; j < n; j += 53) {
        float const expected = reference(i, j);
        is_right = is_right && std::fabs(static_cast<double>(out(i, j)) -
                                         static_cast<double>(expected)) <= tolerance;
      }
    }
    return is_right;
  };
  double blas = 0;
  open_blas const library;
  if (library.sgemm != nullptr) {
    std::vector<float> fa(a.size()), fb(b.size());
    for (std::size_t i = 0; i < a.size(); ++i) fa[i] = static_cast<float>(a[i]);
    for (std::size_t i = 0; i < b.size(); ++i) fb[i] = static_cast<float>(b[i]);
    auto const run = [&] {
      library.sgemm(101, 111, 112, int{m}, int{n}, int{k}, 1, fa.data(), int{k}, fb.data(), int{k},
                    0, c.data(), int{n});
    };
    run();
    double sum = 0;
    for (matrix_index x = 0; x < k; ++x) {
      sum += static_cast<double>(fa[static_cast<std::size_t>(5 * k + x)]) *
             static_cast<double>(fb[static_cast<std::size_t>(9 * k + x)]);
    }
    if (check(std::fabs(static_cast<double>(out(5, 9)) - sum) < 1e-3, "OpenBLAS")) {
      blas = operations / bench::best_seconds(run) / 1e9;
      std::printf("  %-34s %8.1f   operands not quantized; its kernels for %s\n", "OpenBLAS sgemm",
                  blas, library.core);
    }
  } else {
    std::printf("  OpenBLAS: not found (Debian: libopenblas0-pthread)\n");
  }
  auto const measure = [&](char const* name, auto run, double tolerance) {
    run();
    if (!check(is_close(tolerance), name)) return 0.0;
    double const rate = operations / bench::best_seconds(run) / 1e9;
    std::printf("  %-34s %8.1f", name, rate);
    return rate;
  };
  double const exact = measure(
      "exact", [&] { matmul<product::exact>(qa.view(), q, qb.view(), q, out, {}, one); }, 0);
  std::printf("   goal 2: %s\n", met(exact >= 2));
  measure(
      "ordered", [&] { matmul<product::ordered>(qa.view(), q, qb.view(), q, out, {}, one); }, 1e-4);
  std::printf("\n");
  double const fast = measure(
      "fast", [&] { matmul<product::fast>(qa.view(), q, qb.view(), q, out, {}, one); }, 1e-3);
  if (blas > 0) {
    std::printf("   %.2f of OpenBLAS, goal 0.25: %s\n", fast / blas, met(fast >= blas / 4));
  } else {
    std::printf("\n");
  }
}

}  // namespace

int main() {
  bench::print_machine();
  std::printf("times are the least processor time of many runs, one thread\n");
  double const cached = quantizers(1024), large = quantizers(4096);
  double const fastest = peers();
  std::printf("\nNVFP4 nearest: %.0f and %.0f M elements/s, goal 520: %s", cached, large,
              met(std::fmin(cached, large) >= 520));
  if (fastest > 0) {
    std::printf("; %.0fx the fastest peer, goal 10x: %s", large / fastest,
                met(large >= 10 * fastest));
  }
  std::printf("\n");
  products();
  bench::print_machine();
  std::printf("\n%d goals missed, %d results wrong\n", misses, failures);
  return failures == 0 ? 0 : 1;
}
