// SPDX-License-Identifier: Apache-2.0
// The same bytes each time: a hundred runs on two streams, through the kernels for aligned, shifted and
// turned memory, and by a replayed graph; and bytes that were made on the stream just before.
#include <doctest/doctest.h>

#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/captured.cuh"
#include "support/device_bytes.cuh"

using namespace nibble;

namespace {

constexpr matrix_index rows = 528, columns = 1040;
constexpr auto ok = device::status::success;

class stream {
 public:
  stream() { REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess); }
  stream(stream const&) = delete;
  ~stream() { cudaStreamDestroy(stream_); }
  operator cuda::stream_ref() const { return cuda::stream_ref(stream_); }
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// One matrix three times over in device memory: aligned, one element on, and column after column.
struct three_ways {
  thrust::device_vector<float> shifted, turned;
  fixture::on_device<float> aligned;

  explicit three_ways(fixture::matrix<> const& host)
      : shifted(host.values.size() + 1), turned(host.values.size()), aligned(host) {
    thrust::copy(host.values.begin(), host.values.end(), shifted.begin() + 1);
    std::vector<float> by_column(host.values.size());
    for (matrix_index i = 0; i != rows; ++i) {
      for (matrix_index j = 0; j != columns; ++j) {
        by_column[static_cast<std::size_t>(j * rows + i)] = host(i, j);
      }
    }
    thrust::copy(by_column.begin(), by_column.end(), turned.begin());
  }
  matrix_view<float const> view(int way) const {
    if (way == 0) return aligned.view;
    bool const by_column = way == 2;
    float const* const data =
        by_column ? thrust::raw_pointer_cast(turned.data()) : thrust::raw_pointer_cast(shifted.data()) + 1;
    cuda::std::array<matrix_index, 2> const strides{by_column ? matrix_index{1} : columns, by_column ? rows : matrix_index{1}};
    return {data, {matrix_extents(rows, columns), strides}};
  }
};

/// The runs, of a hundred each way on two streams and a hundred replays, whose bytes are not the host's.
template <class Quantizer>
int different_runs(fixture::matrix<> const& host, three_ways const& in, Quantizer const& q) {
  auto const expected = quantized(host.view(), q);
  fixture::guarded_matrix<nvfp4_block> out(expected.shape());
  stream const streams[2];
  fixture::captured const graph([&](cuda::stream_ref on) {
    CHECK(device::quantize(on, in.view(0), out.view(), q) == ok);
  });
  int different = 0;
  for (int run = 0; run != 100; ++run) {
    for (int way = 0; way != 3; ++way) {
      stream const& on = streams[run % 2];
      CHECK(device::quantize(on, in.view(way), out.view(), q) == ok);
      different += out.different_bytes(expected) != 0;
    }
    graph.replay();
    different += out.different_bytes(expected) != 0;
  }
  return different;
}

/// Waits for about 50 ms, then copies: what a slow producer does.
__global__ void copy_late(float const* from, float* to, matrix_index count) {
  long long const start = clock64();
  while (clock64() - start < 80'000'000) {
  }
  for (matrix_index i = threadIdx.x; i < count; i += blockDim.x) to[i] = from[i];
}

}  // namespace

// bugs: F4 F7
TEST_CASE("a hundred runs on two streams, three ways and by a replayed graph are the host's bytes") {
  if (!fixture::has_device()) return;
  fixture::matrix<> const host = fixture::filled(rows, columns, 1);
  three_ways const in(host);
  using random = random::philox4x32<>;
  using rotation = transform::random_hadamard<16, bf16>;
  CHECK(different_runs(host, in, quantizer<>{}) == 0);
  CHECK(different_runs(host, in, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) == 0);
  CHECK(different_runs(host, in, quantizer<nvfp4_block, scaling::four_over_six<>>{}) == 0);
  CHECK(different_runs(host, in,
                       quantizer<nvfp4_block, scaling::amax<>, rounding::stochastic<8>, rotation>{
                           {}, {random{7, 9}}, {}, {}}) == 0);
}

// bugs: F1 F2
TEST_CASE("what a slow kernel writes on a stream is what is quantized behind it, on that stream") {
  if (!fixture::has_device()) return;
  fixture::matrix<> const host = fixture::filled(rows, columns, 2);
  auto const expected = quantized(host.view(), quantizer<>{});
  fixture::on_device<float> const from(host);
  fixture::guarded_matrix<nvfp4_block> out(expected.shape());
  for (int run = 0; run != 8; ++run) {
    thrust::device_vector<float> late(host.values.size(), -1.0f);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    stream const on;
    copy_late<<<1, 1024, 0, on.get()>>>(thrust::raw_pointer_cast(from.values.data()),
                                        thrust::raw_pointer_cast(late.data()), rows * columns);
    matrix_view<float const> const view(thrust::raw_pointer_cast(late.data()), from.view.mapping());
    CHECK(device::quantize(on, view, out.view(), quantizer<>{}) == ok);
    REQUIRE(cudaStreamSynchronize(on.get()) == cudaSuccess);
    CHECK(out.different_bytes(expected) == 0);
  }
}
