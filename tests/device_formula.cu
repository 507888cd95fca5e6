// SPDX-License-Identifier: Apache-2.0
// Generated blocks by the billion, all on the device: what the kernels for whole matrices write against the
// formula in integers, and laws between blocks. Ties first.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a --expt-relaxed-constexpr -Iinclude -Itests tests/device_formula.cu -o device_formula
//   ./device_formula [millions of blocks against the formula] [millions for each law]
//
// 160 and 40 without arguments. Each comparison is also shown a wrong code. Prints a line a quantizer and a
// law; exits with 1 where a byte is not the formula's or a law is broken and with 77 without a GPU.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.cuh>

#include "oracle/blocks.hpp"
#include "support/formula.cuh"
#include "support/generated_blocks.cuh"
#include "support/program.cuh"

namespace {

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;
using fixture::require;

// Large enough for the kernels to take strips of tiles.
constexpr matrix_index edge = 8192, across = edge / 16, blocks = edge * across;
constexpr unsigned grid = 4096, threads_each = 256;
cuda::stream_ref const stream{cudaStream_t{}};
constexpr auto ok = device::status::success;
int failures = 0;

/// What a matrix is quantized to, both ways; codes and scales of 4-bit blocks of 16.
struct output {
  std::uint8_t *codes, *scales;
  float* amax;

  template <class Quantizer, class ScaleLayout = plain>
  auto view(float of_amax) const {
    cudaMemcpy(amax, &of_amax, sizeof of_amax, cudaMemcpyDefault);
    auto const shape = shape_for<Quantizer, ScaleLayout>(edge, edge);
    return *make_quantized_view<nvfp4_block, ScaleLayout>(
        cuda::std::span<std::uint8_t>(codes, static_cast<std::size_t>(shape.code_bytes())),
        cuda::std::span<fp8_e4m3>(reinterpret_cast<fp8_e4m3*>(scales),
                                  static_cast<std::size_t>(shape.scale_count())),
        cuda::std::span<float>(amax, 1), shape);
  }
};

struct counts {
  unsigned long long of, wrong;
};

template <class Check>
__global__ void count_blocks(Check check, counts* result) {
  counts mine{};
  for (matrix_index b = static_cast<matrix_index>(blockIdx.x) * threads_each + threadIdx.x; b < blocks;
       b += matrix_index{grid} * threads_each) {
    auto const found = check(b);
    mine.of += found.of;
    mine.wrong += found.wrong;
  }
  atomicAdd(&result->of, mine.of);
  atomicAdd(&result->wrong, mine.wrong);
}

/// Runs a check over the blocks of a matrix.
template <class Check>
counts counted(Check const& check) {
  static counts* const result = fixture::allocate<counts>(1);
  counts found{};
  cudaMemset(result, 0, sizeof found);
  count_blocks<<<grid, threads_each>>>(check, result);
  require(cudaMemcpy(&found, result, sizeof found, cudaMemcpyDefault) == cudaSuccess, "a check");
  return found;
}

__global__ void change(std::uint8_t* bytes, matrix_index every, std::uint8_t by) {
  matrix_index const i = (static_cast<matrix_index>(blockIdx.x) * threads_each + threadIdx.x) * every;
  if (i < edge * edge / 2) bytes[i] ^= by;
}

/// Prints a line; `told` are the wrong ones of the matrix that was made wrong.
void report(char const* name, counts const& found, unsigned long long told, bool is_told) {
  bool const good = found.wrong == 0 && found.of > 0 && is_told;
  std::printf("%-58s %12llu blocks, %llu wrong; of wrong codes %llu told%s\n", name, found.of,
              found.wrong, told, good ? "" : ": FAILED");
  std::fflush(stdout);
  failures += good ? 0 : 1;
}

float const amaxes[] = {1.0f, 6.0f, 448.0f * 6, 0.0371f, 3e38f, 1e-30f, 100.0f, 1e-38f, 7.7e-5f};

// --- Against the formula

/// Blocks of the matrix or, down, of its transpose, whose scale or any code is not the formula's.
template <class Quantizer, class View>
struct against_formula {
  fixture::formula formula;
  oracle::tensor_scales tensor;
  bf16 const* values;
  bool is_down;
  Quantizer q;
  View out;

  static constexpr bool is_square = Quantizer::group.rows == 16;

  __device__ void load(matrix_index row, matrix_index block, std::uint32_t (&bits)[16]) const {
    float x[16];
    for (int i = 0; i < 16; ++i) {
      matrix_index const column = 16 * block + i;
      x[i] = static_cast<float>(values[is_down ? column * edge + row : row * edge + column]);
    }
    if constexpr (Quantizer::transform_type::size == 16) q.transform.apply(x);
    for (int i = 0; i < 16; ++i) bits[i] = __float_as_uint(x[i]);
  }
  __device__ static std::uint32_t larger(std::uint32_t amax, std::uint32_t const (&bits)[16]) {
    for (std::uint32_t const each : bits) {
      std::uint32_t const size = each & oracle::magnitude_mask;
      if (size <= oracle::infinity_bits && size > amax) amax = size;
    }
    return amax;
  }
  __device__ counts operator()(matrix_index b) const {
    // Neighbouring threads read neighbouring values.
    matrix_index const row = is_down ? b % edge : b / across, block = is_down ? b / edge : b % across;
    std::uint32_t amax = 0, bits[16];
    if constexpr (is_square) {
      for (int r = 0; r < 16; ++r) {
        load(row / 16 * 16 + r, block, bits);
        amax = larger(amax, bits);
      }
    }
    load(row, block, bits);
    amax = larger(amax, bits);
    auto const scale = formula.scale(amax, tensor);
    bool is_wrong = out.scales(row, block).bits() != scale.code;
    std::uint32_t random[16] = {};
    if constexpr (Quantizer::rounding_type::is_stochastic) {
      random::fill<8>(q.rounding.source, static_cast<std::uint64_t>(row * edge + 16 * block), random);
    }
    for (int i = 0; i < 16; ++i) {
      std::uint32_t const scaled = oracle::ieee::multiply(bits[i], scale.encode);
      std::uint32_t const code = Quantizer::rounding_type::is_stochastic
                                     ? formula.stochastic(scaled, random[i])
                                     : formula.nearest(scaled);
      is_wrong = is_wrong || fp4_e2m1(out.codes(row, 16 * block + i)).bits() != code;
    }
    return {1, is_wrong ? 1ull : 0ull};
  }
};

/// The device's way to write the formula down, on the host, is the oracle's own.
void check_formula() {
  auto const formula = fixture::formula::tabulated();
  oracle::block_generator const generate(20261128);
  counts found{};
  for (std::uint64_t i = 0; i < 200'000; ++i) {
    oracle::test_block const in = generate(i);
    oracle::sixteen const words = generate.words(i, 8);
    oracle::block const nearest = oracle::quantize(in.values, in.amax);
    oracle::block const drawn = oracle::quantize_stochastic(in.values, in.amax, words, 8);
    auto const scale = formula.scale(oracle::amax_of(in.values), oracle::scales_of(in.amax));
    bool is_wrong = scale.code != nearest.scale;
    for (std::size_t k = 0; k < 16; ++k) {
      std::uint32_t const scaled = oracle::ieee::multiply(in.values[k], scale.encode);
      is_wrong = is_wrong || formula.nearest(scaled) != nearest.codes[k] ||
                 formula.stochastic(scaled, words[k]) != drawn.codes[k];
    }
    ++found.of;
    found.wrong += is_wrong ? 1 : 0;
  }
  report("the formula as it runs on the device: on the host", found, 0, true);
}

struct {
  bf16 *values, *others;
  float* floats;
  output out[3];
} memory;

/// So many matrices and their transposes through a pair of quantizers.
template <class ScaleLayout, class Rows, class Columns>
void compare(char const* name, long times, Rows const& q_rows, Columns const& q_columns) {
  auto const formula = fixture::formula::tabulated();
  counts all{};
  unsigned long long told = 0;
  for (long i = 0; i < times; ++i) {
    float const amax = amaxes[i % std::ssize(amaxes)];
    fixture::fill_blocks<<<2048, 256>>>(memory.values, edge, edge, amax,
                                        static_cast<std::uint64_t>(i) * 1009 + 7, i % 2 != 0);
    matrix_view<bf16 const> const in(
        memory.values, {matrix_extents(edge, edge), cuda::std::array<matrix_index, 2>{edge, 1}});
    auto const rows = memory.out[0].view<Rows, ScaleLayout>(amax);
    auto const columns = memory.out[1].view<Columns, ScaleLayout>(amax);
    require(device::quantize_both_with_amax(stream, in, rows, columns, q_rows, q_columns) == ok, name);
    auto const tensor = oracle::scales_of(detail::float_bits(amax));
    against_formula<Rows, decltype(rows)> const of_rows{formula, tensor, memory.values, false, q_rows, rows};
    against_formula<Columns, decltype(columns)> const of_columns{formula,   tensor, memory.values, true,
                                                                 q_columns, columns};
    for (counts const found : {counted(of_rows), counted(of_columns)}) {
      all.of += found.of;
      all.wrong += found.wrong;
    }
    if (i == 0) {
      // One bit of one code: of blocks 3 apart in storage.
      change<<<grid * 4, threads_each>>>(memory.out[0].codes, 24, 1);
      change<<<grid * 4, threads_each>>>(memory.out[1].codes, 24, 0x80);
      told = counted(of_rows).wrong + counted(of_columns).wrong;
    }
  }
  report(name, all, told, told == 2 * ((blocks + 2) / 3));
}

// --- Laws

/// What a law looks at: a matrix, what was made of it, and of what another one.
struct blocks_of_two {
  bf16 const* values;
  std::uint8_t const *codes, *scales, *other_codes, *other_scales;

  __device__ std::uint32_t code(std::uint8_t const* from, matrix_index b, int i) const {
    return from[8 * b + i / 2] >> (4 * (i % 2)) & 15u;
  }
  __device__ bool same_scale(matrix_index b) const { return scales[b] == other_scales[b]; }
  __device__ bool same(matrix_index b) const {
    bool result = same_scale(b);
    for (int i = 0; i < 8; ++i) result = result && codes[8 * b + i] == other_codes[8 * b + i];
    return result;
  }
  __device__ bf16 value(matrix_index b, int i) const { return values[16 * b + i]; }
  __device__ static bool is_finite(bf16 x) { return (x.bits() & 0x7F80u) != 0x7F80u; }
  __device__ bool is_finite(matrix_index b) const {
    bool result = true;
    for (int i = 0; i < 16; ++i) result = result && is_finite(value(b, i));
    return result;
  }
};

constexpr counts judged(bool holds) { return {1, holds ? 0ull : 1ull}; }

struct unchanged : blocks_of_two {
  __device__ counts operator()(matrix_index b) const { return judged(same(b)); }
};
struct even_blocks_unchanged : blocks_of_two {
  __device__ counts operator()(matrix_index b) const {
    return b % 2 == 0 ? judged(same(b)) : counts{};
  }
};
struct finite_unchanged : blocks_of_two {  // under a scale above 0
  __device__ counts operator()(matrix_index b) const {
    return is_finite(b) && scales[b] != 0 ? judged(same(b)) : counts{};
  }
};
struct normal_unchanged : blocks_of_two {  // under a normal scale
  __device__ counts operator()(matrix_index b) const {
    return is_finite(b) && scales[b] >= 8 ? judged(same(b)) : counts{};
  }
};
struct mirrored : blocks_of_two {
  __device__ counts operator()(matrix_index b) const {
    bool holds = same_scale(b);
    for (int i = 0; i < 16; ++i) {
      bool const is_nan = (value(b, i).bits() & 0x7FFFu) > 0x7F80u;
      holds = holds && code(codes, b, i) == (code(other_codes, b, i) ^ (is_nan ? 0u : 8u));
    }
    return judged(holds);
  }
};
/// Where element i of block b goes in a permutation of its own: 5 i + b, or 3 i + b, modulo 16.
__host__ __device__ constexpr int place(matrix_index b, int i) {
  return static_cast<int>(((b / 16 % 2 == 0 ? 5 : 3) * i + b) % 16);
}
struct permuted : blocks_of_two {
  __device__ counts operator()(matrix_index b) const {
    bool holds = same_scale(b);
    for (int i = 0; i < 16; ++i) {
      holds = holds && code(codes, b, i) == code(other_codes, b, place(b, i));
    }
    return judged(holds);
  }
};
struct in_order : blocks_of_two {  // of `other`, which is the same as the first but where it is made wrong
  __device__ counts operator()(matrix_index b) const {
    if (!is_finite(b)) return {};
    bool holds = true;
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 16; ++j) {
        bool const is_less = static_cast<float>(value(b, i)) < static_cast<float>(value(b, j));
        auto const of = [&](int k) {
          return static_cast<float>(fp4_e2m1::from_bits(static_cast<std::uint8_t>(code(other_codes, b, k))));
        };
        holds = holds && !(is_less && of(j) < of(i));
      }
    }
    return judged(holds);
  }
};

struct negate {
  __device__ bf16 operator()(bf16 const* from, matrix_index i) const {
    return bf16::from_bits(from[i].bits() ^ 0x8000u);
  }
};
struct permute {  // to place k the element that goes there
  __device__ bf16 operator()(bf16 const* from, matrix_index at) const {
    matrix_index const b = at / 16;
    int i = 0;
    while (place(b, i) != static_cast<int>(at % 16)) ++i;
    return from[16 * b + i];
  }
};
struct replace_odd_blocks {
  __device__ bf16 operator()(bf16 const* from, matrix_index i) const {
    return i / 16 % 2 == 0 ? from[i] : from[edge * edge - 1 - i];
  }
};
struct turn {
  __device__ bf16 operator()(bf16 const* from, matrix_index i) const {
    return from[i % edge * edge + i / edge];
  }
};
/// Only what has room to be multiplied by a power of two: between 2^-86 and 2^86, or 0.
struct keep_middle {
  __device__ bf16 operator()(bf16 const* from, matrix_index i) const {
    std::uint32_t const exponent = from[i].bits() >> 7 & 255u;
    return exponent > 40 && exponent < 214 ? from[i] : bf16::from_bits(0);
  }
};
struct shift_exponent {
  int by;
  __device__ bf16 operator()(bf16 const* from, matrix_index i) const {
    std::uint32_t const bits = from[i].bits();
    return bf16::from_bits(static_cast<std::uint16_t>((bits & 0x7FFFu) == 0 ? bits : bits + static_cast<std::uint32_t>(by * 128)));
  }
};

template <class Change>
__global__ void make(bf16* to, bf16 const* from, Change changed) {
  for (matrix_index i = static_cast<matrix_index>(blockIdx.x) * threads_each + threadIdx.x;
       i < edge * edge; i += matrix_index{grid} * threads_each) {
    to[i] = changed(from, i);
  }
}
template <class Change>
void make_others(Change const& changed, bf16 const* from = nullptr) {
  make<<<grid, threads_each>>>(memory.others, from == nullptr ? memory.values : from, changed);
}

template <class T>
matrix_view<T const> as_matrix(T const* values, matrix_index stride = edge) {
  return {values, {matrix_extents(edge, edge), cuda::std::array<matrix_index, 2>{stride, 1}}};
}

template <class Quantizer, class T>
void quantize_to(int which, matrix_view<T const> const& in, float amax, Quantizer const& q) {
  require(device::quantize_with_amax(stream, in, memory.out[which].view<Quantizer>(amax), q) == ok,
          "quantize");
}

/// So many blocks under a law: `prepare` makes outputs 0 and 1 of memory.values under an amax.
template <class Law, class Prepare>
void hold(char const* name, unsigned long long wanted, float low, float high, Prepare const& prepare) {
  counts all{};
  unsigned long long told = 0, judged_first = 0;
  // Not all blocks are such as a law speaks of, nor all amaxes.
  auto const most = 8 * (static_cast<long>(wanted / static_cast<unsigned long long>(blocks)) + std::ssize(amaxes));
  for (long i = 0, done = 0; all.of < wanted && i < most; ++i) {
    float const amax = amaxes[i % std::ssize(amaxes)];
    if (amax < low || amax > high) continue;
    fixture::fill_blocks<<<2048, 256>>>(memory.values, edge, edge, amax,
                                        static_cast<std::uint64_t>(i) * 2003 + 11, i % 4 == 3);
    prepare(amax, i);
    Law const law{{memory.values, memory.out[0].codes, memory.out[0].scales, memory.out[1].codes,
                   memory.out[1].scales}};
    counts const found = counted(law);
    all.of += found.of;
    all.wrong += found.wrong;
    if (done++ == 0) {
      // Every code of the other turned over in magnitude: only blocks of zeros may still obey.
      change<<<edge * edge / 2 / threads_each, threads_each>>>(memory.out[1].codes, 1, 0x77);
      told = counted(law).wrong;
      judged_first = found.of;
    }
  }
  report(name, all, told, told > judged_first / 2 && all.of >= wanted);
}

using nearest = quantizer<>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
using rht = transform::random_hadamard<16, bf16>;

void hold_laws(unsigned long long wanted) {
  constexpr float all = 3e38f;
  auto const first = [](float amax) { quantize_to(0, as_matrix<bf16>(memory.values), amax, nearest{}); };
  auto const other = [](float amax) { quantize_to(1, as_matrix<bf16>(memory.others), amax, nearest{}); };
  auto const changed = [&](auto const& by) {
    return [=](float amax, long) {
      first(amax);
      make_others(by);
      other(amax);
    };
  };
  hold<mirrored>("negated values have negated codes and the same scale", wanted, 0, all, changed(negate{}));
  hold<permuted>("permuting a block permutes its codes", wanted, 0, all, changed(permute{}));
  hold<in_order>("a larger value never has a smaller code", wanted, 0, all, [&](float amax, long) {
    first(amax);
    quantize_to(1, as_matrix<bf16>(memory.values), amax, nearest{});
  });
  hold<even_blocks_unchanged>("a block is none of its neighbours' business", wanted, 0, all,
                              changed(replace_odd_blocks{}));
  hold<finite_unchanged>("a power of two on values and amax changes no byte", wanted, 0x1p-40f, 0x1p40f,
                         [&](float amax, long i) {
                           make_others(keep_middle{});
                           cudaMemcpy(memory.values, memory.others, edge * edge * sizeof(bf16),
                                      cudaMemcpyDefault);
                           first(amax);
                           int const by = static_cast<int>(i * 7 % 41) - 20;
                           make_others(shift_exponent{by});
                           other(std::ldexp(amax, by));
                         });
  hold<normal_unchanged>("quantizing the numbers again changes nothing, by FP32", wanted, 1e-32f, 1e35f,
                         [&](float amax, long) {
                           first(amax);
                           matrix_view<float> const floats(
                               memory.floats, {matrix_extents(edge, edge), cuda::std::array<matrix_index, 2>{edge, 1}});
                           require(device::dequantize(stream, memory.out[0].view<nearest>(amax), floats,
                                                      nearest{}) == ok, "dequantize");
                           quantize_to(1, as_matrix<float>(memory.floats), amax, nearest{});
                         });
  hold<unchanged>("rows further apart, off alignment, are the same", wanted, 0, all, [&](float amax, long) {
    first(amax);
    require(cudaMemcpy2D(memory.others + 1, (edge + 9) * sizeof(bf16), memory.values, edge * sizeof(bf16),
                         edge * sizeof(bf16), edge, cudaMemcpyDefault) == cudaSuccess, "a copy");
    quantize_to(1, as_matrix<bf16>(memory.others + 1, edge + 9), amax, nearest{});
  });
  // Columns of a matrix are rows of its transpose: outputs 0 and 2 of the one, 1 of the other.
  auto const turned = [&](auto const& q) {
    return [q](float amax, long) {
      using type = std::remove_cvref_t<decltype(q)>;
      require(device::quantize_both_with_amax(stream, as_matrix<bf16>(memory.values),
                                              memory.out[2].view<type>(amax),
                                              memory.out[0].view<type>(amax), q, q) == ok,
              "both directions");
      make_others(turn{});
      quantize_to(1, as_matrix<bf16>(memory.others), amax, q);
    };
  };
  hold<unchanged>("columns are the rows of the transpose: 1x16", wanted, 0, all, turned(nearest{}));
  hold<unchanged>("columns are the rows of the transpose: 16x16", wanted, 0, all, turned(square{}));
  hold<unchanged>("columns are the rows of the transpose: with Hadamard 16", wanted, 0, all,
                  turned(quantizer{scaling::amax<>{}, rounding::nearest_even{}, rht{}}));
}

}  // namespace

int main(int argc, char** argv) {
  fixture::require_device();
  long const millions = argc > 1 ? std::atol(argv[1]) : 160;
  unsigned long long const for_each_law = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 40;
  memory.values = fixture::allocate<bf16>(edge * edge);
  memory.others = fixture::allocate<bf16>(edge * (edge + 9) + 1);
  memory.floats = fixture::allocate<float>(edge * edge);
  for (output& each : memory.out) {
    each = {fixture::allocate<std::uint8_t>(edge * edge / 2), fixture::allocate<std::uint8_t>(edge * across),
            fixture::allocate<float>(1)};
  }
  // Parts of the whole in tenths.
  auto const times = [&](long part) { return millions * 1'000'000 / (2 * blocks) * part / 10 + 1; };
  auto const draws = [](std::uint64_t stream_number) {
    return rounding::stochastic<8>{{20261128, stream_number}};
  };
  check_formula();
  compare<plain>("formula: nearest, both ways", times(4), nearest{}, nearest{});
  compare<tiled>("formula: nearest, with Hadamard 16 down, 128x4 scales", times(2), nearest{},
                 quantizer{scaling::amax<>{}, rounding::nearest_even{}, rht{}});
  compare<plain>("formula: 8 random bits, both ways", times(2), quantizer{scaling::amax<>{}, draws(1)},
                 quantizer{scaling::amax<>{}, draws(2)});
  compare<tiled>("formula: 8 random bits, with Hadamard 16 down, 128x4 scales", times(1),
                 quantizer{scaling::amax<>{}, draws(3)}, quantizer{scaling::amax<>{}, draws(4), rht{}});
  compare<plain>("formula: 16x16 tiles, both ways", times(1), square{}, square{});
  hold_laws(for_each_law * 1'000'000);
  require(cudaDeviceSynchronize() == cudaSuccess, "the end");
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
