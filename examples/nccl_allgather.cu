// SPDX-License-Identifier: Apache-2.0
// A weight matrix that is sharded by rows over the GPUs of one host, gathered whole on each of them as
// 4-bit blocks: codes, scales and amax are plain contiguous buffers, so NCCL alone moves them. The
// bytes that arrive are those of quantizing the unquantized whole.
//
//   nvcc -std=c++20 -O3 -arch=sm_90a -I include examples/nccl_allgather.cu -lnccl && ./a.out [rows columns]
#include <nccl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>

using namespace nibble;

namespace {

using weights = quantizer<>;

void require(bool is_good, char const* what, char const* why) {
  if (is_good) return;
  std::printf("%s: %s\n", what, why);
  std::exit(1);
}
void require(cudaError_t s, char const* what) {
  require(s == cudaSuccess, what, cudaGetErrorString(s));
}
void require(ncclResult_t s, char const* what) {
  require(s == ncclSuccess, what, ncclGetErrorString(s));
}
void require(device::status s, char const* what) {
  require(s == device::status::success, what, to_string(s));
}

/// Numbers that depend on their place in the whole matrix alone.
__global__ void fill(bf16* to, matrix_index first, matrix_index count) {
  random::philox4x32<> const source{11, 0};
  matrix_index const step = matrix_index{gridDim.x} * blockDim.x * 4;
  for (matrix_index i = (matrix_index{blockIdx.x} * blockDim.x + threadIdx.x) * 4; i < count;
       i += step) {
    auto const words = source(static_cast<std::uint64_t>(first + i) / 4);
    for (int j = 0; j < 4; ++j) {
      float const even = static_cast<float>(words.value[j] & 0xFFFF) - 32767.5f;
      to[i + j] = bf16(even * (words.value[j] >> 29 == 0 ? 0x1p-14f : 0x1p-18f));
    }
  }
}

/// A matrix in 4 bits on one GPU: all that there is to send.
struct quantized_buffers {
  std::uint8_t* codes = nullptr;
  fp8_e4m3* scales = nullptr;
  float* amax = nullptr;

  void allocate(quantized_shape<nvfp4_block> const& s) {
    require(cudaMalloc(&codes, static_cast<std::size_t>(s.code_bytes())), "memory for codes");
    require(cudaMalloc(&scales, static_cast<std::size_t>(s.scale_count())), "memory for scales");
    require(cudaMalloc(&amax, sizeof(float)), "memory for an amax");
  }
  /// Rows from `first` on: a whole quantized matrix of its own under the same amax.
  quantized_view<nvfp4_block> rows(matrix_index first, matrix_index count,
                                   matrix_index columns) const {
    auto const shape = shape_for<weights>(count, columns);
    auto const span = [](auto* data, matrix_index size) {
      return cuda::std::span(data, static_cast<std::size_t>(size));
    };
    return *make_quantized_view<nvfp4_block>(
        span(codes + first * columns / 2, shape.code_bytes()),
        span(scales + first * columns / 16, shape.scale_count()), span(amax, 1), shape);
  }
};

struct rank {
  int device;
  cudaStream_t stream;
  ncclComm_t group;
  bf16* whole;  // the rank's own rows at their place; the others' once gathered
  quantized_buffers gathered, expected;
};

/// Calls each(rank, number) with that rank's GPU made current.
template <class Each>
void for_each(std::vector<rank>& ranks, Each const& each) {
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    require(cudaSetDevice(ranks[r].device), "choosing a GPU");
    each(ranks[r], static_cast<matrix_index>(r));
  }
}
void wait_for_all(std::vector<rank>& ranks) {
  for_each(ranks,
           [](rank& r, matrix_index) { require(cudaStreamSynchronize(r.stream), "a step"); });
}

/// The best of ten times that all GPUs took together.
template <class Step>
double milliseconds(std::vector<rank>& ranks, Step const& step) {
  double best = 1e30;
  for (int repeat = 0; repeat < 12; ++repeat) {
    wait_for_all(ranks);
    auto const start = std::chrono::steady_clock::now();
    step();
    wait_for_all(ranks);
    std::chrono::duration<double, std::milli> const elapsed =
        std::chrono::steady_clock::now() - start;
    if (repeat > 1 && elapsed.count() < best) best = elapsed.count();
  }
  return best;
}

bool are_equal(void const* a, void const* b, matrix_index bytes) {
  std::vector<std::uint8_t> x(static_cast<std::size_t>(bytes)), y(x.size());
  require(cudaMemcpy(x.data(), a, x.size(), cudaMemcpyDeviceToHost), "copying");
  require(cudaMemcpy(y.data(), b, y.size(), cudaMemcpyDeviceToHost), "copying");
  return std::memcmp(x.data(), y.data(), x.size()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::puts("no CUDA device");
    return 0;
  }
  matrix_index const rows = argc == 3 ? std::atoll(argv[1]) : 4096;
  matrix_index const columns = argc == 3 ? std::atoll(argv[2]) : 4096;
  require(rows > 0 && columns > 0 && rows % count == 0 && columns % 16 == 0, "shape",
          "need rows that the GPUs can share evenly and columns that are a multiple of 16");
  matrix_index const own = rows / count;  // rows of a rank
  auto const shape = shape_for<weights>(rows, columns), part = shape_for<weights>(own, columns);

  std::vector<rank> ranks(static_cast<std::size_t>(count));
  std::vector<ncclComm_t> groups(ranks.size());
  require(ncclCommInitAll(groups.data(), count, nullptr), "NCCL");
  for (int r = 0; r < count; ++r) {
    ranks[static_cast<std::size_t>(r)].device = r;
    ranks[static_cast<std::size_t>(r)].group = groups[static_cast<std::size_t>(r)];
  }
  for_each(ranks, [&](rank& r, matrix_index number) {
    require(cudaStreamCreate(&r.stream), "a stream");
    require(cudaMalloc(&r.whole, static_cast<std::size_t>(rows * columns) * sizeof(bf16)),
            "memory for the weights");
    r.gathered.allocate(shape);
    r.expected.allocate(shape);
    matrix_index const first = number * own * columns;
    fill<<<1024, 256, 0, r.stream>>>(r.whole + first, first, own * columns);
  });
  auto const values = [&](rank const& r, matrix_index first, matrix_index how_many) {
    auto const size = static_cast<std::size_t>(how_many * columns);
    return *make_matrix_view(cuda::std::span<bf16 const>(r.whole + first * columns, size), how_many,
                             columns);
  };

  // Each rank: the amax of its rows, of which the group's is the largest; its rows as blocks, where
  // they belong in the whole; and then everybody's.
  auto const quantize_shards = [&] {
    for_each(ranks, [&](rank& r, matrix_index number) {
      require(device::find_amax(r.stream, values(r, number * own, own),
                                r.gathered.rows(number * own, own, columns), weights{}),
              "the amax");
    });
    ncclGroupStart();
    for (rank& r : ranks) {
      ncclAllReduce(r.gathered.amax, r.gathered.amax, 1, ncclFloat, ncclMax, r.group, r.stream);
    }
    require(ncclGroupEnd(), "the all-reduce");
    for_each(ranks, [&](rank& r, matrix_index number) {
      require(device::quantize_with_amax(r.stream, values(r, number * own, own),
                                         r.gathered.rows(number * own, own, columns), weights{}),
              "quantizing");
    });
  };
  auto const gather_blocks = [&] {
    auto const codes = static_cast<std::size_t>(part.code_bytes()),
               scales = static_cast<std::size_t>(part.scale_count());
    ncclGroupStart();
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      auto const& [device, stream, group, whole, to, expected] = ranks[i];
      ncclAllGather(to.codes + i * codes, to.codes, codes, ncclUint8, group, stream);
      ncclAllGather(to.scales + i * scales, to.scales, scales, ncclUint8, group, stream);
    }
    require(ncclGroupEnd(), "the all-gather");
  };
  auto const gather_bf16 = [&] {
    auto const size = static_cast<std::size_t>(own * columns);
    ncclGroupStart();
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      rank& r = ranks[i];
      ncclAllGather(r.whole + i * size, r.whole, size, ncclBfloat16, r.group, r.stream);
    }
    require(ncclGroupEnd(), "the all-gather in bf16");
  };

  quantize_shards();
  gather_blocks();
  gather_bf16();
  bool is_same = true;
  for_each(ranks, [&](rank& r, matrix_index) {
    require(device::quantize(r.stream, values(r, 0, rows), r.expected.rows(0, rows, columns),
                             weights{}),
            "quantizing the whole");
    require(cudaStreamSynchronize(r.stream), "quantizing the whole");
    is_same = is_same && are_equal(r.gathered.codes, r.expected.codes, shape.code_bytes()) &&
              are_equal(r.gathered.scales, r.expected.scales, shape.scale_count()) &&
              are_equal(r.gathered.amax, r.expected.amax, sizeof(float));
  });

  double const plain = milliseconds(ranks, gather_bf16),
               blocks = milliseconds(ranks, gather_blocks), all = milliseconds(ranks, [&] {
                                                              quantize_shards();
                                                              gather_blocks();
                                                            });
  int version = 0;
  ncclGetVersion(&version);
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0), "properties");
  auto const wide = static_cast<double>(rows * columns) * sizeof(bf16),
             narrow = static_cast<double>(shape.code_bytes() + shape.scale_count()) + sizeof(float);
  std::printf("%d x %s, NCCL %d, %lld x %lld weights\n", count, properties.name, version,
              static_cast<long long>(rows), static_cast<long long>(columns));
  std::printf("bf16       %8.1f MiB  %8.3f ms\n", wide / (1 << 20), plain);
  std::printf("blocks     %8.1f MiB  %8.3f ms  %.2fx fewer bytes, %.2fx faster\n",
              narrow / (1 << 20), blocks, wide / narrow, plain / blocks);
  std::printf("with amax and quantization %8.3f ms  %.2fx faster\n", all, plain / all);
  std::printf("the gathered bytes are %sthose of quantizing the whole\n", is_same ? "" : "NOT ");
  for_each(ranks, [](rank& r, matrix_index) { ncclCommDestroy(r.group); });
  return is_same ? 0 : 1;
}
