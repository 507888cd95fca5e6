// SPDX-License-Identifier: Apache-2.0
// The launchers again and again: the same bytes each time, and no more device memory.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -Iinclude -Itests tests/soak/device_soak.cu -lcublasLt -o device_soak
//   ./device_soak [seconds]
//
// 20 without an argument. Each pass takes memory of its own, quantizes, both ways too, decodes and takes a
// step of a layer with exact and with fast products, and gives all of it back; each hundredth makes a
// stream and a handle of cuBLASLt anew. Prints the least of the device's memory in use in each tenth of the
// time, other programs' with it. Exits with 1 where a digest differs from the first, or the least of the
// last quarter is more than 4 MiB above the second's, and with 77 without a GPU.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <nibble/device/linear.cuh>
#include <nibble/device/quantize_both.cuh>
#include <nibble/nibble.cuh>
#include <nibble/recipes/nvfp4.hpp>

#include "support/program.cuh"

namespace {

using namespace nibble;
using fixture::require;

void require(device::status s, char const* what) {
  if (s == device::status::success) return;
  std::printf("failed: %s (%s)\n", what, to_string(s));
  std::exit(1);
}

/// Device memory of one pass, filled with poison on the stream that will use it.
template <class T>
class memory {
 public:
  memory(cudaStream_t stream, matrix_index count) : count_(static_cast<std::size_t>(count)) {
    require(cudaMalloc(&data_, count_ * sizeof(T)) == cudaSuccess, "device memory");
    require(cudaMemsetAsync(data_, 0x7F, count_ * sizeof(T), stream) == cudaSuccess, "poison");
  }
  memory(memory const&) = delete;
  ~memory() { cudaFree(data_); }
  cuda::std::span<T> span() const { return {static_cast<T*>(data_), count_}; }
  device::workspace workspace() const { return {data_, count_ * sizeof(T)}; }

 private:
  std::size_t count_;
  void* data_ = nullptr;
};

__host__ __device__ constexpr std::uint64_t stir(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58'476D'1CE4'E5B9u;
  x = (x ^ x >> 27) * 0x94D0'49BB'1331'11EBu;
  return x ^ x >> 31;
}

/// A sum over bytes and their places: no order matters.
__global__ void add_bytes(std::uint8_t const* bytes, std::size_t count, unsigned long long* sum) {
  unsigned long long mine = 0;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += std::size_t{gridDim.x} * blockDim.x) {
    mine += stir(i * 256 + bytes[i]);
  }
  atomicAdd(sum, mine);
}

template <class T>
__global__ void fill(T* values, matrix_index count, std::uint64_t seed) {
  random::philox4x32<7> const source{seed, 0};
  for (matrix_index i = static_cast<matrix_index>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += static_cast<matrix_index>(gridDim.x) * blockDim.x) {
    auto const word = source(static_cast<std::uint64_t>(i)).value[0];
    values[i] = T(static_cast<float>(static_cast<int>(word)) * 0x1p-31f);
  }
}

/// A quantized matrix of one pass.
template <class Quantizer>
struct matrix_of {
  quantized_shape<typename Quantizer::block_type> shape;
  memory<std::uint8_t> codes;
  memory<typename Quantizer::scale_type> scales;
  memory<float> amax;

  matrix_of(cudaStream_t stream, matrix_index height, matrix_index width)
      : shape(shape_for<Quantizer>(height, width)),
        codes(stream, shape.code_bytes()),
        scales(stream, shape.scale_count()),
        amax(stream, shape.amax_count()) {}
  auto view() const {
    return *make_quantized_view<typename Quantizer::block_type>(codes.span(), scales.span(),
                                                                amax.span(), shape);
  }
};

constexpr device::linear_shape layer_shape{512, 768, 640};
constexpr layer_key key{1, 0, 0};
constexpr matrix_index rows = 1040, columns = 2064;

/// Digests of what a pass quantizes, of a step with exact products and of one with fast ones.
using digests = std::array<std::uint64_t, 3>;

digests pass(cudaStream_t stream, cublas::handle const& library) {
  memory<unsigned long long> sums(stream, 3);
  cudaMemsetAsync(sums.span().data(), 0, sums.span().size() * sizeof(unsigned long long), stream);
  auto* sum = sums.span().data();
  auto const digest = [&](auto const& of) {
    auto const bytes = of.span();
    add_bytes<<<256, 256, 0, stream>>>(reinterpret_cast<std::uint8_t const*>(bytes.data()),
                                       bytes.size() * sizeof(bytes[0]), sum);
  };
  auto const digest_matrix = [&](auto const& of) {
    digest(of.codes);
    digest(of.scales);
    digest(of.amax);
  };
  cuda::stream_ref const on(stream);
  auto const filled = [&](auto const& to, std::uint64_t seed) {
    fill<<<256, 256, 0, stream>>>(to.span().data(), static_cast<matrix_index>(to.span().size()), seed);
  };

  memory<bf16> values(stream, rows * columns), decoded(stream, rows * columns);
  filled(values, 1);
  auto const in = *make_matrix_view(values.span(), rows, columns);
  quantizer const stochastic{scaling::amax<>{}, rounding::stochastic<>{{1, 2}}};
  quantizer const turned{scaling::amax<>{}, rounding::stochastic<>{{1, 3}},
                         transform::random_hadamard<16, bf16>{}};
  matrix_of<decltype(stochastic)> first(stream, rows, columns), of_rows(stream, rows, columns);
  matrix_of<decltype(turned)> of_columns(stream, columns, rows);
  require(device::quantize(on, in, first.view(), stochastic), "quantize");
  require(device::quantize_both(on, in, of_rows.view(), of_columns.view(), stochastic, turned), "both");
  require(device::dequantize(on, first.view(), *make_matrix_view(decoded.span(), rows, columns), stochastic),
          "dequantize");
  digest_matrix(first);
  digest_matrix(of_rows);
  digest_matrix(of_columns);
  digest(decoded);

  auto const step = [&](auto mode) {
    constexpr product chosen = decltype(mode)::value;
    auto const [tokens, inputs, outputs] = layer_shape;
    memory<bf16> x(stream, tokens * inputs), w(stream, outputs * inputs), dy(stream, tokens * outputs),
        y(stream, tokens * outputs), dx(stream, tokens * inputs);
    memory<float> dw(stream, outputs * inputs);
    filled(x, 2), filled(w, 3), filled(dy, 4), filled(dw, 5);
    device::linear<recipes::nvfp4, chosen> layer(layer_shape);
    memory<std::uint8_t> kept(stream, static_cast<matrix_index>(layer.kept_bytes())),
        scratch(stream, static_cast<matrix_index>(layer.workspace_bytes(library)));
    ++sum;
    auto const matrix = [](auto const& of, matrix_index height, matrix_index width) {
      return *make_matrix_view(of.span(), height, width);
    };
    require(layer.forward(library, on, scratch.workspace(), kept.workspace(), matrix(x, tokens, inputs),
                          matrix(w, outputs, inputs), matrix(y, tokens, outputs), key),
            "forward");
    require(layer.backward(library, on, scratch.workspace(), kept.workspace(),
                           matrix(dy, tokens, outputs), matrix(dx, tokens, inputs),
                           matrix(dw, outputs, inputs), key),
            "backward");
    digest(y), digest(dx), digest(dw);
    require(cudaStreamSynchronize(stream) == cudaSuccess, "a step");
  };
  step(std::integral_constant<product, product::exact>{});
  step(std::integral_constant<product, product::fast>{});

  digests result{};
  require(cudaMemcpyAsync(result.data(), sums.span().data(), sizeof result, cudaMemcpyDefault, stream) ==
                  cudaSuccess &&
              cudaStreamSynchronize(stream) == cudaSuccess,
          "a pass");
  return result;
}

std::size_t in_use() {
  std::size_t free = 0, total = 0;
  require(cudaMemGetInfo(&free, &total) == cudaSuccess, "memory in use");
  return total - free;
}

/// The least of part number i of `count` of the time.
std::size_t least(std::vector<std::size_t> const& samples, std::size_t i, std::size_t count) {
  auto const at = [&](std::size_t part) {
    return samples.begin() + static_cast<std::ptrdiff_t>(samples.size() * part / count);
  };
  return *std::min_element(at(i), at(i + 1));
}

}  // namespace

int main(int argc, char** argv) {
  fixture::require_device();
  double const seconds = argc > 1 ? std::atof(argv[1]) : 20;
  auto const start = std::chrono::steady_clock::now();
  auto const elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::unique_ptr<cublas::handle> library;
  cudaStream_t stream = nullptr;
  std::vector<std::size_t> samples;
  digests first{}, different{};
  while (samples.size() < 400 || elapsed() < seconds) {
    if (samples.size() % 100 == 0) {
      if (stream != nullptr) require(cudaStreamDestroy(stream) == cudaSuccess, "a stream's end");
      require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess, "a stream");
      library = std::make_unique<cublas::handle>();
      require(library->state(), "cuBLASLt");
    }
    digests const found = pass(stream, *library);
    if (samples.empty()) first = found;
    for (std::size_t i = 0; i < found.size(); ++i) different[i] += found[i] != first[i] ? 1 : 0;
    samples.push_back(in_use());
  }
  std::printf("%zu passes in %.0f s; first digests and others:", samples.size(), elapsed());
  for (std::size_t i = 0; i < first.size(); ++i) {
    std::printf(" %016llx %llu", static_cast<unsigned long long>(first[i]),
                static_cast<unsigned long long>(different[i]));
  }
  std::printf("; MiB in use in each tenth:");
  for (std::size_t i = 0; i < 10; ++i) std::printf(" %zu", least(samples, i, 10) >> 20);
  bool const has_grown = least(samples, 3, 4) > least(samples, 1, 4) + (std::size_t{4} << 20);
  std::printf(": %s\n", has_grown ? "GROWN" : "no growth");
  return different == digests{} && !has_grown ? 0 : 1;
}
