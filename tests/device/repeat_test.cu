// SPDX-License-Identifier: Apache-2.0
// The same bytes each time: a hundred runs on two streams, through the kernels for aligned, shifted and
// turned memory, and by a replayed graph; one digest of every kernel under any launch shape; and bytes that
// were made on the stream just before.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <set>

#include <nibble/device/quantize.cuh>
#include <nibble/nibble.hpp>
#include <nibble/quantize.hpp>

#include "support/captured.cuh"
#include "support/device_bytes.cuh"
#include "support/digest_of.hpp"
#include "support/slow_producer.cuh"

using namespace nibble;

namespace {

constexpr matrix_index rows = 528, columns = 1040;
constexpr auto ok = device::status::success;

/// Rounded at random after a transform with random signs.
constexpr quantizer rotated{scaling::amax<>{}, rounding::stochastic<8>{{7, 9}},
                            transform::random_hadamard<16, bf16>{}};

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
  fixture::device_vector<float> shifted, turned;
  fixture::on_device<float> aligned;

  explicit three_ways(fixture::matrix<> const& host)
      : shifted(host.values.size() + 1), turned(host.values.size()), aligned(host) {
    fixture::transfer(host.values.begin(), host.values.end(), shifted.begin() + 1);
    std::vector<float> by_column(host.values.size());
    for (matrix_index i = 0; i != rows; ++i) {
      for (matrix_index j = 0; j != columns; ++j) {
        by_column[static_cast<std::size_t>(j * rows + i)] = host(i, j);
      }
    }
    fixture::transfer(by_column.begin(), by_column.end(), turned.begin());
  }
  matrix_view<float const> view(int way) const {
    if (way == 0) return aligned.view;
    bool const by_column = way == 2;
    float const* const data = by_column ? turned.data() : shifted.data() + 1;
    cuda::std::array<matrix_index, 2> const strides{by_column ? matrix_index{1} : columns,
                                                    by_column ? rows : matrix_index{1}};
    return {data, {matrix_extents(rows, columns), strides}};
  }
};

/// The runs, of a hundred each way on two streams and a hundred replays, whose bytes are not the host's.
template <class Quantizer>
int different_runs(fixture::matrix<> const& host, three_ways const& in, Quantizer const& q) {
  auto const expected = quantized(host.view(), q);
  fixture::guarded_matrix<nvfp4_block> out(expected.shape());
  stream const streams[2];
  fixture::captured const graph(
      [&](cuda::stream_ref on) { CHECK(device::quantize(on, in.view(0), out.view(), q) == ok); });
  int different = 0;
  for (int run = 0; run != fixture::times(100); ++run) {
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

using in_view = matrix_view<float const>;
using out_view = quantized_view<nvfp4_block>;
/// Quantizes on a stream, under the amax that the output holds.
using launch = std::function<void(cudaStream_t, out_view const&)>;

/// The launcher on memory of three kinds, and each kernel that it may choose, under grids and blocks of
/// other sizes than the launcher's. (Where a block of threads fills a table or a tile, its size is fixed.)
template <class Quantizer>
std::vector<launch> all_launches(three_ways const& in, Quantizer const& q) {
  namespace kernels = device::detail;
  constexpr auto threads = static_cast<unsigned>(kernels::threads_per_block);
  std::vector<launch> result;
  for (int way = 0; way != 3; ++way) {
    result.push_back([&in, q, way](cudaStream_t on, out_view const& out) {
      CHECK(device::quantize_with_amax(cuda::stream_ref(on), in.view(way), out, q) == ok);
    });
  }
  struct shape {
    unsigned blocks, threads;
  };
  for (shape const s : {shape{1, 32}, shape{3, 96}, shape{7, 256}, shape{5000, 64}}) {
    result.push_back([&in, q, s](cudaStream_t on, out_view const& out) {
      kernels::quantize_groups<false, in_view, out_view, Quantizer>
          <<<s.blocks, s.threads, 0, on>>>(in.view(1), out, q);
    });
    if constexpr (Quantizer::group.rows == 1) {
      result.push_back([&in, q, s](cudaStream_t on, out_view const& out) {
        kernels::quantize_groups<true, in_view, out_view, Quantizer>
            <<<s.blocks, s.threads, 0, on>>>(in.view(0), out, q);
      });
    }
  }
  struct division {
    unsigned blocks;
    int wide;  // tiles of a strip, of which each has a block of threads
  };
  for (division const by : {division{1, 4}, division{7, 2}, division{45, 1}}) {
    unsigned const blocks = by.blocks;
    int const wide = by.wide;
    if constexpr (Quantizer::is_one_block) {
      result.push_back([&in, q, blocks](cudaStream_t on, out_view const& out) {
        kernels::quantize_flat<float, nvfp4_block><<<blocks, threads, 0, on>>>(
            in.view(0).data_handle(), out.codes.data_handle().bytes, out.scales.data_handle(),
            out.amax.data_handle(), rows * columns / 16, kernels::prepared(q));
      });
    } else if constexpr (device::makes_sixteens<Quantizer>) {
      result.push_back([&in, q, blocks](cudaStream_t on, out_view const& out) {
        kernels::quantize_square_strips<float, out_view><<<blocks, threads, 0, on>>>(
            in.view(0).data_handle(), columns, kernels::tile_order(rows, columns, 4),
            kernels::tile_output<out_view>(out), q);
      });
    }
    if constexpr (device::makes_sixteens<Quantizer>) {
      result.push_back([&in, q, blocks, wide](cudaStream_t on, out_view const& out) {
        auto const side = kernels::prepared(q);
        using side_type = std::remove_const_t<decltype(side)>;
        using no_side = kernels::no_side;
        auto const run = [&]<std::size_t Bytes>(auto kernel, kernels::tile_order const& order,
                                                unsigned grid) {
          CHECK(kernels::launch_with<Bytes>(kernel, grid, on, in.view(2).data_handle(), rows, order,
                                            no_side{}, kernels::tile_output(no_side{}), side,
                                            kernels::tile_output(out)) == ok);
        };
        if constexpr (kernels::turns_squares<side_type, out_view>) {
          kernels::tile_order const order(columns, rows);
          run.template operator()<sizeof(kernels::square_memory<float, no_side, side_type>)>(
              kernels::quantize_squares<float, no_side, no_side, side_type, out_view>, order,
              std::min(order.count, blocks));
        } else {
          kernels::tile_order const order(columns, rows, wide);
          run.template operator()<sizeof(kernels::tile_memory<float, no_side, no_side, side_type>)>(
              kernels::quantize_tiles_both<float, no_side, no_side, side_type, out_view>, order,
              order.count);
        }
      });
    }
  }
  return result;
}

/// The digests of what all launches make: on two streams at a time, each launch once on either, and
/// twice by a graph. Before each, its output is overwritten.
template <class Quantizer>
std::set<std::uint64_t> all_digests(fixture::matrix<> const& host, three_ways const& in,
                                    Quantizer const& q) {
  auto const launches = all_launches(in, q);
  using output = fixture::guarded_matrix<nvfp4_block>;
  std::vector<std::unique_ptr<output>> made;
  for (std::size_t i = 0; i != launches.size(); ++i) {
    made.push_back(std::make_unique<output>(shape_for<Quantizer>(host.rows, host.columns)));
  }
  auto const run = [&](std::size_t i, cudaStream_t on) {
    out_view const out = made[i]->view();
    made[i]->overwrite(on);
    CHECK(device::find_amax(cuda::stream_ref(on), in.view(0), out, q) == ok);
    launches[i](on, out);
    CHECK(cudaPeekAtLastError() == cudaSuccess);
  };
  std::set<std::uint64_t> digests;
  auto const collect = [&] {
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    for (auto const& each : made) {
      digests.insert(fixture::digest_of(*each));
      CHECK(each->guards_hold());
    }
  };
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  stream const streams[2];
  for (std::size_t first = 0; first != 2; ++first) {
    for (std::size_t i = 0; i != launches.size(); ++i) run(i, streams[(first + i) % 2].get());
    collect();
  }
  fixture::captured const graph([&](cuda::stream_ref on) {
    for (std::size_t i = 0; i != launches.size(); ++i) run(i, on.get());
  });
  for (int replay = 0; replay != 2; ++replay) {
    graph.replay();
    collect();
  }
  return digests;
}

template <class Quantizer>
void has_one_digest(fixture::matrix<> const& host, three_ways const& in, Quantizer const& q) {
  CHECK(all_digests(host, in, q) == std::set{fixture::digest_of(quantized(host.view(), q))});
}

}  // namespace

// bugs: F4 F7
TEST_CASE(
    "a hundred runs on two streams, three ways and by a replayed graph are the host's bytes") {
  if (!fixture::has_device()) return;
  fixture::matrix<> const host = fixture::filled(rows, columns, 1);
  three_ways const in(host);
  CHECK(different_runs(host, in, quantizer<>{}) == 0);
  CHECK(different_runs(host, in, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{}) ==
        0);
  CHECK(different_runs(host, in, quantizer<nvfp4_block, scaling::four_over_six<>>{}) == 0);
  CHECK(different_runs(host, in, rotated) == 0);
}

// bugs: F4
TEST_CASE("any kernel, launch shape, stream and replay: one digest, the host's") {
  if (!fixture::has_device()) return;
  fixture::matrix<> const host = fixture::filled(rows, columns, 3);
  three_ways const in(host);
  has_one_digest(host, in, quantizer<nvfp4_block, scaling::amax<scaling::tile::square>>{});
  has_one_digest(host, in, rotated);
  if (fixture::is_brief()) return;
  has_one_digest(host, in, quantizer<>{});
  has_one_digest(host, in, quantizer<nvfp4_block, scaling::four_over_six<>>{});
}

// bugs: F1 F2
TEST_CASE("what a slow kernel writes on a stream is what is quantized behind it, on that stream") {
  if (!fixture::has_device()) return;
  fixture::matrix<> const host = fixture::filled(rows, columns, 2);
  auto const expected = quantized(host.view(), quantizer<>{});
  fixture::on_device<float> const from(host);
  fixture::guarded_matrix<nvfp4_block> out(expected.shape());
  for (int run = 0; run != 8; ++run) {
    fixture::device_vector<float> late(host.values.size(), -1.0f);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    stream const on;
    fixture::copy_late<<<1, 1024, 0, on.get()>>>(from.values.data(), late.data(), rows * columns);
    matrix_view<float const> const view(late.data(), from.view.mapping());
    CHECK(device::quantize(on, view, out.view(), quantizer<>{}) == ok);
    REQUIRE(cudaStreamSynchronize(on.get()) == cudaSuccess);
    CHECK(out.different_bytes(expected) == 0);
  }
}
