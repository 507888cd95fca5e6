// SPDX-License-Identifier: Apache-2.0
// Values per second and core from float to code and back: this library, CUDA's own host functions
// where their headers are, and the ladder of comparisons that one would write first.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#if __has_include(<cuda_fp4.h>) && __has_include(<cuda_runtime_api.h>)
#define HAS_CUDA_HEADERS 1
#include <cuda_fp4.h>
#include <cuda_fp8.h>
#else
#define HAS_CUDA_HEADERS 0
#endif

#include <nibble/nibble.hpp>

namespace {

using codes = std::vector<std::uint8_t>;

constexpr std::size_t count = std::size_t{1} << 20;

/// Ordinary numbers of both signs, some of them ties, some too large.
std::vector<float> make_values() {
  std::vector<float> values(count);
  std::uint64_t state = 1;
  for (float& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<float>(static_cast<std::int32_t>(state >> 40) - (1 << 23)) / (1 << 20);
  }
  return values;
}

/// The best of several runs, in millions of values a second.
template <class Work>
double rate(Work const& work, int repeats) {
  double best = 0;
  for (int run = 0; run != 5; ++run) {
    auto const start = std::chrono::steady_clock::now();
    for (int i = 0; i != repeats; ++i) {
      work();
      asm volatile("" ::: "memory");
    }
    std::chrono::duration<double> const spent = std::chrono::steady_clock::now() - start;
    best = std::fmax(best, static_cast<double>(count) * repeats / spent.count() / 1e6);
  }
  return best;
}

bool failed = false;

/// Times work() once its output is what it must be.
template <class Work, class Output>
void measure(char const* name, Work const& work, Output const& output, Output const& expected,
             int repeats) {
  work();
  if (output.size() != expected.size() ||
      std::memcmp(output.data(), expected.data(), output.size() * sizeof output[0]) != 0) {
    std::printf("%-34s wrong result\n", name);
    failed = true;
    return;
  }
  std::printf("%-34s %9.1f\n", name, rate(work, repeats));
}

std::uint8_t ladder(float x) {
  float const a = std::fabs(x);
  auto const sign = static_cast<std::uint8_t>(std::signbit(x) ? 8 : 0);
  if (a <= 0.25f)
    return sign;
  if (a < 0.75f)
    return sign | 1;
  if (a <= 1.25f)
    return sign | 2;
  if (a < 1.75f)
    return sign | 3;
  if (a <= 2.5f)
    return sign | 4;
  if (a < 3.5f)
    return sign | 5;
  if (a <= 5.0f)
    return sign | 6;
  return sign | 7;
}

}  // namespace

int main() {
  std::vector<float> const values = make_values();
  codes packed(count / 2);
  codes bytes(count);
  std::vector<float> floats(count);

  // What each row is held against, from the general encoder.
  codes e2m1(count);
  codes e4m3(count);
  codes nibbles(count / 2);
  std::vector<float> from_e2m1(count);
  std::vector<float> from_e4m3(count);
  for (std::size_t i = 0; i != count; ++i) {
    e2m1[i] = static_cast<std::uint8_t>(nibble::format::encode<nibble::format::e2m1>(values[i]));
    e4m3[i] = static_cast<std::uint8_t>(nibble::format::encode<nibble::format::e4m3>(values[i]));
    nibbles[i / 2] = static_cast<std::uint8_t>(nibbles[i / 2] | e2m1[i] << (i % 2 * 4));
    from_e2m1[i] = nibble::format::decode<nibble::format::e2m1>(e2m1[i]);
    from_e4m3[i] = nibble::format::decode<nibble::format::e4m3>(e4m3[i]);
  }

  std::printf("%-34s %9s\n", "one core", "M values/s");
  measure(
      "nibble   float -> e2m1, packed",
      [&] {
        for (std::size_t i = 0; i != count; i += 16) {
          float row[16];
          std::memcpy(row, &values[i], sizeof row);
          auto const made = nibble::rounding::nearest_even{}.encode<nibble::fp4_e2m1>(row);
          std::memcpy(&packed[i / 2], made.bytes(), 8);
        }
      },
      packed, nibbles, 100);
  measure(
      "nibble   float -> e2m1",
      [&] {
        for (std::size_t i = 0; i != count; ++i)
          bytes[i] = nibble::fp4_e2m1(values[i]).bits();
      },
      bytes, e2m1, 100);
  measure(
      "ladder   float -> e2m1",
      [&] {
        for (std::size_t i = 0; i != count; ++i)
          bytes[i] = ladder(values[i]);
      },
      bytes, e2m1, 20);
#if HAS_CUDA_HEADERS
  measure(
      "cuda_fp4 float -> e2m1",
      [&] {
        for (std::size_t i = 0; i != count; ++i) {
          bytes[i] = __nv_cvt_float_to_fp4(values[i], __NV_E2M1, cudaRoundNearest);
        }
      },
      bytes, e2m1, 4);
#endif
  measure(
      "nibble   e2m1 -> float",
      [&] {
        for (std::size_t i = 0; i != count; ++i) {
          floats[i] = static_cast<float>(nibble::fp4_e2m1::from_bits(e2m1[i]));
        }
      },
      floats, from_e2m1, 100);
#if HAS_CUDA_HEADERS
  measure(
      "cuda_fp4 e2m1 -> float",
      [&] {
        for (std::size_t i = 0; i != count; ++i) {
          floats[i] = __half2float(__half(__nv_cvt_fp4_to_halfraw(e2m1[i], __NV_E2M1)));
        }
      },
      floats, from_e2m1, 4);
#endif
  measure(
      "nibble   float -> e4m3",
      [&] {
        for (std::size_t i = 0; i != count; ++i)
          bytes[i] = nibble::fp8_e4m3(values[i]).bits();
      },
      bytes, e4m3, 20);
#if HAS_CUDA_HEADERS
  measure(
      "cuda_fp8 float -> e4m3",
      [&] {
        for (std::size_t i = 0; i != count; ++i) {
          bytes[i] = __nv_cvt_float_to_fp8(values[i], __NV_SATFINITE, __NV_E4M3);
        }
      },
      bytes, e4m3, 4);
#endif
  measure(
      "nibble   e4m3 -> float",
      [&] {
        for (std::size_t i = 0; i != count; ++i) {
          floats[i] = static_cast<float>(nibble::fp8_e4m3::from_bits(e4m3[i]));
        }
      },
      floats, from_e4m3, 100);
#if HAS_CUDA_HEADERS
  measure(
      "cuda_fp8 e4m3 -> float",
      [&] {
        for (std::size_t i = 0; i != count; ++i) {
          floats[i] = __half2float(__half(__nv_cvt_fp8_to_halfraw(e4m3[i], __NV_E4M3)));
        }
      },
      floats, from_e4m3, 4);
#else
  std::printf("cuda_fp4.h was not found; its rows are left out\n");
#endif
  return failed ? 1 : 0;
}
