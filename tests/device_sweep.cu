// SPDX-License-Identifier: Apache-2.0
// Every input, on the device: the library, the instructions and CUDA's own headers against tables
// that the oracle made from exact integers. A program of its own, since it takes minutes of GPU.
//
// Build it twice, with and without --use_fast_math, and compare the digests:
//   nvcc -std=c++20 -O3 -arch=sm_90 -Iinclude -Itests tests/device_sweep.cu
// Exit status: 0 nothing differs, 1 something does, 2 CUDA failed, 77 there is no GPU.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <cuda_fp4.h>
#pragma GCC diagnostic pop
#include <cuda_runtime.h>
#include <curand_kernel.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "nibble/arch/arithmetic.hpp"
#include "nibble/arch/convert.hpp"
#include "nibble/arch/e2m1.cuh"
#include "nibble/arch/ptx.cuh"
#include "nibble/bf16.hpp"
#include "nibble/device/nearest.cuh"
#include "nibble/e8m0.hpp"
#include "nibble/fp16.hpp"
#include "nibble/fp4_e2m1.hpp"
#include "nibble/fp6_e2m3.hpp"
#include "nibble/fp6_e3m2.hpp"
#include "nibble/fp8_e4m3.hpp"
#include "nibble/fp8_e5m2.hpp"
#include "nibble/random/philox.hpp"
#include "nibble/rounding/nearest_away.hpp"
#include "nibble/rounding/stochastic.hpp"
#include "nibble/rounding/toward_zero.hpp"
#include "nibble/ue5m3.hpp"
#include "oracle/exact.hpp"
#include "oracle/formats.hpp"

namespace {

using nibble::detail::float_bits;
using nibble::detail::float_from_bits;

constexpr std::uint64_t every_float = std::uint64_t{1} << 32;

// --- CUDA, in as much of it as this program needs

void require(cudaError_t status, char const* what) {
  if (status == cudaSuccess) {
    return;
  }
  std::printf("%s: %s\n", what, cudaGetErrorString(status));
  std::exit(2);
}

/// A copy of a vector on the device, for as long as the program runs.
template <class T>
T const* upload(std::vector<T> const& values) {
  T* copy = nullptr;
  require(cudaMalloc(&copy, values.size() * sizeof(T)), "cudaMalloc");
  require(cudaMemcpy(copy, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
          "cudaMemcpy");
  return copy;
}

// --- A sweep: what a check got and what it wants, for every index below a count

struct outcome {
  std::uint64_t got;
  std::uint64_t want;
};

struct tally {
  unsigned long long failures;
  unsigned long long first;
  unsigned long long digest;  // of what was got; a sum, so that the order does not matter
};

/// Index and result, stirred (the finalizer of splitmix64, twice).
__host__ __device__ std::uint64_t stir(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58'476D'1CE4'E5B9u;
  x = (x ^ x >> 27) * 0x94D0'49BB'1331'11EBu;
  return x ^ x >> 31;
}

template <class Check>
__global__ void sweep_kernel(Check check, std::uint64_t count, tally* result) {
  std::uint64_t const stride = std::uint64_t{gridDim.x} * blockDim.x;
  tally mine{0, ~0ULL, 0};
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    outcome const found = check(i);
    if (found.got != found.want) {
      ++mine.failures;
      mine.first = mine.first < i ? mine.first : i;
    }
    mine.digest += stir(i + 0x9E37'79B9'7F4A'7C15u * (found.got + 1));
  }
  if (mine.failures != 0) {
    atomicAdd(&result->failures, mine.failures);
    atomicMin(&result->first, mine.first);
  }
  atomicAdd(&result->digest, mine.digest);
}

template <class Check>
__global__ void show_kernel(Check check, std::uint64_t index, outcome* found) {
  *found = check(index);
}

int passed = 0;
int failed = 0;

void print_row(std::string const& name, std::uint64_t count, tally const& result, double seconds) {
  std::printf("%-52s %14llu %12llu  %016llx %8.2f s\n", name.c_str(),
              static_cast<unsigned long long>(count), result.failures, result.digest, seconds);
  std::fflush(stdout);
  result.failures == 0 ? ++passed : ++failed;
}

/// Runs one check over the indices below `count`.
template <class Check>
tally run(std::uint64_t count, Check const& check) {
  tally result{0, ~0ULL, 0};
  tally* on_device = nullptr;
  require(cudaMalloc(&on_device, sizeof result), "cudaMalloc");
  require(cudaMemcpy(on_device, &result, sizeof result, cudaMemcpyHostToDevice), "cudaMemcpy");
  std::uint64_t const blocks = (count + 255) / 256;
  auto const grid_size = static_cast<unsigned>(blocks < 16384 ? blocks : 16384);
  sweep_kernel<<<grid_size, 256>>>(check, count, on_device);
  require(cudaGetLastError(), "launch");
  require(cudaMemcpy(&result, on_device, sizeof result, cudaMemcpyDeviceToHost), "sweep");
  require(cudaFree(on_device), "cudaFree");
  return result;
}

/// What one check finds at one index.
template <class Check>
outcome look(std::uint64_t index, Check const& check) {
  outcome found{};
  outcome* on_device = nullptr;
  require(cudaMalloc(&on_device, sizeof found), "cudaMalloc");
  show_kernel<<<1, 1>>>(check, index, on_device);
  require(cudaGetLastError(), "launch");
  require(cudaMemcpy(&found, on_device, sizeof found, cudaMemcpyDeviceToHost), "second look");
  require(cudaFree(on_device), "cudaFree");
  return found;
}

/// Runs one check over the indices below `count` and prints its row of the table.
template <class Check>
void sweep(std::string const& name, std::uint64_t count, Check const& check) {
  auto const begin = std::chrono::steady_clock::now();
  tally const result = run(count, check);
  std::chrono::duration<double> const time = std::chrono::steady_clock::now() - begin;
  print_row(name, count, result, time.count());
  if (result.failures != 0) {
    outcome const found = look(result.first, check);
    std::printf("    first at 0x%llx: got 0x%llx, want 0x%llx\n", result.first,
                static_cast<unsigned long long>(found.got),
                static_cast<unsigned long long>(found.want));
  }
}

/// One check on the host, in the same table.
void expect(std::string const& name, std::uint64_t count, std::uint64_t failures) {
  print_row(name, count, tally{failures, 0, 0}, 0);
}

// --- The oracle on the device: where the code changes, as float bits in ascending order

struct intervals {
  std::uint32_t const* first;
  std::uint32_t const* code;
  std::uint32_t count;

  /// The code of the last interval that begins at or below `bits`.
  __device__ std::uint32_t operator()(std::uint32_t bits) const {
    std::uint32_t low = 0;
    std::uint32_t high = count;
    while (high - low > 1) {
      std::uint32_t const middle = (low + high) / 2;
      (first[middle] <= bits ? low : high) = middle;
    }
    return code[low];
  }
};

intervals upload(oracle::interval_table const& table) {
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> code;
  for (auto const& row : table.rows()) {
    first.push_back(row.first);
    code.push_back(row.code);
  }
  return {upload(first), upload(code), static_cast<std::uint32_t>(first.size())};
}

/// The host function and the table change at the same floats, to the same codes.
template <class T>
void check_host_changes(std::string const& name, oracle::interval_table const& table) {
  std::uint64_t failures = 0;
  std::uint32_t before = table.rows().back().code;  // the predecessor of 0 is the last NaN
  for (auto const& row : table.rows()) {
    failures += T(float_from_bits(row.first)).bits() != row.code ? 1 : 0;
    failures += T(float_from_bits(row.first - 1)).bits() != before ? 1 : 0;
    before = row.code;
  }
  expect(name + ": host at every change", 2 * table.rows().size(), failures);
}

// --- Encoders: float to code, on the device

template <class T>
struct library {
  __device__ static std::uint32_t code(float x) { return T(x).bits(); }
};

/// The path of a device without the instruction.
template <class T>
struct portable {
  __device__ static std::uint32_t code(float x) { return nibble::format::encode<T::format>(x); }
};

template <class T>
struct away {
  __device__ static std::uint32_t code(float x) {
    return nibble::rounding::nearest_away::round<T>(x).bits();
  }
};

template <class T>
struct truncating {
  __device__ static std::uint32_t code(float x) {
    return nibble::rounding::toward_zero::round<T>(x).bits();
  }
};

struct cuda_e2m1 {
  __device__ static std::uint32_t code(float x) {
    return __nv_cvt_float_to_fp4(x, __NV_E2M1, cudaRoundNearest);
  }
};
struct cuda_e2m3 {
  __device__ static std::uint32_t code(float x) {
    return __nv_cvt_float_to_fp6(x, __NV_E2M3, cudaRoundNearest);
  }
};
struct cuda_e3m2 {
  __device__ static std::uint32_t code(float x) {
    return __nv_cvt_float_to_fp6(x, __NV_E3M2, cudaRoundNearest);
  }
};
struct cuda_e4m3 {
  __device__ static std::uint32_t code(float x) {
    return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3);
  }
};
struct cuda_e5m2 {
  __device__ static std::uint32_t code(float x) {
    return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E5M2);
  }
};
struct cuda_e8m0 {
  __device__ static std::uint32_t code(float x) {
    return __nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundPosInf);
  }
};

template <class Encoder>
struct encodes_as {
  intervals expected;
  __device__ outcome operator()(std::uint64_t i) const {
    auto const bits = static_cast<std::uint32_t>(i);
    return {Encoder::code(float_from_bits(bits)), expected(bits)};
  }
};

/// Has the code that runs here the 8-bit instructions?
struct has_e4m3 {
  __device__ outcome operator()(std::uint64_t) const { return {NIBBLE_HAS_CVT_E4M3, 1}; }
};

/// The instruction on two floats at once: this one low, another one high.
template <bool IsE5m2>
struct instruction_pairs {
  intervals expected;
  __device__ outcome operator()([[maybe_unused]] std::uint64_t i) const {
#if NIBBLE_HAS_CVT_E4M3
    auto const low = static_cast<std::uint32_t>(i);
    std::uint32_t const high = low * 0x9E37'79B1u + 0x7F4A'7C15u;  // odd factor: each value once
    float const x = float_from_bits(low);
    float const y = float_from_bits(high);
    std::uint32_t const got = IsE5m2 ? nibble::arch::ptx::cvt_rn_satfinite_e5m2x2_f32(x, y)
                                     : nibble::arch::ptx::cvt_rn_satfinite_e4m3x2_f32(x, y);
    return {got, expected(low) | expected(high) << 8};
#else
    return {0, 1};
#endif
  }
};

/// Eight floats to one word: seven neighbours 2^29 apart, so that the lanes differ.
struct encodes_eight {
  intervals expected;
  __device__ outcome operator()(std::uint64_t i) const {
    float values[8];
    std::uint32_t want = 0;
    for (std::uint32_t lane = 0; lane < 8; ++lane) {
      std::uint32_t const bits = static_cast<std::uint32_t>(i) + (lane << 29);
      values[lane] = float_from_bits(bits);
      want |= expected(bits) << (4 * lane);
    }
    return {nibble::arch::encode_e2m1x8(values), want};
  }
};

struct encodes_fp16 {
  __device__ outcome operator()(std::uint64_t i) const {
    float const x = float_from_bits(static_cast<std::uint32_t>(i));
    return {nibble::fp16(x).bits(), __half_as_ushort(__float2half_rn(x))};
  }
};

struct encodes_bf16 {
  __device__ outcome operator()(std::uint64_t i) const {
    float const x = float_from_bits(static_cast<std::uint32_t>(i));
    return {nibble::bf16(x).bits(), __bfloat16_as_ushort(__float2bfloat16_rn(x))};
  }
};

template <class T>
void sweep_encode(std::string const& name, oracle::format const& format) {
  oracle::interval_table const table(format);
  check_host_changes<T>(name, table);
  sweep(name + " = oracle", every_float, encodes_as<library<T>>{upload(table)});
}

template <class T>
void sweep_directions(std::string const& name, oracle::format const& format) {
  using oracle::direction;
  auto const saturate = oracle::overflow::saturate;
  intervals const away_table =
      upload(oracle::interval_table(format, direction::nearest_away, saturate));
  sweep(name + " nearest_away = oracle", every_float, encodes_as<away<T>>{away_table});
  intervals const zero_table =
      upload(oracle::interval_table(format, direction::toward_zero, saturate));
  sweep(name + " toward_zero = oracle", every_float, encodes_as<truncating<T>>{zero_table});
}

void sweep_encoders() {
  sweep_encode<nibble::fp4_e2m1>("e2m1", oracle::e2m1);
  sweep_encode<nibble::fp6_e2m3>("e2m3", oracle::e2m3);
  sweep_encode<nibble::fp6_e3m2>("e3m2", oracle::e3m2);
  sweep_encode<nibble::fp8_e4m3>("e4m3", oracle::e4m3);
  sweep_encode<nibble::fp8_e5m2>("e5m2", oracle::e5m2);
  sweep_encode<nibble::e8m0>("e8m0", oracle::e8m0);
  sweep_encode<nibble::ue5m3>("ue5m3", oracle::ue5m3);
  sweep_encode<nibble::fp16>("fp16", oracle::fp16);
  sweep_encode<nibble::bf16>("bf16", oracle::bf16);
  sweep_directions<nibble::fp4_e2m1>("e2m1", oracle::e2m1);
  sweep_directions<nibble::fp8_e4m3>("e4m3", oracle::e4m3);

  intervals const e2m1 = upload(oracle::interval_table(oracle::e2m1));
  intervals const e4m3 = upload(oracle::interval_table(oracle::e4m3));
  intervals const e5m2 = upload(oracle::interval_table(oracle::e5m2));
  sweep("e2m1, portable path = oracle", every_float, encodes_as<portable<nibble::fp4_e2m1>>{e2m1});
  sweep("e4m3, portable path = oracle", every_float, encodes_as<portable<nibble::fp8_e4m3>>{e4m3});
  sweep("encode_e2m1x8 = oracle", every_float, encodes_eight{e2m1});
  if (look(0, has_e4m3{}).got != 0) {
    sweep("cvt.rn.satfinite.e4m3x2.f32 = oracle", every_float, instruction_pairs<false>{e4m3});
    sweep("cvt.rn.satfinite.e5m2x2.f32 = oracle", every_float, instruction_pairs<true>{e5m2});
  }

  // A sweep that sees no difference between two roundings would see none at all.
  tally const control = run(every_float, encodes_as<truncating<nibble::fp4_e2m1>>{e2m1});
  expect("control: toward_zero is not nearest_even", every_float, control.failures > 0 ? 0 : 1);

  sweep("cuda_fp4.h e2m1 = oracle", every_float, encodes_as<cuda_e2m1>{e2m1});
  sweep("cuda_fp6.h e2m3 = oracle", every_float,
        encodes_as<cuda_e2m3>{upload(oracle::interval_table(oracle::e2m3))});
  sweep("cuda_fp6.h e3m2 = oracle", every_float,
        encodes_as<cuda_e3m2>{upload(oracle::interval_table(oracle::e3m2))});
  sweep("cuda_fp8.h e4m3 = oracle", every_float, encodes_as<cuda_e4m3>{e4m3});
  sweep("cuda_fp8.h e5m2 = oracle", every_float, encodes_as<cuda_e5m2>{e5m2});
  sweep("cuda_fp8.h e8m0 = oracle", every_float,
        encodes_as<cuda_e8m0>{upload(oracle::interval_table(oracle::e8m0))});
  sweep("fp16 = cuda_fp16.h", every_float, encodes_fp16{});
  sweep("bf16 = cuda_bf16.h", every_float, encodes_bf16{});
}

// --- Doubles: near every change of code, and at random

std::vector<double> interesting_doubles(oracle::format const& format) {
  std::vector<double> values;
  oracle::interval_table const table(format);
  for (auto const& row : table.rows()) {
    for (std::int64_t step = -3; step <= 3; ++step) {
      for (std::uint32_t const before : {0u, 1u}) {
        auto const x = static_cast<double>(float_from_bits(row.first - before));
        auto const bits = nibble::detail::bit_cast<std::uint64_t>(x);
        values.push_back(nibble::detail::bit_cast<double>(bits + static_cast<std::uint64_t>(step)));
      }
    }
  }
  for (std::uint64_t i = 0; i < (1u << 20); ++i) {
    std::uint64_t const random = stir(i + 1);
    // Half of them anywhere, half within the range of the small formats.
    std::uint64_t const exponent = 1023 - 16 + (random >> 52 & 31);
    bool const is_anywhere = (i & 1) != 0;
    values.push_back(nibble::detail::bit_cast<double>(
        is_anywhere ? random : (random & 0x800F'FFFF'FFFF'FFFFu) | exponent << 52));
  }
  return values;
}

template <class T>
struct encodes_double {
  double const* values;
  std::uint32_t const* expected;
  __device__ outcome operator()(std::uint64_t i) const {
    return {T(values[i]).bits(), expected[i]};
  }
};

template <class T>
void sweep_doubles(std::string const& name, oracle::format const& format) {
  std::vector<double> const values = interesting_doubles(format);
  std::vector<std::uint32_t> expected;
  oracle::table const& table = oracle::table_of(format);
  for (double const x : values) {
    auto const bits = nibble::detail::bit_cast<std::uint64_t>(x);
    expected.push_back(table.convert(oracle::from_binary64(bits)));
  }
  sweep(name + " of doubles = oracle", values.size(),
        encodes_double<T>{upload(values), upload(expected)});
}

// --- Decoders: every code

/// The float that a code stands for, NaN of any kind as one.
std::uint32_t canonical(std::uint32_t bits) {
  return oracle::is_nan(bits) ? oracle::quiet_nan_bits : bits;
}
__device__ std::uint32_t canonical(float x) {
  std::uint32_t const bits = float_bits(x);
  return (bits & 0x7FFF'FFFFu) > 0x7F80'0000u ? 0x7FC0'0000u : bits;
}

std::vector<std::uint32_t> decoded(oracle::format const& format) {
  oracle::table const& table = oracle::table_of(format);
  std::vector<std::uint32_t> floats;
  for (std::uint32_t code = 0; code < table.codes(); ++code) {
    oracle::number const x = table.decode(code);
    std::uint32_t const sign = x.value.negative ? oracle::sign_mask : 0;
    if (x.type == oracle::kind::nan) {
      floats.push_back(oracle::quiet_nan_bits);
    } else if (x.type == oracle::kind::infinite) {
      floats.push_back(sign | oracle::infinity_bits);
    } else {
      floats.push_back(
          oracle::round_to_binary32(x.value.negative, x.value.significand, x.value.exponent));
    }
  }
  return floats;
}

template <class T>
struct library_decoder {
  __device__ static float value(std::uint32_t code) {
    return static_cast<float>(T::from_bits(code));
  }
};

__device__ float half_value(std::uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits & 0xFFFFu)));
}

struct cuda_e2m1_decoder {
  __device__ static float value(std::uint32_t code) {
    return half_value(
        __half_raw(__nv_cvt_fp4_to_halfraw(static_cast<__nv_fp4_storage_t>(code), __NV_E2M1)).x);
  }
};

template <__nv_fp8_interpretation_t Kind>
struct cuda_fp8_decoder {
  __device__ static float value(std::uint32_t code) {
    return half_value(__nv_cvt_fp8_to_halfraw(static_cast<__nv_fp8_storage_t>(code), Kind).x);
  }
};

/// The instruction, the code in the low half and again, as the other half, its mirror.
template <bool IsE5m2, bool IsHigh>
struct instruction_decoder {
  __device__ static float value([[maybe_unused]] std::uint32_t code) {
#if NIBBLE_HAS_CVT_E4M3
    auto const pair =
        static_cast<unsigned short>(IsHigh ? code << 8 | (255u - code) : code | (255u - code) << 8);
    std::uint32_t const halves = IsE5m2 ? nibble::arch::ptx::cvt_rn_f16x2_e5m2x2(pair)
                                        : nibble::arch::ptx::cvt_rn_f16x2_e4m3x2(pair);
    return half_value(IsHigh ? halves >> 16 : halves);
#else
    return 1.0f / 3.0f;
#endif
  }
};

template <class Decoder>
struct decodes_as {
  std::uint32_t const* expected;
  __device__ outcome operator()(std::uint64_t i) const {
    return {canonical(Decoder::value(static_cast<std::uint32_t>(i))), expected[i]};
  }
};

template <class Decoder>
void sweep_decode(std::string const& name, oracle::format const& format) {
  std::vector<std::uint32_t> expected = decoded(format);
  for (std::uint32_t& bits : expected) {
    bits = canonical(bits);
  }
  sweep(name + " decoded = oracle", expected.size(), decodes_as<Decoder>{upload(expected)});
}

void sweep_decoders() {
  sweep_decode<library_decoder<nibble::fp4_e2m1>>("e2m1", oracle::e2m1);
  sweep_decode<library_decoder<nibble::fp6_e2m3>>("e2m3", oracle::e2m3);
  sweep_decode<library_decoder<nibble::fp6_e3m2>>("e3m2", oracle::e3m2);
  sweep_decode<library_decoder<nibble::fp8_e4m3>>("e4m3", oracle::e4m3);
  sweep_decode<library_decoder<nibble::fp8_e5m2>>("e5m2", oracle::e5m2);
  sweep_decode<library_decoder<nibble::e8m0>>("e8m0", oracle::e8m0);
  sweep_decode<library_decoder<nibble::ue5m3>>("ue5m3", oracle::ue5m3);
  sweep_decode<library_decoder<nibble::fp16>>("fp16", oracle::fp16);
  sweep_decode<library_decoder<nibble::bf16>>("bf16", oracle::bf16);
  sweep_decode<cuda_e2m1_decoder>("cuda_fp4.h e2m1", oracle::e2m1);
  sweep_decode<cuda_fp8_decoder<__NV_E4M3>>("cuda_fp8.h e4m3", oracle::e4m3);
  sweep_decode<cuda_fp8_decoder<__NV_E5M2>>("cuda_fp8.h e5m2", oracle::e5m2);
  if (look(0, has_e4m3{}).got == 0) {
    return;
  }
  sweep_decode<instruction_decoder<false, false>>("cvt.rn.f16x2.e4m3x2, low", oracle::e4m3);
  sweep_decode<instruction_decoder<false, true>>("cvt.rn.f16x2.e4m3x2, high", oracle::e4m3);
  sweep_decode<instruction_decoder<true, false>>("cvt.rn.f16x2.e5m2x2, low", oracle::e5m2);
  sweep_decode<instruction_decoder<true, true>>("cvt.rn.f16x2.e5m2x2, high", oracle::e5m2);
}

// --- Stochastic rounding, from integers alone: the grid and |x| in units of 2^-40

struct grid {
  std::uint64_t const* magnitude;  // of code k, in units of 2^-40
  std::uint32_t count;             // of finite magnitudes
  std::uint32_t sign_code;
  std::uint32_t nan_code;

  struct place {
    std::uint32_t low;            // the code toward zero, sign included
    std::uint64_t fraction_bits;  // floor(2^Bits f): so many random words go up
  };

  /// Where the float stands between its neighbours.
  template <int Bits>
  __device__ place find(std::uint32_t bits) const {
    std::uint32_t const magnitude_bits = bits & 0x7FFF'FFFFu;
    if (magnitude_bits > 0x7F80'0000u) {
      return {nan_code, 0};
    }
    std::uint32_t const sign = bits >> 31 != 0 ? sign_code : 0;
    std::uint32_t const field = magnitude_bits >> 23;
    std::uint64_t const significand =
        field == 0 ? magnitude_bits : (magnitude_bits & 0x007F'FFFFu) | 0x0080'0000u;
    int const shift = static_cast<int>(field == 0 ? 1 : field) - 150 + 40;
    // Below one unit nothing survives the floor; from 2^20 on every grid here has ended.
    std::uint64_t units = 0;
    if (shift > 36) {
      units = std::uint64_t{1} << 62;
    } else if (shift >= 0) {
      units = significand << shift;
    } else if (shift > -24) {
      units = significand >> -shift;
    }
    std::uint32_t low = 0;
    std::uint32_t high = count;
    while (high - low > 1) {
      std::uint32_t const middle = (low + high) / 2;
      (magnitude[middle] <= units ? low : high) = middle;
    }
    if (low + 1 == count) {
      return {sign | low, 0};
    }
    std::uint64_t const step = magnitude[low + 1] - magnitude[low];  // a power of two above 2^Bits
    return {sign | low, (units - magnitude[low]) / (step >> Bits)};
  }
};

grid upload_grid(oracle::format const& format) {
  oracle::table const& table = oracle::table_of(format);
  std::vector<std::uint64_t> magnitudes;
  for (std::size_t k = 0; k < table.size(); ++k) {
    oracle::dyadic const& x = table.magnitude(k);
    if (table.code(k) != k || x.exponent < -40) {
      std::printf("%s: the grid does not fit units of 2^-40\n", format.name.data());
      std::exit(2);
    }
    magnitudes.push_back(static_cast<std::uint64_t>(x.significand) << (x.exponent + 40));
  }
  return {upload(magnitudes), static_cast<std::uint32_t>(magnitudes.size()), table.sign_code(),
          table.nan_code()};
}

template <class T, int Bits>
__device__ std::uint32_t stochastic_code(std::uint32_t bits, std::uint32_t random) {
  using policy = nibble::rounding::stochastic<Bits>;
  return policy::template round<T>(float_from_bits(bits), random).bits();
}

/// All 2^Bits random words: how many go up, whether those are the largest ones, and from which
/// code.
template <class T, int Bits>
__device__ outcome enumerate_words(grid const& codes, std::uint32_t bits) {
  auto const place = codes.template find<Bits>(bits);
  std::uint64_t ups = 0;
  bool was_up = false;
  bool is_ordered = true;
  for (std::uint32_t word = 0; word < (1u << Bits); ++word) {
    std::uint32_t const code = stochastic_code<T, Bits>(bits, word);
    bool const is_up = code == place.low + 1u;
    is_ordered = is_ordered && (is_up || code == place.low) && (is_up || !was_up);
    was_up = is_up;
    ups += is_up ? 1 : 0;
  }
  return {(is_ordered ? ups : ~std::uint64_t{0} >> 16) << 16 | place.low,
          place.fraction_bits << 16 | place.low};
}

template <class T, int Bits>
struct all_words {
  grid codes;
  std::uint32_t stride;  // odd strides meet every float, or a fair sample of all exponents
  __device__ outcome operator()(std::uint64_t i) const {
    return enumerate_words<T, Bits>(codes, static_cast<std::uint32_t>(i) * stride);
  }
};

/// Where the 2^Bits words are too many: the largest that must stay, the smallest that must go up.
template <class T, int Bits>
struct edge_words {
  grid codes;
  __device__ outcome operator()(std::uint64_t i) const {
    auto const bits = static_cast<std::uint32_t>(i);
    auto const place = codes.template find<Bits>(bits);
    auto const edge = static_cast<std::uint32_t>((1u << Bits) - place.fraction_bits);
    std::uint32_t const last = (1u << Bits) - 1;
    std::uint32_t const up = place.low + (place.fraction_bits > 0 ? 1u : 0u);
    std::uint64_t const got = std::uint64_t{stochastic_code<T, Bits>(bits, 0)} |
                              std::uint64_t{stochastic_code<T, Bits>(bits, edge - 1)} << 16 |
                              std::uint64_t{stochastic_code<T, Bits>(bits, edge & last)} << 32 |
                              std::uint64_t{stochastic_code<T, Bits>(bits, last)} << 48;
    // edge & last is 0 where no word goes up: that one stays, too.
    return {got, std::uint64_t{place.low} | std::uint64_t{place.low} << 16 |
                     std::uint64_t{up} << 32 | std::uint64_t{up} << 48};
  }
};

/// Codes of one float under eight consecutive random bytes, byte `first` + i in nibble i: by addition,
/// as policies do where there is no instruction.
struct by_addition {
  __device__ static bool takes(std::uint32_t) { return true; }
  __device__ static std::uint32_t codes(float x, std::uint32_t first) {
    float const values[8] = {x, x, x, x, x, x, x, x};
    std::uint32_t random[8];
    for (std::uint32_t i = 0; i < 8; ++i) random[i] = first + i;
    unsigned char bytes[4];
    nibble::arch::encode_e2m1_stochastic<8>(values, random, bytes);
    return bytes[0] | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
           std::uint32_t{bytes[3]} << 24;
  }
};

/// As the kernels do for numbers below 7 in magnitude.
struct of_kernels {
  __device__ static bool takes(std::uint32_t bits) { return (bits & 0x7FFF'FFFFu) < 0x40E0'0000u; }
  __device__ static std::uint32_t codes(float x, std::uint32_t first) {
    float const values[8] = {x, x, x, x, x, x, x, x};
    std::uint32_t const four = first * 0x0101'0101u + 0x0302'0100u;  // no byte carries
    return nibble::device::detail::stochastic_magnitudes(values, 1.0f, four, four + 0x0404'0404u) |
           nibble::device::detail::signs_of(values);
  }
};

/// Wrong: random bytes 2 k and 2 k + 1 change places. As many go up, but not the largest ones.
struct exchanged {
  __device__ static bool takes(std::uint32_t) { return true; }
  __device__ static std::uint32_t codes(float x, std::uint32_t first) {
    std::uint32_t const right = by_addition::codes(x, first);
    return (right & 0x0F0F'0F0Fu) << 4 | (right >> 4 & 0x0F0F'0F0Fu);
  }
};

/// As enumerate_words, all 256 bytes, eight at a time.
template <class Coder>
struct all_bytes {
  grid codes;
  __device__ outcome operator()(std::uint64_t i) const {
    auto const bits = static_cast<std::uint32_t>(i);
    if (!Coder::takes(bits)) return {0, 0};
    auto const place = codes.find<8>(bits);
    std::uint32_t ups = 0;
    bool was_up = false, is_ordered = true;
    for (std::uint32_t first = 0; first < 256; first += 8) {
      std::uint32_t const eight = Coder::codes(float_from_bits(bits), first);
      for (int k = 0; k < 8; ++k) {
        std::uint32_t const code = eight >> (4 * k) & 15u;
        bool const is_up = code == place.low + 1u;
        is_ordered = is_ordered && (is_up || code == place.low) && (is_up || !was_up);
        was_up = is_up;
        ups += is_up ? 1 : 0;
      }
    }
    return {(is_ordered ? ups : 0xFFFFu) << 16 | place.low,
            place.fraction_bits << 16 | place.low};
  }
};

/// Differs where an odd number of the 256 bytes go up.
struct has_odd_share {
  grid codes;
  __device__ outcome operator()(std::uint64_t i) const {
    return {codes.find<8>(static_cast<std::uint32_t>(i)).fraction_bits & 1u, 0};
  }
};

void sweep_stochastic() {
  grid const e2m1 = upload_grid(oracle::e2m1);
  grid const e4m3 = upload_grid(oracle::e4m3);
  using nibble::fp4_e2m1;
  using nibble::fp8_e4m3;
  sweep("e2m1 stochastic<8>, all 256 words a float", every_float, all_words<fp4_e2m1, 8>{e2m1, 1});
  sweep("e4m3 stochastic<8>, all 256 words a float", every_float, all_words<fp8_e4m3, 8>{e4m3, 1});
  sweep("e2m1 stochastic<16>, edge words", every_float, edge_words<fp4_e2m1, 16>{e2m1});
  sweep("e2m1 stochastic<24>, edge words", every_float, edge_words<fp4_e2m1, 24>{e2m1});
  sweep("e4m3 stochastic<16>, edge words", every_float, edge_words<fp8_e4m3, 16>{e4m3});
  sweep("e2m1 stochastic<16>, all 65536 words a float", 1u << 18,
        all_words<fp4_e2m1, 16>{e2m1, 0x4001u});
  sweep("e2m1 by addition, all 256 words a float", every_float, all_bytes<by_addition>{e2m1});
  sweep("e2m1 of kernels, all 256 words a float below 7", every_float, all_bytes<of_kernels>{e2m1});
  // A wrong encoder is told at every float where it is wrong.
  auto const told = run(every_float, all_bytes<exchanged>{e2m1}).failures;
  auto const wrong = run(every_float, has_odd_share{e2m1}).failures;
  expect("two random bytes exchanged are told", wrong, told > wrong ? told - wrong : wrong - told);
  expect("floats where that tells", wrong, wrong > 0 ? 0 : 1);
}

// --- Arithmetic: operands where rounding, subnormals, cancellation and specials matter

enum class operation { multiply, add, subtract, divide, minimum };

struct operands {
  std::vector<std::uint32_t> a;
  std::vector<std::uint32_t> b;
};

operands adversarial_operands() {
  std::vector<std::uint32_t> edges;
  for (std::uint32_t const bits :
       {0x0000'0000u, 0x0000'0001u, 0x0000'0002u, 0x0000'0003u, 0x003F'FFFFu, 0x0040'0000u,
        0x007F'FFFFu, 0x0080'0000u, 0x0080'0001u, 0x00FF'FFFFu, 0x0100'0000u, 0x33FF'FFFFu,
        0x3380'0000u, 0x3F00'0000u, 0x3F7F'FFFFu, 0x3F80'0000u, 0x3F80'0001u, 0x3FFF'FFFFu,
        0x4000'0000u, 0x4040'0000u, 0x40C0'0000u, 0x43E0'0000u, 0x4B00'0000u, 0x4B7F'FFFFu,
        0x7E80'0000u, 0x7F00'0000u, 0x7F7F'FFFEu, 0x7F7F'FFFFu, 0x7F80'0000u, 0x7F80'0001u,
        0x7FC0'0000u, 0x7FFF'FFFFu}) {
    edges.push_back(bits);
    edges.push_back(bits | 0x8000'0000u);
  }
  operands all;
  for (std::uint32_t const a : edges) {
    for (std::uint32_t const b : edges) {
      all.a.push_back(a);
      all.b.push_back(b);
    }
  }
  for (std::uint64_t i = 0; i < (1u << 21); ++i) {
    std::uint64_t const random = stir(i + 0x5EED);
    auto a = static_cast<std::uint32_t>(random);
    auto b = static_cast<std::uint32_t>(random >> 32);
    switch (i % 8) {
      case 0:  // anything
        break;
      case 1:  // close in value: cancellation, quotients next to 1
        b = (a ^ (b & 0x8000'0000u)) + (b & 0x1FFu) - 0x100u;
        break;
      case 2:  // exponents that meet: sums with every alignment
        b = (b & 0x807F'FFFFu) | ((a + ((b >> 24 & 63u) << 23) - (32u << 23)) & 0x7F80'0000u);
        break;
      case 3:  // products and quotients near the smallest normal number
        b = (b & 0x807F'FFFFu) | ((126u + (b >> 25 & 31u) - 16u - (a >> 23 & 127u)) & 255u) << 23;
        a &= 0xBFFF'FFFFu;
        break;
      case 4:  // subnormal left
        a &= 0x807F'FFFFu;
        break;
      case 5:  // subnormal right
        b &= 0x807F'FFFFu;
        break;
      case 6:  // few mantissa bits: ties
        a &= 0xFFFF'F000u;
        b &= 0xFFFF'F800u;
        break;
      default:  // edge against anything
        a = edges[random % edges.size()];
        break;
    }
    all.a.push_back(a);
    all.b.push_back(b);
  }
  return all;
}

template <operation Operation>
struct computes {
  std::uint32_t const* a;
  std::uint32_t const* b;
  std::uint32_t const* expected;
  __device__ outcome operator()(std::uint64_t i) const {
    float const x = float_from_bits(a[i]);
    float const y = float_from_bits(b[i]);
    float result = 0;
    switch (Operation) {
      case operation::multiply:
        result = nibble::arch::multiply(x, y);
        break;
      case operation::add:
        result = nibble::arch::add(x, y);
        break;
      case operation::subtract:
        result = nibble::arch::subtract(x, y);
        break;
      case operation::divide:
        result = nibble::arch::divide(x, y);
        break;
      case operation::minimum:
        result = nibble::arch::minimum(x, y);
        break;
    }
    return {canonical(result), expected[i]};
  }
};

template <operation Operation>
void sweep_operation(std::string const& name, operands const& all,
                     std::uint32_t (*reference)(std::uint32_t, std::uint32_t),
                     float (*on_host)(float, float)) {
  std::vector<std::uint32_t> expected;
  std::uint64_t host_failures = 0;
  for (std::size_t i = 0; i < all.a.size(); ++i) {
    expected.push_back(canonical(reference(all.a[i], all.b[i])));
    float const host = on_host(float_from_bits(all.a[i]), float_from_bits(all.b[i]));
    host_failures += canonical(float_bits(host)) != expected.back() ? 1 : 0;
  }
  expect(name + ": host = oracle", all.a.size(), host_failures);
  sweep(name + " = oracle", all.a.size(),
        computes<Operation>{upload(all.a), upload(all.b), upload(expected)});
}

/// a * b + c in two roundings where two functions are called, in one where one is.
struct never_fuses {
  __device__ outcome operator()(std::uint64_t i) const {
    // (1 + m 2^-23)^2 = 1 + m 2^-22 + m^2 2^-46, by integers: rounded, and what was rounded away.
    std::uint64_t const m = i;
    std::uint64_t const square = (std::uint64_t{1} << 46) + (m << 24) + m * m;
    int const drop = square >> 47 != 0 ? 24 : 23;
    std::uint64_t const half = std::uint64_t{1} << (drop - 1);
    std::uint64_t kept = square >> drop;
    std::uint64_t const rest = square & ((std::uint64_t{1} << drop) - 1);
    kept += rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0;
    float const x = float_from_bits(0x3F80'0000u + static_cast<std::uint32_t>(m));
    float const rounded = static_cast<float>(static_cast<double>(kept << drop) * 0x1p-46);
    auto const lost = static_cast<std::int64_t>(square) - static_cast<std::int64_t>(kept << drop);
    auto const remainder = static_cast<float>(static_cast<double>(lost) * 0x1p-46);
    float const twice = nibble::arch::add(nibble::arch::multiply(x, x), -rounded);
    float const once = nibble::arch::ptx::fma_rn_f32(x, x, -rounded);
    return {float_bits(twice) | std::uint64_t{float_bits(once)} << 32,
            std::uint64_t{float_bits(remainder)} << 32};
  }
};

void sweep_arithmetic() {
  namespace arch = nibble::arch;
  operands const all = adversarial_operands();
  sweep_operation<operation::multiply>("multiply", all, oracle::ieee::multiply, arch::multiply);
  sweep_operation<operation::add>("add", all, oracle::ieee::add, arch::add);
  sweep_operation<operation::subtract>("subtract", all, oracle::ieee::subtract, arch::subtract);
  sweep_operation<operation::divide>("divide", all, oracle::ieee::divide, arch::divide);
  sweep_operation<operation::minimum>("minimum", all, oracle::minimum, arch::minimum);
  sweep("add of multiply never fuses, fma does", 1u << 23, never_fuses{});
}

// --- Comparison: every pair of codes

/// Does T have an operator< of its own? The one that the compiler makes of <=> calls the standard
/// library's comparison category, whose functions no device can call.
template <class T>
concept orders_on_device = requires(T x) {
  operator<(x, x);
};

template <class T>
struct compares {
  std::uint32_t const* decoded;  // the floats of all codes
  std::uint32_t codes;

  /// An integer that orders as the float does, the two zeros equal.
  __device__ static std::int64_t rank(std::uint32_t bits) {
    auto const magnitude = static_cast<std::int64_t>(bits & 0x7FFF'FFFFu);
    return bits >> 31 != 0 ? -magnitude : magnitude;
  }
  __device__ static bool is_nan(std::uint32_t bits) { return (bits & 0x7FFF'FFFFu) > 0x7F80'0000u; }

  __device__ outcome operator()(std::uint64_t i) const {
    auto const a = static_cast<std::uint32_t>(i / codes);
    auto const b = static_cast<std::uint32_t>(i % codes);
    T const x = T::from_bits(a);
    T const y = T::from_bits(b);
    std::int64_t const difference = rank(decoded[a]) - rank(decoded[b]);
    bool const is_ordered = !is_nan(decoded[a]) && !is_nan(decoded[b]);
    std::uint32_t got = x == y ? 1 : 0;
    std::uint32_t want = is_ordered && difference == 0 ? 1 : 0;
    if constexpr (orders_on_device<T>) {
      got |= (x < y ? 2u : 0u) | (x > y ? 4u : 0u) | (x <= y ? 8u : 0u) | (x >= y ? 16u : 0u);
      want |= (is_ordered && difference < 0 ? 10u : 0u) |
              (is_ordered && difference > 0 ? 20u : 0u) |
              (is_ordered && difference == 0 ? 24u : 0u);
    }
    return {got, want};
  }
};

template <class T>
void sweep_comparison(std::string const& name, oracle::format const& format) {
  std::vector<std::uint32_t> const floats = decoded(format);
  auto const codes = static_cast<std::uint32_t>(floats.size());
  expect(name + " has < that a device can call", 1, orders_on_device<T> ? 0 : 1);
  sweep(name + " compares as integers do", std::uint64_t{codes} * codes,
        compares<T>{upload(floats), codes});
}

void sweep_comparisons() {
  sweep_comparison<nibble::fp4_e2m1>("e2m1", oracle::e2m1);
  sweep_comparison<nibble::fp6_e2m3>("e2m3", oracle::e2m3);
  sweep_comparison<nibble::fp6_e3m2>("e3m2", oracle::e3m2);
  sweep_comparison<nibble::fp8_e4m3>("e4m3", oracle::e4m3);
  sweep_comparison<nibble::fp8_e5m2>("e5m2", oracle::e5m2);
  sweep_comparison<nibble::e8m0>("e8m0", oracle::e8m0);
  sweep_comparison<nibble::ue5m3>("ue5m3", oracle::ue5m3);
  sweep_comparison<nibble::fp16>("fp16", oracle::fp16);
  sweep_comparison<nibble::bf16>("bf16", oracle::bf16);
}

// --- Philox

struct key_and_counter {
  std::uint64_t seed;
  std::uint64_t stream;
  std::uint64_t call;
};

__host__ __device__ key_and_counter draw(std::uint64_t i) {
  // Every eighth counter at a carry from one word into the next.
  std::uint64_t const call = i % 8 == 0 ? (stir(i) << 32) - (i & 8u) / 8u : stir(i + 1);
  return {stir(3 * i + 5), stir(7 * i + 11), call};
}

__host__ __device__ std::uint64_t fold(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                                       std::uint32_t d) {
  std::uint64_t const low = std::uint64_t{a} | std::uint64_t{b} << 32;
  return stir(low) + 3 * stir((std::uint64_t{c} | std::uint64_t{d} << 32) + 1);
}

template <int Rounds>
__host__ __device__ std::uint64_t drawn(std::uint64_t i) {
  key_and_counter const k = draw(i);
  nibble::random::philox4x32<Rounds> source{};
  source.seed = k.seed;
  source.stream = k.stream;
  auto const words = source(k.call);
  return fold(words.value[0], words.value[1], words.value[2], words.value[3]);
}

struct draws_as_curand {
  __device__ outcome operator()(std::uint64_t i) const {
    key_and_counter const k = draw(i);
    auto const low = [](std::uint64_t x) { return static_cast<unsigned int>(x); };
    auto const high = [](std::uint64_t x) { return static_cast<unsigned int>(x >> 32); };
    uint4 const counter{low(k.call), high(k.call), low(k.stream), high(k.stream)};
    uint4 const words = curand_Philox4x32_10(counter, uint2{low(k.seed), high(k.seed)});
    return {drawn<10>(i), fold(words.x, words.y, words.z, words.w)};
  }
};

template <int Rounds>
struct draws_as_host {
  std::uint64_t const* expected;
  __device__ outcome operator()(std::uint64_t i) const { return {drawn<Rounds>(i), expected[i]}; }
};

template <int Rounds>
void sweep_host_draws(std::string const& name) {
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 0; i < (1u << 20); ++i) {
    expected.push_back(drawn<Rounds>(i));
  }
  sweep(name, expected.size(), draws_as_host<Rounds>{upload(expected)});
}

void sweep_philox() {
  sweep("philox4x32<10> = cuRAND", std::uint64_t{1} << 28, draws_as_curand{});
  sweep_host_draws<10>("philox4x32<10> = host");
  sweep_host_draws<7>("philox4x32<7> = host");
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device\n");
    return 77;
  }
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  std::printf("%s, compute capability %d.%d\n", properties.name, properties.major,
              properties.minor);
  std::printf("%-52s %14s %12s  %-16s %10s\n", "check", "inputs", "differences", "digest", "time");

  sweep_encoders();
  sweep_doubles<nibble::fp4_e2m1>("e2m1", oracle::e2m1);
  sweep_doubles<nibble::fp8_e4m3>("e4m3", oracle::e4m3);
  sweep_decoders();
  sweep_comparisons();
  sweep_arithmetic();
  sweep_philox();
  sweep_stochastic();

  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
