// SPDX-License-Identifier: Apache-2.0
// For owners of a Blackwell GPU: every conversion instruction against the portable
// path, how cvt.rs.satfinite.e2m1x4 uses its random bits, which no document says, the warp's matrix
// product against its model, and whole quantizers against the host's bytes.
//
//   nvcc -std=c++20 -O3 -arch=sm_100a -Iinclude examples/blackwell_self_test.cu && ./a.out
//   (B200, GB200: sm_100a; B300: 103a; Thor: 110a; RTX 50, RTX PRO: 120a; DGX Spark: 121a)
//
// A GPU without 4-bit instructions runs the last two, which it emulates.
// Exit status: 0 the bytes are equal, 1 they are not, 2 CUDA failed, 77 there is nothing to test.
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "nibble/arch/convert.hpp"
#include "nibble/arch/features.hpp"
#include "nibble/arch/ptx.cuh"
#include "nibble/fp16.hpp"
#include "nibble/mma/multiply_add.cuh"
#include "nibble/nibble.hpp"

namespace {

namespace format = nibble::format;
namespace ptx = nibble::arch::ptx;
using nibble::detail::float_bits;
using nibble::detail::float_from_bits;

void require(cudaError_t status, char const* what) {
  if (status == cudaSuccess) {
    return;
  }
  std::printf("%s: %s\n", what, cudaGetErrorString(status));
  std::exit(2);
}

/// 64 bits for every index (splitmix64).
NIBBLE_HD std::uint64_t mixed(std::uint64_t i) {
  std::uint64_t z = (i + 1) * 0x9E37'79B9'7F4A'7C15u;
  z = (z ^ z >> 30) * 0xBF58'476D'1CE4'E5B9u;
  z = (z ^ z >> 27) * 0x94D0'49BB'1331'11EBu;
  return z ^ z >> 31;
}

// --- Instruction against portable path: a check says for one index whether the two agree

struct tally {
  unsigned long long differences;
  unsigned long long first;
};

template <class Check>
__global__ void compare_kernel(Check agrees, std::uint64_t count, tally* result) {
  std::uint64_t const stride = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    if (!agrees(i)) {
      atomicAdd(&result->differences, 1ULL);
      atomicMin(&result->first, i);
    }
  }
}

int passed = 0;
int failed = 0;

void print_row(char const* name, std::uint64_t count, std::uint64_t differences) {
  std::printf("%-46s %12llu %12llu", name, static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(differences));
  differences == 0 ? ++passed : ++failed;
}

template <class Check>
void compare(char const* name, std::uint64_t count, Check const& agrees) {
  tally result{0, ~0ULL};
  tally* on_device = nullptr;
  require(cudaMalloc(&on_device, sizeof result), "cudaMalloc");
  require(cudaMemcpy(on_device, &result, sizeof result, cudaMemcpyHostToDevice), "cudaMemcpy");
  std::uint64_t const blocks = (count + 255) / 256;
  auto const grid_size = static_cast<unsigned>(blocks < 16384 ? blocks : 16384);
  compare_kernel<<<grid_size, 256>>>(agrees, count, on_device);
  require(cudaGetLastError(), "launch");
  require(cudaMemcpy(&result, on_device, sizeof result, cudaMemcpyDeviceToHost), name);
  require(cudaFree(on_device), "cudaFree");
  print_row(name, count, result.differences);
  if (result.differences != 0) {
    std::printf("  first at 0x%llx", result.first);
  }
  std::printf("\n");
}

/// What the code that runs on this device was built with.
struct abilities {
  int e4m3;
  int e2m1;
  int stochastic;
};

__global__ void report_abilities(abilities* result) {
  *result = {NIBBLE_HAS_CVT_E4M3, NIBBLE_HAS_CVT_E2M1, NIBBLE_HAS_CVT_RS_E2M1};
}

// The instructions of two results, each as a class so that one check serves all. Where the target
// has none of them, the value is one that no code equals; main does not ask for it.
[[maybe_unused]] constexpr std::uint32_t no_instruction = 0xFFFF'FFFFu;

#if NIBBLE_HAS_CVT_E4M3
#define NIBBLE_IF_E4M3(expression) expression
#else
#define NIBBLE_IF_E4M3(expression) no_instruction
#endif
#if NIBBLE_HAS_CVT_E2M1
#define NIBBLE_IF_E2M1(expression) expression
#else
#define NIBBLE_IF_E2M1(expression) no_instruction
#endif

struct to_e4m3 {
  static constexpr auto number = format::e4m3;
  using rule = format::nearest_even;
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E4M3(ptx::cvt_rn_satfinite_e4m3x2_f32(low, high));
  }
};
struct to_e5m2 {
  static constexpr auto number = format::e5m2;
  using rule = format::nearest_even;
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E4M3(ptx::cvt_rn_satfinite_e5m2x2_f32(low, high));
  }
};
struct to_e2m3 {
  static constexpr auto number = format::e2m3;
  using rule = format::nearest_even;
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rn_satfinite_e2m3x2_f32(low, high));
  }
};
struct to_e3m2 {
  static constexpr auto number = format::e3m2;
  using rule = format::nearest_even;
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rn_satfinite_e3m2x2_f32(low, high));
  }
};
struct to_e8m0_up {
  static constexpr auto number = format::e8m0;
  using rule = format::away_from_zero;
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rp_satfinite_ue8m0x2_f32(low, high));
  }
};
struct to_e8m0_down {
  static constexpr auto number = format::e8m0;
  using rule = format::toward_zero;
  __device__ static std::uint32_t pair([[maybe_unused]] float low, [[maybe_unused]] float high) {
    return NIBBLE_IF_E2M1(ptx::cvt_rz_satfinite_ue8m0x2_f32(low, high));
  }
};

/// Two floats at once, this one low and another one high: of any sign, or both of a given one.
template <class Instruction>
struct encodes_pairs {
  std::uint32_t mask = 0xFFFF'FFFFu;
  std::uint32_t sign = 0;

  __device__ static std::uint32_t portable(std::uint32_t bits) {
    return format::encode<Instruction::number, typename Instruction::rule>(float_from_bits(bits));
  }
  __device__ bool operator()(std::uint64_t i) const {
    std::uint32_t const low = (static_cast<std::uint32_t>(i) & mask) | sign;
    std::uint32_t const high = ((low * 0x9E37'79B1u + 0x7F4A'7C15u) & mask) | sign;
    return Instruction::pair(float_from_bits(low), float_from_bits(high)) ==
           (portable(low) | portable(high) << 8);
  }
};

/// Eight floats at once, a lane 2^29 bit patterns from the next.
struct encodes_eight {
  __device__ bool operator()([[maybe_unused]] std::uint64_t i) const {
#if NIBBLE_HAS_CVT_E2M1
    float values[8];
    std::uint32_t portable = 0;
    for (std::uint32_t lane = 0; lane < 8; ++lane) {
      values[lane] = float_from_bits(static_cast<std::uint32_t>(i) + (lane << 29));
      portable |= format::encode<format::e2m1>(values[lane]) << (4 * lane);
    }
    return ptx::cvt_rn_satfinite_e2m1x8_f32(values) == portable &&
           nibble::arch::encode_e2m1x8(values) == portable;
#else
    return false;
#endif
  }
};

/// The fp16 of a code, NaN of any kind as one.
template <format::float_format Format>
__device__ std::uint32_t portable_half(std::uint32_t code) {
  return nibble::fp16(format::decode<Format>(code)).bits();
}
__device__ std::uint32_t canonical_half(std::uint32_t half) {
  half &= 0xFFFFu;
  return (half & 0x7FFFu) > 0x7C00u ? 0x7FFFu : half;
}

struct decodes_eight {
  __device__ bool operator()([[maybe_unused]] std::uint64_t i) const {
#if NIBBLE_HAS_CVT_E2M1
    auto const codes = static_cast<std::uint32_t>(i);
    unsigned int halves[4];
    ptx::cvt_rn_f16x2_e2m1x2(codes, halves);
    bool is_equal = true;
    for (int lane = 0; lane < 8; ++lane) {
      std::uint32_t const got = halves[lane / 2] >> (16 * (lane % 2)) & 0xFFFFu;
      is_equal = is_equal && got == portable_half<format::e2m1>(codes >> (4 * lane) & 15u);
    }
    return is_equal;
#else
    return false;
#endif
  }
};

/// Every pair of codes of a format of 8 or fewer bits, to two halves.
template <format::float_format Format>
struct decodes_pairs {
  __device__ bool operator()(std::uint64_t i) const {
    std::uint32_t const low = static_cast<std::uint32_t>(i) & Format.mask();
    std::uint32_t const high = static_cast<std::uint32_t>(i >> Format.width()) & Format.mask();
    [[maybe_unused]] auto const pair = static_cast<unsigned short>(low | high << 8);
    std::uint32_t halves = no_instruction;
    if constexpr (Format == format::e4m3) {
      halves = NIBBLE_IF_E4M3(ptx::cvt_rn_f16x2_e4m3x2(pair));
    } else if constexpr (Format == format::e5m2) {
      halves = NIBBLE_IF_E4M3(ptx::cvt_rn_f16x2_e5m2x2(pair));
    } else if constexpr (Format == format::e2m3) {
      halves = NIBBLE_IF_E2M1(ptx::cvt_rn_f16x2_e2m3x2(pair));
    } else if constexpr (Format == format::e3m2) {
      halves = NIBBLE_IF_E2M1(ptx::cvt_rn_f16x2_e3m2x2(pair));
    }
    return canonical_half(halves) == portable_half<Format>(low) &&
           canonical_half(halves >> 16) == portable_half<Format>(high);
  }
};

/// Every pair of e8m0 codes to two bf16.
struct decodes_powers {
  __device__ bool operator()([[maybe_unused]] std::uint64_t i) const {
#if NIBBLE_HAS_CVT_E2M1
    std::uint32_t const pair = ptx::cvt_rn_bf16x2_ue8m0x2(static_cast<unsigned short>(i));
    auto const agrees = [](std::uint32_t bf16, std::uint32_t code) {
      return code == 255 ? (bf16 & 0x7FFFu) > 0x7F80u
                         : bf16 << 16 == float_bits(format::decode<format::e8m0>(code));
    };
    auto const codes = static_cast<std::uint32_t>(i);
    return agrees(pair & 0xFFFFu, codes & 255u) && agrees(pair >> 16, codes >> 8 & 255u);
#else
    return false;
#endif
  }
};

void compare_instructions() {
  constexpr std::uint64_t all = std::uint64_t{1} << 32;
  std::printf("%-46s %12s %12s\n", "instruction against portable path", "inputs", "differences");
  compare("cvt.rn.satfinite.e2m1x2.f32, eight a word", all / 8, encodes_eight{});
  compare("cvt.rn.f16x2.e2m1x2, eight a word", all, decodes_eight{});
  compare("cvt.rn.satfinite.e4m3x2.f32", all, encodes_pairs<to_e4m3>{});
  compare("cvt.rn.f16x2.e4m3x2", 1u << 16, decodes_pairs<format::e4m3>{});
  compare("cvt.rn.satfinite.e5m2x2.f32", all, encodes_pairs<to_e5m2>{});
  compare("cvt.rn.f16x2.e5m2x2", 1u << 16, decodes_pairs<format::e5m2>{});
  compare("cvt.rn.satfinite.e2m3x2.f32", all, encodes_pairs<to_e2m3>{});
  compare("cvt.rn.f16x2.e2m3x2", 1u << 12, decodes_pairs<format::e2m3>{});
  compare("cvt.rn.satfinite.e3m2x2.f32", all, encodes_pairs<to_e3m2>{});
  compare("cvt.rn.f16x2.e3m2x2", 1u << 12, decodes_pairs<format::e3m2>{});
  // The sign of an unsigned format: apart, to see where a difference lies.
  encodes_pairs<to_e8m0_up> const up{0x7FFF'FFFFu, 0};
  encodes_pairs<to_e8m0_up> const up_negative{0x7FFF'FFFFu, 0x8000'0000u};
  encodes_pairs<to_e8m0_down> const down{0x7FFF'FFFFu, 0};
  encodes_pairs<to_e8m0_down> const down_negative{0x7FFF'FFFFu, 0x8000'0000u};
  compare("cvt.rp.satfinite.ue8m0x2.f32, positive", all / 2, up);
  compare("cvt.rp.satfinite.ue8m0x2.f32, negative", all / 2, up_negative);
  compare("cvt.rz.satfinite.ue8m0x2.f32, positive", all / 2, down);
  compare("cvt.rz.satfinite.ue8m0x2.f32, negative", all / 2, down_negative);
  compare("cvt.rn.bf16x2.ue8m0x2", 1u << 16, decodes_powers{});
}

// --- How cvt.rs uses its random bits: asked of a unit (the instruction, or a model of one)

struct query {
  float values[4];
  std::uint32_t random;
};

using unit = std::function<std::vector<std::uint16_t>(std::vector<query> const&)>;

__global__ void answer_kernel(query const* queries, std::uint32_t count, std::uint16_t* answers) {
  std::uint32_t const i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) {
#if NIBBLE_HAS_CVT_RS_E2M1
    answers[i] = ptx::cvt_rs_satfinite_e2m1x4_f32(queries[i].values, queries[i].random);
#else
    answers[i] = static_cast<std::uint16_t>(queries[i].random);
#endif
  }
}

std::vector<std::uint16_t> ask_instruction(std::vector<query> const& queries) {
  query* in = nullptr;
  std::uint16_t* out = nullptr;
  std::vector<std::uint16_t> answers(queries.size());
  require(cudaMalloc(&in, queries.size() * sizeof(query)), "cudaMalloc");
  require(cudaMalloc(&out, answers.size() * sizeof(std::uint16_t)), "cudaMalloc");
  require(cudaMemcpy(in, queries.data(), queries.size() * sizeof(query), cudaMemcpyHostToDevice),
          "cudaMemcpy");
  auto const count = static_cast<std::uint32_t>(queries.size());
  answer_kernel<<<(count + 255) / 256, 256>>>(in, count, out);
  require(cudaGetLastError(), "launch");
  require(cudaMemcpy(answers.data(), out, answers.size() * sizeof(std::uint16_t),
                     cudaMemcpyDeviceToHost),
          "cvt.rs");
  require(cudaFree(in), "cudaFree");
  require(cudaFree(out), "cudaFree");
  return answers;
}

/// How a number decides, given the random number R that it assembles from some of the bits.
enum class decision {
  carry,    // up where floor(256 f) + R reaches 256
  compare,  // up where R is below floor(256 f)
  other,
};

/// For one of the four elements: the decision, and what each of the 32 random bits adds to R.
struct element_map {
  decision rule = decision::other;
  std::array<std::uint32_t, 32> weight{};
  // Raw: the smallest k for which 1 + k/512 goes up to 1.5, by random word: bit 0 to 31 alone, no
  // bit, all bits; 256 where none does.
  std::array<std::uint32_t, 34> smallest{};
};

std::uint32_t code_of(std::uint16_t answer, int element) { return answer >> (4 * element) & 15u; }

std::uint32_t random_number(element_map const& map, std::uint32_t word) {
  std::uint32_t sum = 0;
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    sum += (word >> bit & 1u) * map.weight[bit];
  }
  return sum;
}

std::array<element_map, 4> infer(unit const& ask) {
  constexpr std::uint32_t no_bit = 32;
  constexpr std::uint32_t all_bits = 33;
  std::vector<query> queries;
  for (std::uint32_t word = 0; word < 34; ++word) {
    std::uint32_t const random = word == no_bit ? 0 : (word == all_bits ? ~0u : 1u << word);
    for (std::uint32_t k = 0; k < 256; ++k) {
      float const x = 1.0f + static_cast<float>(k) / 512.0f;  // between the codes 2 and 3
      queries.push_back({{x, x, x, x}, random});
    }
  }
  std::vector<std::uint16_t> const answers = ask(queries);

  std::array<element_map, 4> maps{};
  for (int element = 0; element < 4; ++element) {
    element_map& map = maps[static_cast<std::size_t>(element)];
    bool is_monotone = true;
    for (std::uint32_t word = 0; word < 34; ++word) {
      std::uint32_t smallest = 256;
      for (std::uint32_t k = 256; k-- > 0;) {
        bool const is_up = code_of(answers[word * 256 + k], element) == 3;
        is_monotone = is_monotone && (is_up ? smallest == k + 1 : true);
        smallest = is_up ? k : smallest;
      }
      map.smallest[word] = smallest;
    }
    if (is_monotone && map.smallest[no_bit] == 256) {
      map.rule = decision::carry;
    } else if (is_monotone && map.smallest[no_bit] == 1) {
      map.rule = decision::compare;
    }
    for (std::uint32_t bit = 0; bit < 32; ++bit) {
      map.weight[bit] = map.rule == decision::carry     ? 256 - map.smallest[bit]
                        : map.rule == decision::compare ? map.smallest[bit] - 1
                                                        : 0;
    }
  }
  return maps;
}

/// The byte and the order in which its bits count, where it is one of the orders with a name.
std::string describe(element_map const& map) {
  if (map.rule == decision::other) {
    return "other";
  }
  std::array<int, 8> position{};
  position.fill(-1);
  int used = 0;
  for (int bit = 0; bit < 32; ++bit) {
    for (std::size_t power = 0; power < 8; ++power) {
      if (map.weight[static_cast<std::size_t>(bit)] == 1u << power) {
        position[power] = bit;
      }
    }
    used += map.weight[static_cast<std::size_t>(bit)] != 0 ? 1 : 0;
  }
  bool is_straight = used == 8;
  bool is_reversed = used == 8;
  int const byte = position[0] / 8;
  for (int power = 0; power < 8; ++power) {
    int const bit = position[static_cast<std::size_t>(power)];
    is_straight = is_straight && bit == 8 * byte + power;
    is_reversed = is_reversed && bit == 8 * byte + 7 - power;
  }
  std::string text = "other";
  if (is_straight || is_reversed) {
    text = "byte ";
    text += std::to_string(byte);
    text += is_straight ? ", straight" : ", bit-reversed";
  } else if (used == 8) {
    text = "weights 1, 2, 4, ... from bits";
    for (int const bit : position) {
      text += ' ';
      text += bit < 0 ? "-" : std::to_string(bit);
    }
  } else {
    return text;
  }
  text += map.rule == decision::carry ? ", carry" : ", compare";
  return text;
}

/// Random values of every size and sign in all elements at once: how many codes the maps miss.
std::uint64_t count_misses(unit const& ask, std::array<element_map, 4> const& maps,
                           std::uint32_t count) {
  std::vector<query> queries;
  std::uint64_t drawn = 0;
  auto const next = [&drawn] { return static_cast<std::uint32_t>(mixed(drawn++) >> 32); };
  for (std::uint32_t i = 0; i < count; ++i) {
    query q{};
    for (float& value : q.values) {
      std::uint32_t const bits = next();
      std::uint32_t const exponent = 127 - 12 + bits % 16;  // 2^-12 to beyond 6
      value = float_from_bits((bits & 0x8000'0000u) | exponent << 23 | (next() & 0x007F'FFFFu));
    }
    q.random = next();
    queries.push_back(q);
  }
  std::vector<std::uint16_t> const answers = ask(queries);
  std::uint64_t misses = 0;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    for (int element = 0; element < 4; ++element) {
      element_map const& map = maps[static_cast<std::size_t>(element)];
      std::uint32_t const r = random_number(map, queries[i].random);
      std::uint32_t const predicted = format::encode<format::e2m1, format::stochastic<8>>(
          queries[i].values[element], map.rule == decision::carry ? r : 255u - r);
      misses += code_of(answers[i], element) != predicted ? 1 : 0;
    }
  }
  return misses;
}

void print_map(unit const& ask) {
  std::array<element_map, 4> const maps = infer(ask);
  bool is_known = true;
  for (int element = 0; element < 4; ++element) {
    std::string const text = describe(maps[static_cast<std::size_t>(element)]);
    std::printf("  element %d: %s\n", element, text.c_str());
    is_known = is_known && text != "other";
  }
  constexpr std::uint32_t count = 1u << 20;
  std::printf("  predicted so: %llu of %u codes differ\n",
              static_cast<unsigned long long>(count_misses(ask, maps, count)), 4 * count);
  if (is_known) {
    return;
  }
  std::printf("  raw: smallest k with 1 + k/512 going up, for random bit 0 to 31, none, all\n");
  for (element_map const& map : maps) {
    std::printf("   ");
    for (std::uint32_t const k : map.smallest) {
      std::printf(" %u", k);
    }
    std::printf("\n");
  }
}

// --- Models of such a unit, to know that the inference finds what is there

/// Which random bit has weight 2^w for each element; a compare decides instead of a carry.
struct model {
  std::array<std::array<int, 8>, 4> bit;
  bool compares;

  std::vector<std::uint16_t> operator()(std::vector<query> const& queries) const {
    std::vector<std::uint16_t> answers;
    for (query const& q : queries) {
      std::uint32_t answer = 0;
      for (std::size_t element = 0; element < 4; ++element) {
        std::uint32_t r = 0;
        for (std::size_t power = 0; power < 8; ++power) {
          r |= (q.random >> bit[element][power] & 1u) << power;
        }
        answer |= format::encode<format::e2m1, format::stochastic<8>>(q.values[element],
                                                                      compares ? 255u - r : r)
                  << (4 * element);
      }
      answers.push_back(static_cast<std::uint16_t>(answer));
    }
    return answers;
  }
};

std::array<int, 8> straight(int byte) {
  std::array<int, 8> bits{};
  for (int power = 0; power < 8; ++power) {
    bits[static_cast<std::size_t>(power)] = 8 * byte + power;
  }
  return bits;
}

std::array<int, 8> reversed(int byte) {
  std::array<int, 8> bits{};
  for (int power = 0; power < 8; ++power) {
    bits[static_cast<std::size_t>(power)] = 8 * byte + 7 - power;
  }
  return bits;
}

/// Does the inference recognise a map in a model of it, and does it predict every code?
bool recognises(model const& known, std::array<std::string, 4> const& expected) {
  std::array<element_map, 4> const maps = infer(known);
  bool is_right = count_misses(known, maps, 1u << 12) == 0;
  for (std::size_t element = 0; element < 4; ++element) {
    is_right = is_right && describe(maps[element]) == expected[element];
  }
  return is_right;
}

bool inference_works() {
  model const bytes{{straight(0), straight(1), straight(2), straight(3)}, false};
  model const pairs{{straight(0), reversed(0), straight(1), reversed(1)}, false};
  model const halves{{straight(2), straight(0), reversed(3), reversed(1)}, true};
  std::array<int, 8> const scattered{31, 0, 7, 8, 16, 3, 24, 12};
  model const mixed{{scattered, scattered, straight(3), reversed(3)}, false};
  std::string const from_scattered = "weights 1, 2, 4, ... from bits 31 0 7 8 16 3 24 12, carry";
  auto const no_rule = [](std::vector<query> const& queries) {
    std::vector<std::uint16_t> answers;
    for (query const& q : queries) {
      answers.push_back(static_cast<std::uint16_t>(q.values[0] > 1.25f ? 0x2323u : 0x3232u));
    }
    return answers;
  };
  return recognises(bytes, {"byte 0, straight, carry", "byte 1, straight, carry",
                            "byte 2, straight, carry", "byte 3, straight, carry"}) &&
         recognises(pairs, {"byte 0, straight, carry", "byte 0, bit-reversed, carry",
                            "byte 1, straight, carry", "byte 1, bit-reversed, carry"}) &&
         recognises(halves, {"byte 2, straight, compare", "byte 0, straight, compare",
                             "byte 3, bit-reversed, compare", "byte 1, bit-reversed, compare"}) &&
         recognises(mixed, {from_scattered, from_scattered, "byte 3, straight, carry",
                            "byte 3, bit-reversed, carry"}) &&
         describe(infer(no_rule)[0]) == "other" && describe(infer(no_rule)[1]) == "other";
}

// --- Whole quantizers and the warp's product: this device against the host

/// Element i: of few bits over few binades, so that scales and elements meet ties; in every 16th 256
/// any float, NaN, infinity and subnormals included.
NIBBLE_HD float value_of(std::uint64_t i) {
  auto const bits = static_cast<std::uint32_t>(mixed(i) >> 32);
  if (i / 256 % 16 == 15) {
    return float_from_bits(bits);
  }
  std::uint32_t const exponent = 127 - (bits >> 8) % 9;
  return nibble::arch::multiply(static_cast<float>(static_cast<int>(bits & 255u) - 127),
                                float_from_bits(exponent << 23));
}

/// Group g to blocks, and these back to numbers.
template <class Quantizer>
NIBBLE_HD void quantize_group(Quantizer const& q, std::uint64_t g,
                              typename Quantizer::result_type& blocks, float* numbers) {
  constexpr int rows = Quantizer::group.rows, columns = Quantizer::group.columns;
  constexpr int size = Quantizer::block_type::size;
  float values[rows][columns];
  std::uint64_t const first = g * (rows * columns);
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      values[r][c] = value_of(first + static_cast<std::uint64_t>(r * columns + c));
    }
  }
  // 2688 makes the tensor scale 1, so that values keep their few bits.
  auto const factors = Quantizer::prepare({g % 2 == 0 ? 2688.0f : 301.7f});
  blocks = q(values, factors, nibble::position{first, std::uint64_t{columns}});
  for (int r = 0; r < rows; ++r) {
    for (int b = 0; b < columns / size; ++b) {
      auto const decoded = Quantizer::decode(Quantizer::block_of(blocks, r, b), factors);
      for (int i = 0; i < size; ++i) {
        numbers[r * columns + b * size + i] = nibble::detail::canonical(decoded[i]);
      }
    }
  }
}

template <class Quantizer>
__global__ void quantize_kernel(Quantizer q, std::uint64_t groups,
                                typename Quantizer::result_type* blocks, float* numbers) {
  constexpr std::uint64_t size = Quantizer::group.rows * Quantizer::group.columns;
  std::uint64_t const g = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (g < groups) {
    quantize_group(q, g, blocks[g], numbers + g * size);
  }
}

/// How many groups of 2^22 elements have other bytes than the host's.
template <class Quantizer>
void compare_quantizer(char const* name, Quantizer const& q) {
  using result = typename Quantizer::result_type;
  constexpr std::size_t size = Quantizer::group.rows * Quantizer::group.columns;
  constexpr std::size_t groups = (std::size_t{1} << 22) / size;
  result* blocks_there = nullptr;
  float* numbers_there = nullptr;
  require(cudaMalloc(&blocks_there, groups * sizeof(result)), "cudaMalloc");
  require(cudaMalloc(&numbers_there, groups * size * sizeof(float)), "cudaMalloc");
  quantize_kernel<<<static_cast<unsigned>((groups + 127) / 128), 128>>>(q, groups, blocks_there,
                                                                        numbers_there);
  require(cudaGetLastError(), "launch");
  std::vector<result> blocks(groups);
  std::vector<float> numbers(groups * size);
  require(cudaMemcpy(blocks.data(), blocks_there, groups * sizeof(result), cudaMemcpyDeviceToHost),
          name);
  require(cudaMemcpy(numbers.data(), numbers_there, groups * size * sizeof(float),
                     cudaMemcpyDeviceToHost),
          name);
  require(cudaFree(blocks_there), "cudaFree");
  require(cudaFree(numbers_there), "cudaFree");
  std::uint64_t differences = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    result expected{};
    float back[size];
    quantize_group(q, g, expected, back);
    bool const is_equal = std::memcmp(&expected, &blocks[g], sizeof expected) == 0 &&
                          std::memcmp(back, numbers.data() + g * size, sizeof back) == 0;
    differences += is_equal ? 0 : 1;
  }
  print_row(name, groups, differences);
  std::printf("\n");
}

void compare_quantizers() {
  namespace scaling = nibble::scaling;
  namespace rounding = nibble::rounding;
  using nibble::quantizer;
  std::printf("%-46s %12s %12s\n", "quantizer, there and back, against the host", "groups",
              "differences");
  compare_quantizer("NVFP4", quantizer<>{});
  compare_quantizer("NVFP4, 16x16",
                    quantizer<nibble::nvfp4_block, scaling::amax<scaling::tile::square>>{});
  compare_quantizer("NVFP4, stochastic with 8 bits",
                    quantizer{scaling::amax<>{}, rounding::stochastic<8>{{1, 2}}});
  compare_quantizer("NVFP4, stochastic with 24 bits",
                    quantizer{scaling::amax<>{}, rounding::stochastic<24>{{1, 2}}});
  compare_quantizer("NVFP4, random Hadamard 16",
                    quantizer{scaling::amax<>{}, rounding::nearest_even{},
                              nibble::transform::random_hadamard<16, nibble::bf16>{}});
  compare_quantizer("NVFP4, 4/6", quantizer{scaling::four_over_six<>{}});
  compare_quantizer("MXFP4", quantizer<nibble::mxfp4_block, scaling::power_of_two<>>{});
}

// --- The policy that takes the instruction's word: neighbours only, and as often as 8 bits allow

/// Values 1 + k / 512 lie between the codes 2 and 3: k of 256 random numbers make them 3.
NIBBLE_HD constexpr std::uint64_t random_k(std::uint64_t i) { return i * 37 % 256; }

struct rounding_count {
  unsigned long long ups;
  unsigned long long strangers;  // other codes than 2 and 3, or 3 for k = 0
};

__global__ void round_kernel(std::uint64_t blocks, rounding_count* result) {
  nibble::rounding::hardware_stochastic<> const policy{{11, 12}};
  std::uint64_t const block = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (block >= blocks) {
    return;
  }
  float values[16];
  for (unsigned i = 0; i < 16; ++i) {
    values[i] = 1.0f + static_cast<float>(random_k(16 * block + i)) / 512.0f;
  }
  auto const codes = policy.encode<nibble::fp4_e2m1>(values, 16 * block);
  unsigned long long ups = 0;
  unsigned long long strangers = 0;
  for (int i = 0; i < 16; ++i) {
    unsigned const code = codes[i].bits();
    ups += code == 3 ? 1 : 0;
    strangers += (code != 2 && code != 3) || (code == 3 && values[i] == 1.0f) ? 1 : 0;
  }
  atomicAdd(&result->ups, ups);
  atomicAdd(&result->strangers, strangers);
}

void check_hardware_rounding() {
  constexpr std::uint64_t blocks = 1u << 20;
  rounding_count result{0, 0};
  rounding_count* on_device = nullptr;
  require(cudaMalloc(&on_device, sizeof result), "cudaMalloc");
  require(cudaMemcpy(on_device, &result, sizeof result, cudaMemcpyHostToDevice), "cudaMemcpy");
  round_kernel<<<blocks / 256, 256>>>(blocks, on_device);
  require(cudaGetLastError(), "launch");
  require(cudaMemcpy(&result, on_device, sizeof result, cudaMemcpyDeviceToHost), "round");
  require(cudaFree(on_device), "cudaFree");
  double expected = 0;
  double variance = 0;
  for (std::uint64_t i = 0; i < 16 * blocks; ++i) {
    double const p = static_cast<double>(random_k(i)) / 256;
    expected += p;
    variance += p * (1 - p);
  }
  double const sigmas = (static_cast<double>(result.ups) - expected) / std::sqrt(variance);
  print_row("hardware_stochastic: codes that are no neighbour", 16 * blocks, result.strangers);
  std::printf("\n");
  print_row("  rounded up more or less often than 6 sigma", 16 * blocks,
            std::fabs(sigmas) > 6 ? 1 : 0);
  std::printf("  %+.1f sigma\n", sigmas);
}

// --- The warp's product against its model: sums that fit 24 bits, so that their order is no matter

struct warp_operands {
  nibble::mma::a_fragment a[32];
  nibble::mma::b_fragment b[32];
  nibble::mma::sum_fragment d[32];
};

template <class Block>
__global__ void multiply_kernel(warp_operands* warps) {
  warp_operands& mine = warps[blockIdx.x];
  unsigned const lane = threadIdx.x;
  nibble::mma::multiply_add<Block>(mine.d[lane], mine.a[lane], mine.b[lane]);
}

/// Codes of every kind under scales of 1/2, 1 and 2: 18 bits at most.
template <class Block>
void compare_product(char const* name, std::array<std::uint32_t, 3> const& scales) {
  constexpr std::size_t count = 4096;
  std::vector<warp_operands> warps(count);
  std::uint64_t drawn = 0;
  auto const word = [&drawn] { return static_cast<std::uint32_t>(mixed(drawn++) >> 32); };
  auto const scale_word = [&] {
    std::uint32_t packed = 0;
    for (int byte = 0; byte < 4; ++byte) {
      packed |= scales[word() % 3] << (8 * byte);
    }
    return packed;
  };
  for (warp_operands& w : warps) {
    for (int lane = 0; lane < 32; ++lane) {
      for (std::uint32_t& codes : w.a[lane].words) codes = word();
      for (std::uint32_t& codes : w.b[lane].words) codes = word();
      for (float& sum : w.d[lane].values) sum = static_cast<float>(word() % 64);
      w.a[lane].scales = scale_word();
      w.b[lane].scales = scale_word();
    }
  }
  warp_operands* on_device = nullptr;
  require(cudaMalloc(&on_device, count * sizeof(warp_operands)), "cudaMalloc");
  require(
      cudaMemcpy(on_device, warps.data(), count * sizeof(warp_operands), cudaMemcpyHostToDevice),
      "cudaMemcpy");
  multiply_kernel<Block><<<static_cast<unsigned>(count), 32>>>(on_device);
  require(cudaGetLastError(), "launch");
  std::vector<warp_operands> got(count);
  require(cudaMemcpy(got.data(), on_device, count * sizeof(warp_operands), cudaMemcpyDeviceToHost),
          name);
  require(cudaFree(on_device), "cudaFree");
  std::uint64_t differences = 0;
  for (std::size_t i = 0; i < count; ++i) {
    nibble::mma::model<Block>(warps[i].d, warps[i].a, warps[i].b);
    for (int lane = 0; lane < 32; ++lane) {
      for (int value = 0; value < 4; ++value) {
        differences +=
            float_bits(got[i].d[lane].values[value]) != float_bits(warps[i].d[lane].values[value])
                ? 1
                : 0;
      }
    }
  }
  print_row(name, count * 128, differences);
  std::printf("\n");
}

void compare_products() {
  std::printf("%-46s %12s %12s\n", "product of a warp against its model", "sums", "differences");
  compare_product<nibble::nvfp4_block>("m16n8k64, NVFP4", {0x30, 0x38, 0x40});
  compare_product<nibble::mxfp4_block>("m16n8k64, MXFP4", {126, 127, 128});
}

}  // namespace

int main() {
  if (!inference_works()) {
    std::printf("the inference of the random bits fails on models of known maps\n");
    return 1;
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device\n");
    return 77;
  }
  cudaDeviceProp properties{};
  int driver = 0;
  int runtime = 0;
  require(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  require(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");

  abilities has{};
  abilities* on_device = nullptr;
  require(cudaMalloc(&on_device, sizeof has), "cudaMalloc");
  report_abilities<<<1, 1>>>(on_device);
  cudaError_t const launched = cudaGetLastError();
  std::printf("nibble %d.%d.%d, %s, compute capability %d.%d, driver %d, runtime %d\n",
              NIBBLE_VERSION_MAJOR, NIBBLE_VERSION_MINOR, NIBBLE_VERSION_PATCH, properties.name,
              properties.major, properties.minor, driver, runtime);
  if (launched == cudaErrorNoKernelImageForDevice || launched == cudaErrorInvalidDeviceFunction) {
    std::printf("no code for this GPU in the program: build it with -arch=sm_%d%da\n",
                properties.major, properties.minor);
    return 77;
  }
  require(launched, "launch");
  require(cudaMemcpy(&has, on_device, sizeof has, cudaMemcpyDeviceToHost), "cudaMemcpy");
  require(cudaFree(on_device), "cudaFree");
  if (has.e2m1 == 0) {
    std::printf(
        "no 4-bit conversion in the code for this GPU: it has none before compute capability 10.0, "
        "and\nfrom there on only in builds for a target whose name ends in a or f, like "
        "-arch=sm_%d%da\n",
        properties.major, properties.minor);
  } else {
    compare_instructions();
    std::printf("cvt.rs.satfinite.e2m1x4.f32, use of the random bits:\n");
    if (has.stochastic != 0) {
      print_map(ask_instruction);
    } else {
      std::printf("  no such instruction on this target (only sm_100a and sm_103a have it)\n");
    }
  }
  compare_quantizers();
  check_hardware_rounding();
  compare_products();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
