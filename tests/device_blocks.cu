// SPDX-License-Identifier: Apache-2.0
// Generated blocks, device bytes against host bytes: all that whole-matrix launchers write, for many
// quantizers. The values are made on the device, ties first; the host's bytes are those of its own
// whole-matrix functions, on all cores.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -Xcompiler=-march=native -Iinclude -Itests tests/device_blocks.cu && ./a.out [millions]
//
// Compares about so many million blocks (4 without an argument) and prints a line a quantizer; exits with
// 1 where a byte differs and with 77 without a GPU.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.cuh>
#include <nibble/quantize_both.hpp>

#include "support/generated_blocks.cuh"
#include "support/program.cuh"

namespace {

using namespace nibble;
using plain = cuda::std::layout_right;
using tiled = layout::scale_tile_128x4;
using fixture::require;

/// Host memory for as long as the program runs.
template <class T>
T* on_host(matrix_index count) {
  void* memory = nullptr;
  require(cudaMallocHost(&memory, static_cast<std::size_t>(count) * sizeof(T)) == cudaSuccess,
          "host memory");
  return static_cast<T*>(memory);
}

constexpr matrix_index edge = 4096;
constexpr matrix_index blocks_at_once = edge * edge / 16;

struct {
  bf16 *device, *host;
  std::uint8_t *device_codes[2], *host_codes[2], *device_scales[2], *host_scales[2];
  float* amax;
} memory;

unsigned long long compared = 0, different = 0;
float const amaxes[] = {1.0f, 6.0f, 448.0f * 6, 0.0371f, 3e38f, 1e-30f, 100.0f, 1e-38f, 7.7e-5f};

/// A view of part `side` of the memory, on the device or on the host.
template <class Quantizer, class ScaleLayout>
auto view_of(std::uint8_t* codes, std::uint8_t* scales, float* amax) {
  using block = typename Quantizer::block_type;
  using scale = typename block::scale_type;
  auto const shape = shape_for<Quantizer, ScaleLayout>(edge, edge);
  return *make_quantized_view<block, ScaleLayout>(
      cuda::std::span<std::uint8_t>(codes, static_cast<std::size_t>(shape.code_bytes())),
      cuda::std::span<scale>(reinterpret_cast<scale*>(scales),
                             static_cast<std::size_t>(shape.scale_count())),
      cuda::std::span<float>(amax, static_cast<std::size_t>(shape.amax_count())), shape);
}

/// Compares what both sides wrote.
template <class Quantizer, class ScaleLayout>
unsigned long long differences(int side, std::vector<std::uint8_t>& codes,
                               std::vector<std::uint8_t>& scales) {
  auto const shape = shape_for<Quantizer, ScaleLayout>(edge, edge);
  auto const code_bytes = static_cast<std::size_t>(shape.code_bytes());
  auto const scale_bytes = static_cast<std::size_t>(shape.scale_count()) *
                           sizeof(typename Quantizer::block_type::scale_type);
  cudaMemcpy(memory.host_codes[side], memory.device_codes[side], code_bytes, cudaMemcpyDefault);
  cudaMemcpy(memory.host_scales[side], memory.device_scales[side], scale_bytes, cudaMemcpyDefault);
  unsigned long long found = 0;
  if (std::memcmp(memory.host_codes[side], codes.data(), code_bytes) != 0 ||
      std::memcmp(memory.host_scales[side], scales.data(), scale_bytes) != 0) {
    for (std::size_t i = 0; i < code_bytes; ++i) found += memory.host_codes[side][i] != codes[i];
    for (std::size_t i = 0; i < scale_bytes; ++i) found += memory.host_scales[side][i] != scales[i];
  }
  compared += static_cast<unsigned long long>(edge * shape.blocks_per_row());
  return found;
}

/// So many matrices and their transposes through a pair of quantizers.
template <class ScaleLayout, class Rows, class Columns>
void compare(char const* name, int times, Rows const& q_rows, Columns const& q_columns) {
  auto const most = [](auto const& shape) { return static_cast<std::size_t>(shape.code_bytes()); };
  std::vector<std::uint8_t> codes[2]{
      std::vector<std::uint8_t>(most(shape_for<Rows, ScaleLayout>(edge, edge))),
      std::vector<std::uint8_t>(most(shape_for<Columns, ScaleLayout>(edge, edge)))};
  std::vector<std::uint8_t> scales[2]{std::vector<std::uint8_t>(edge * edge / 4),
                                      std::vector<std::uint8_t>(edge * edge / 4)};
  std::vector<float> host_amax(static_cast<std::size_t>(edge) * 64);
  unsigned long long const before = compared;
  unsigned long long found = 0;
  cuda::std::array<matrix_index, 2> const strides{edge, 1};
  matrix_view<bf16 const> const device_in(memory.device, {matrix_extents(edge, edge), strides}),
      host_in(memory.host, {matrix_extents(edge, edge), strides});
  for (int i = 0; i < times; ++i) {
    float const amax = amaxes[i % static_cast<int>(std::size(amaxes))];
    fixture::fill_blocks<<<2048, 256>>>(memory.device, edge, edge, amax,
                        static_cast<std::uint64_t>(1000 * i) + compared, i % 2 != 0);
    require(cudaMemcpy(memory.host, memory.device, sizeof(bf16) * edge * edge, cudaMemcpyDefault) ==
                cudaSuccess,
            "the values");
    // Padding and what lies behind must come out equal too.
    for (int side = 0; side < 2; ++side) {
      cudaMemset(memory.device_scales[side], 0, edge * edge / 4);
      std::memset(scales[side].data(), 0, scales[side].size());
    }
    auto const rows =
        view_of<Rows, ScaleLayout>(codes[0].data(), scales[0].data(), host_amax.data());
    auto const columns =
        view_of<Columns, ScaleLayout>(codes[1].data(), scales[1].data(), host_amax.data());
    std::fill(host_amax.begin(), host_amax.end(), amax);
    cudaMemcpy(memory.amax, host_amax.data(), host_amax.size() * sizeof(float), cudaMemcpyDefault);
    require(device::quantize_both_with_amax(
                cuda::stream_ref{cudaStream_t{}}, device_in,
                view_of<Rows, ScaleLayout>(memory.device_codes[0], memory.device_scales[0],
                                           memory.amax),
                view_of<Columns, ScaleLayout>(memory.device_codes[1], memory.device_scales[1],
                                              memory.amax),
                q_rows, q_columns) == device::status::success,
            name);
    quantize_both_with_amax(host_in, rows, columns, q_rows, q_columns);
    require(cudaDeviceSynchronize() == cudaSuccess, name);
    found += differences<Rows, ScaleLayout>(0, codes[0], scales[0]);
    found += differences<Columns, ScaleLayout>(1, codes[1], scales[1]);
  }
  std::printf("%-52s %12llu blocks, %llu bytes differ\n", name, compared - before, found);
  std::fflush(stdout);
  different += found;
}

using nearest = quantizer<>;
using rht = transform::random_hadamard<16, bf16>;
using square = quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>;
template <int Bits>
using draws = rounding::stochastic<Bits>;

}  // namespace

int main(int argc, char** argv) {
  fixture::require_device();
  long const millions = argc > 1 ? std::atol(argv[1]) : 4;
  memory.device = fixture::allocate<bf16>(edge * edge);
  memory.host = on_host<bf16>(edge * edge);
  memory.amax = fixture::allocate<float>(edge * 64);
  for (int side = 0; side < 2; ++side) {  // one-byte codes are the largest, FP32 scales of 16
    memory.device_codes[side] = fixture::allocate<std::uint8_t>(edge * edge);
    memory.host_codes[side] = on_host<std::uint8_t>(edge * edge);
    memory.device_scales[side] = fixture::allocate<std::uint8_t>(edge * edge / 4);
    memory.host_scales[side] = on_host<std::uint8_t>(edge * edge / 4);
  }
  // Parts of the whole in 32nds: what trains most gets most.
  auto const times = [&](int part) {
    auto const matrices = millions * 1'000'000 / (2 * blocks_at_once);
    return static_cast<int>(matrices * part / 32) + 1;
  };
  compare<plain>("nearest, both ways", times(8), nearest{}, nearest{});
  compare<tiled>("nearest, with Hadamard 16 down, 128x4 scales", times(6), nearest{},
                 quantizer{scaling::amax<>{}, rounding::nearest_even{}, rht{}});
  compare<tiled>("8 random bits, with Hadamard 16 down, 128x4 scales", times(6),
                 quantizer{scaling::amax<>{}, draws<8>{{3, 4}}},
                 quantizer{scaling::amax<>{}, draws<8>{{3, 5}}, rht{}});
  compare<plain>("16x16 tiles, both ways", times(4), square{}, square{});
  compare<plain>("Hadamard 16, nearest and 8 random bits", times(2),
                 quantizer{scaling::amax<>{}, rounding::nearest_even{}, rht{}},
                 quantizer{scaling::amax<>{}, draws<8>{{7, 8}}, rht{}});
  compare<plain>("4/6", times(1), quantizer{scaling::four_over_six<>{}},
                 quantizer{scaling::four_over_six<scaling::absolute_error>{}});
  compare<plain>("4/6 in 16x16 tiles, and with 16 random bits", times(1),
                 quantizer<nvfp4_block,
                           scaling::four_over_six<scaling::squared_error, scaling::tile::square>>{},
                 quantizer{scaling::amax<>{}, draws<16>{{1, 2}}});
  compare<plain>("MXFP4 and MXFP8", times(1),
                 quantizer<mxfp4_block, scaling::power_of_two<scaling::exponent_rule::round_up>>{},
                 quantizer<mxfp8_block, scaling::power_of_two<>>{});
  compare<plain>(
      "an amax a row, and one a block of 128", times(1),
      quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_row<>>>{},
      quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::per_block_128<>>>{});
  compare<plain>("headroom 16/17, and 24 random bits", times(1),
                 quantizer<nvfp4_block, scaling::amax<scaling::tile::row, tensor_scale::current<>,
                                                      format::nearest_even, 16, 17>>{},
                 quantizer{scaling::amax<>{}, draws<24>{{9, 9}}});
  compare<plain>(
      "Hadamard 128, nearest and 8 random bits", times(1),
      quantizer{scaling::amax<>{}, rounding::nearest_even{}, transform::random_hadamard<128>{}},
      quantizer{scaling::amax<>{}, draws<8>{{1, 9}}, transform::random_hadamard<128>{}});
  compare<tiled>("Hadamard 32, and signs with Hadamard 64, 128x4 scales", times(1),
                 quantizer{scaling::amax<>{}, rounding::nearest_even{}, transform::hadamard<32>{}},
                 quantizer{scaling::amax<>{}, rounding::nearest_even{},
                           transform::random_hadamard<64>{}});
  compare<plain>("ties away from zero, and toward zero", times(1),
                 quantizer{scaling::amax<>{}, rounding::nearest_away{}},
                 quantizer{scaling::amax<>{}, rounding::toward_zero{}});
  compare<plain>("the best of all scales, and a clipped one", times(1),
                 quantizer{scaling::exhaustive<>{}}, quantizer{scaling::clipped<1581, 1600>{}});
  compare<plain>("EDEN behind fresh signs, and fresh signs with 8 random bits", times(1),
                 quantizer{scaling::clipped<1581, 1600, scaling::tile::row,
                                            tensor_scale::current<256>>{},
                           rounding::nearest_even{}, transform::fresh_hadamard<128>{},
                           correction::eden<128>{{9, 10}}},
                 quantizer{scaling::amax<>{}, draws<8>{{7, 9}}, transform::fresh_hadamard<16>{}});
  compare<plain>("IF4 and RaZeR", times(1), quantizer<if4_block, scaling::adaptive<>>{},
                 quantizer<razer_block, scaling::adaptive<>>{});
  std::printf("%llu blocks compared, %llu bytes differ\n", compared, different);
  return different == 0 ? 0 : 1;
}
