// SPDX-License-Identifier: Apache-2.0
// Products of small integers through cuBLASLt, in both element types and all four ways that operands may
// lie, against plain sums; what cuBLASLt cannot do is a status.
#include <doctest/doctest.h>

#include <vector>

#include <nibble/bf16.hpp>
#include <nibble/cublas/product.cuh>

#include "support/device_memory.cuh"

namespace {

using namespace nibble;
using device::status;

/// An integer from -8 to 8 that tells places apart.
int entry(int seed, int i, int k) { return (i * 7 + k * 5 + seed * 3 + i * k) % 17 - 8; }

template <class T>
T* raw(fixture::device_vector<T>& v) {
  return v.data();
}

/// rows x depth as T, k by k or turned.
template <class T, class Make>
fixture::device_vector<T> filled(int seed, int rows, int depth, int pitch, bool is_turned,
                                 Make const& make) {
  std::vector<T> host(static_cast<std::size_t>(pitch * (is_turned ? depth : rows)), make(3));
  for (int i = 0; i < rows; ++i) {
    for (int k = 0; k < depth; ++k) {
      host[static_cast<std::size_t>(is_turned ? k * pitch + i : i * pitch + k)] = make(entry(seed, i, k));
    }
  }
  return {host.begin(), host.end()};
}

int sum_of(int i, int j, int depth) {
  int sum = 0;
  for (int k = 0; k < depth; ++k) sum += entry(1, i, k) * entry(2, j, k);
  return sum;
}

bf16 as_bf16(int value) { return bf16(static_cast<float>(value)); }

}  // namespace

TEST_CASE("an address is aligned to the largest power of two up to 256 that divides it") {
  CHECK(cublas::detail::alignment_of(nullptr) == 256);
  CHECK(cublas::detail::alignment_of(reinterpret_cast<void*>(4096)) == 256);
  CHECK(cublas::detail::alignment_of(reinterpret_cast<void*>(4096 + 16)) == 16);
  CHECK(cublas::detail::alignment_of(reinterpret_cast<void*>(4096 + 2)) == 2);
}

TEST_CASE("bf16 operands, straight or turned: alpha A B^T + beta D + bias") {
  if (!fixture::has_device()) return;
  cublas::handle const handle;
  REQUIRE(handle.state() == status::success);
  fixture::device_vector<std::uint8_t> workspace(cublas::workspace_bytes);
  int const rows = 21, columns = 40, depth = 48;
  for (bool const turn_a : {false, true}) {
    for (bool const turn_b : {false, true}) {
      for (bool const is_float : {false, true}) {
        auto a = filled<bf16>(1, rows, depth, turn_a ? 24 : 64, turn_a, as_bf16);
        auto b = filled<bf16>(2, columns, depth, 48, turn_b, as_bf16);
        fixture::device_vector<float> scalars(2), bias(40), out(21 * 48, 6.0f);
        fixture::device_vector<bf16> narrow(21 * 48, as_bf16(6));
        scalars[0] = 0.5f, scalars[1] = 2.0f;
        for (int j = 0; j < columns; ++j) bias[static_cast<std::size_t>(j)] = static_cast<float>(j);
        cublas::product p{};
        p.what = cublas::elements::bf16;
        p.is_float_out = is_float;
        p.rows = rows, p.columns = columns, p.depth = depth;
        p.a = {raw(a), turn_a ? 24 : 64, nullptr, turn_a};
        p.b = {raw(b), 48, nullptr, turn_b};
        p.out = is_float ? static_cast<void*>(raw(out)) : raw(narrow);
        p.out_pitch = 48;
        p.scalars = raw(scalars);
        p.bias = is_float ? raw(bias) : nullptr;
        REQUIRE(cublas::multiply(handle, cudaStream_t{}, p, raw(workspace)) == status::success);
        REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
        auto const floats = fixture::copied(out);
        auto const halves = fixture::copied(narrow);
        int wrong = 0;
        for (int i = 0; i < rows; ++i) {
          for (int j = 0; j < 48; ++j) {
            auto const at = static_cast<std::size_t>(i * 48 + j);
            float want = 6.0f;
            if (j < columns) want = 0.5f * static_cast<float>(sum_of(i, j, depth)) + 12 + (is_float ? static_cast<float>(j) : 0.0f);
            wrong += is_float ? floats[at] != want : halves[at].bits() != bf16(want).bits();
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("int8 operands give int32 sums") {
  if (!fixture::has_device()) return;
  cublas::handle const handle;
  fixture::device_vector<std::uint8_t> workspace(cublas::workspace_bytes);
  auto const as_int8 = [](int value) { return static_cast<std::int8_t>(value * 15); };
  auto a = filled<std::int8_t>(1, 16, 96, 112, false, as_int8), b = filled<std::int8_t>(2, 32, 96, 96, false, as_int8);
  fixture::device_vector<std::int32_t> out(16 * 48, -1);
  cublas::product p{};
  p.what = cublas::elements::int8;
  p.rows = 16, p.columns = 32, p.depth = 96;
  p.a = {raw(a), 112};
  p.b = {raw(b), 96};
  p.out = raw(out);
  p.out_pitch = 48;
  REQUIRE(cublas::multiply(handle, cudaStream_t{}, p, raw(workspace)) == status::success);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  int wrong = 0;
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 48; ++j) {
      wrong += out[static_cast<std::size_t>(i * 48 + j)] != (j < 32 ? 225 * sum_of(i, j, 96) : -1);
    }
  }
  CHECK(wrong == 0);
}

// bugs: G3
TEST_CASE("an NVFP4 product is described in full, and a GPU without it says that it has no algorithm") {
  cublas::product p{};
  p.what = cublas::elements::nvfp4;
  p.is_float_out = true;
  p.rows = 128, p.columns = 128, p.depth = 256;
  auto* const somewhere = reinterpret_cast<void*>(4096);
  p.a = p.b = {somewhere, 256, somewhere};
  p.out = somewhere;
  p.out_pitch = 128;
  p.scalars = static_cast<float const*>(somewhere);
  CHECK(cublas::detail::describe(p).is_good);
  if (!fixture::has_device()) return;
  cublas::handle const handle;
  if (handle.multiplies_nvfp4()) return;
  CHECK(cublas::multiply(handle, cudaStream_t{}, p, nullptr) == status::no_algorithm);
}

TEST_CASE("without a handle there is no product") {
  cublas::handle first;
  cublas::handle const second(std::move(first));
  CHECK(cublas::multiply(first, cudaStream_t{}, cublas::product{}, nullptr) == status::cublas_failed);
}
