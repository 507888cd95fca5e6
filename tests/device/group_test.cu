// SPDX-License-Identifier: Apache-2.0
// The pieces that kernels are made of, each in a kernel of one thread.
#include <doctest/doctest.h>

#include <nibble/bf16.hpp>
#include <nibble/device/group.cuh>
#include <nibble/fp16.hpp>

#include "support/device_memory.cuh"

namespace {

using nibble::matrix_index;

__global__ void split_at(matrix_index const* g, matrix_index const* across, matrix_index* out, int count) {
  for (int i = 0; i < count; ++i) {
    auto const parts = nibble::device::split(g[i], across[i]);
    out[2 * i] = parts.row;
    out[2 * i + 1] = parts.rest;
  }
}

__global__ void round_trip(nibble::bf16 const* from, float* values, std::uint8_t* codes, bool* equal) {
  float loaded[16];
  nibble::device::load_vectors(from, loaded);
  nibble::packed<nibble::fp4_e2m1, 16> packed{};
  for (int i = 0; i < 16; ++i) {
    values[i] = loaded[i];
    packed.set(i, nibble::fp4_e2m1::from_bits(i));
  }
  nibble::device::store_codes<true>(packed, codes);
  auto const wide = nibble::device::load_codes<true, nibble::fp4_e2m1, 16>(codes);
  auto const narrow = nibble::device::load_codes<false, nibble::fp4_e2m1, 16>(codes);
  *equal = true;
  for (int i = 0; i < 8; ++i) {
    *equal = *equal && wide.bytes()[i] == packed.bytes()[i] && narrow.bytes()[i] == packed.bytes()[i];
  }
}

/// N numbers as load_vectors has them.
template <std::size_t N, class T>
__global__ void load(T const* numbers, float* values) {
  float loaded[N];
  nibble::device::load_vectors(numbers, loaded);
  for (std::size_t i = 0; i < N; ++i) values[i] = loaded[i];
}

template <std::size_t N, class T>
int wrong_loads() {
  std::vector<T> host(N + 32);
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = T(static_cast<float>(i) * 0.25f - 3.0f);
  fixture::device_vector<T> const numbers(host.begin(), host.end());
  int wrong = 0;
  for (std::size_t first = 0; first <= 32; first += 16 / sizeof(T)) {
    fixture::device_vector<float> values(N);
    load<N><<<1, 1>>>(numbers.data() + first, values.data());
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    for (std::size_t i = 0; i < N; ++i) wrong += values[i] != static_cast<float>(host[first + i]);
  }
  return wrong;
}

}  // namespace

TEST_CASE("vectors of every type and of 16 bytes to 128 load in order, on 32 bytes and on 16") {
  if (!fixture::has_device()) return;
  CHECK(wrong_loads<8, nibble::bf16>() == 0);
  CHECK(wrong_loads<16, nibble::bf16>() == 0);
  CHECK(wrong_loads<16, nibble::fp16>() == 0);
  CHECK(wrong_loads<32, nibble::fp16>() == 0);
  CHECK(wrong_loads<4, float>() == 0);
  CHECK(wrong_loads<8, float>() == 0);
  CHECK(wrong_loads<16, float>() == 0);
}

// bugs: E3
TEST_CASE("an index splits into row and rest, on both sides of 32 bits") {
  if (!fixture::has_device()) return;
  std::vector<matrix_index> const g{0, 6, 7, (1ll << 32) - 1, 1ll << 32, (1ll << 40) + 12345};
  std::vector<matrix_index> const across{7, 7, 7, 1000, 1000, (1ll << 33) + 1};
  fixture::device_vector<matrix_index> const a(g.begin(), g.end()), b(across.begin(), across.end());
  fixture::device_vector<matrix_index> out(2 * g.size());
  split_at<<<1, 1>>>(a.data(), b.data(), out.data(), static_cast<int>(g.size()));
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  for (std::size_t i = 0; i < g.size(); ++i) {
    CHECK(out[2 * i] == g[i] / across[i]);
    CHECK(out[2 * i + 1] == g[i] % across[i]);
  }
}

TEST_CASE("vectors load in order and codes go out and back, wide or narrow") {
  if (!fixture::has_device()) return;
  std::vector<nibble::bf16> host(16);
  for (int i = 0; i < 16; ++i) host[static_cast<std::size_t>(i)] = nibble::bf16(static_cast<float>(i) - 7.5f);
  fixture::device_vector<nibble::bf16> const from(host.begin(), host.end());
  fixture::device_vector<float> values(16);
  fixture::device_vector<std::uint8_t> codes(8);
  fixture::device_vector<bool> equal(1);
  round_trip<<<1, 1>>>(from.data(), values.data(), codes.data(), equal.data());
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  for (int i = 0; i < 16; ++i) CHECK(values[i] == static_cast<float>(i) - 7.5f);
  CHECK(equal[0]);
  CHECK(codes[0] == 0x10);
}
