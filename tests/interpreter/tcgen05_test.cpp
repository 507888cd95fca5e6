// SPDX-License-Identifier: Apache-2.0
// The interpreter's tcgen05: products under each permutation and kind of scales, and what it refuses.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nibble/mma/tcgen05.hpp>

#include "interpreter/machine.hpp"

namespace {

using interpreter::fault;

/// What a kernel multiplies: 128x64 codes by 64x48 in tiles of shared memory, and how it is told of them.
struct task {
  std::uint64_t a = 0, b = 0, scales = 0;  // matrix descriptors without their addresses
  std::uint32_t instruction = 0;
  std::vector<std::uint8_t> codes_a, codes_b, scale_bytes;  // as they lie in shared memory
  std::string text;
};

constexpr std::uint32_t rows = 128, columns = 48, depth = 64;

/// A block of 128 threads. The lanes that wait stand in front of the one that starts the work.
constexpr std::string_view kernel_text = R"(
.version 9.0
.target sm_100a
.address_size 64
.visible .entry product(.param .u64 p_a, .param .u64 p_b, .param .u64 p_s, .param .u64 p_d,
  .param .u64 a, .param .u64 b, .param .u64 s, .param .u32 i)
.maxntid 128
{
  .reg .pred %p<9>;
  .reg .b32 %r<40>;
  .reg .f32 %f<9>;
  .reg .b64 %rd<40>;
  .shared .align 1024 .b8 of_a[16384];
  .shared .align 1024 .b8 of_b[16384];
  .shared .align 128 .b8 of_s[1024];
  .shared .align 8 .b8 done[8];
  .shared .align 4 .b8 base[4];
  mov.u32 %r0, %tid.x;
  ld.param.u64 %rd0, [p_a];
  ld.param.u64 %rd1, [p_b];
  ld.param.u64 %rd2, [p_s];
  ld.param.u64 %rd3, [p_d];
  mov.u32 %r1, of_a;
  mov.u32 %r2, of_b;
  mov.u32 %r3, of_s;
  mov.u32 %r4, done;
  mov.u32 %r5, base;
  shl.b32 %r6, %r0, 2;
copy_tiles:
  cvt.u64.u32 %rd4, %r6;
  add.u64 %rd5, %rd0, %rd4;
  ld.global.b32 %r7, [%rd5];
  add.u32 %r8, %r1, %r6;
  st.shared.b32 [%r8], %r7;
  add.u64 %rd5, %rd1, %rd4;
  ld.global.b32 %r7, [%rd5];
  add.u32 %r8, %r2, %r6;
  st.shared.b32 [%r8], %r7;
  setp.ge.u32 %p1, %r6, 1024;
  @%p1 bra no_scales;
  add.u64 %rd5, %rd2, %rd4;
  ld.global.b32 %r7, [%rd5];
  add.u32 %r8, %r3, %r6;
  st.shared.b32 [%r8], %r7;
no_scales:
  add.u32 %r6, %r6, 512;
  setp.lt.u32 %p1, %r6, 16384;
  @%p1 bra copy_tiles;
  shr.u32 %r9, %r0, 5;
  setp.ne.u32 %p2, %r9, 0;
  @%p2 bra is_allocated;
  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r5], 128;
  tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;
is_allocated:
  setp.eq.u32 %p3, %r0, 0;
  @%p3 mbarrier.init.shared::cta.b64 [%r4], 1;
  fence.proxy.async.shared::cta;
  tcgen05.fence::before_thread_sync;
  bar.sync 0;
  tcgen05.fence::after_thread_sync;
  ld.shared.b32 %r10, [%r5];
  @%p3 bra start;
wait:
  mbarrier.try_wait.parity.shared::cta.b64 %p4, [%r4], 0;
  @!%p4 bra wait;
  bra is_done;
start:
  shr.u32 %r11, %r1, 4;
  cvt.u64.u32 %rd6, %r11;
  ld.param.u64 %rd7, [a];
  add.u64 %rd7, %rd7, %rd6;
  shr.u32 %r11, %r2, 4;
  cvt.u64.u32 %rd6, %r11;
  ld.param.u64 %rd8, [b];
  add.u64 %rd8, %rd8, %rd6;
  shr.u32 %r11, %r3, 4;
  cvt.u64.u32 %rd6, %r11;
  ld.param.u64 %rd9, [s];
  add.u64 %rd9, %rd9, %rd6;
  add.u64 %rd10, %rd9, 32;
  ld.param.u32 %r12, [i];
  add.u32 %r13, %r10, 64;
  add.u32 %r14, %r10, 68;
  tcgen05.cp.cta_group::1.32x128b.warpx4 [%r13], %rd9;
  tcgen05.cp.cta_group::1.32x128b.warpx4 [%r14], %rd10;
  setp.ne.u32 %p5, %r0, %r0;
  tcgen05.mma.cta_group::1.KIND [%r10], %rd7, %rd8, %r12, [%r13], [%r14], %p5;
  setp.eq.u32 %p5, %r0, %r0;
  tcgen05.mma.cta_group::1.KIND [%r10], %rd7, %rd8, %r12, [%r13], [%r14], %p5;
  tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%r4];
  bra wait;
is_done:
  tcgen05.fence::after_thread_sync;
  shl.b32 %r15, %r9, 21;
  add.u32 %r15, %r15, %r10;
  mov.u32 %r16, 0;
  mul.lo.u32 %r17, %r0, 192;
  cvt.u64.u32 %rd11, %r17;
  add.u64 %rd11, %rd3, %rd11;
load:
  tcgen05.ld.sync.aligned.32x32b.x8.b32 {%r20, %r21, %r22, %r23, %r24, %r25, %r26, %r27}, [%r15];
  tcgen05.wait::ld.sync.aligned;
  st.global.v4.b32 [%rd11], {%r20, %r21, %r22, %r23};
  st.global.v4.b32 [%rd11+16], {%r24, %r25, %r26, %r27};
  add.u64 %rd11, %rd11, 32;
  add.u32 %r15, %r15, 8;
  add.u32 %r16, %r16, 8;
  setp.lt.u32 %p6, %r16, 48;
  @%p6 bra load;
  tcgen05.fence::before_thread_sync;
  bar.sync 0;
  @%p2 bra end;
  tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r10, 128;
end:
  ret;
}
)";

std::string replaced(std::string_view text, std::string_view from, std::string_view by) {
  std::string made(text);
  REQUIRE(made.find(from) != std::string::npos);
  for (std::size_t at = 0; (at = made.find(from, at)) != std::string::npos; at += by.size())
    made.replace(at, from.size(), by);
  return made;
}

std::uint32_t drawn(std::uint32_t& seed) { return (seed = seed * 1664525u + 1013904223u) >> 16; }

double element(std::uint32_t code) {
  constexpr std::array<double, 8> magnitudes{0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return code & 8 ? -magnitudes[code & 7] : magnitudes[code & 7];
}

struct case_of {
  task given;
  std::vector<float> expected;  // of D = A B + A B
};

/// row_bytes: 16 where the tile is not permuted. first_byte: of the scales in their words.
case_of made(std::uint32_t row_bytes, std::uint32_t scale_count, bool is_e8m0,
             std::uint32_t first_byte = 0) {
  case_of made;
  std::uint32_t seed = row_bytes + scale_count;
  std::uint64_t const mode = row_bytes == 128 ? 2 : row_bytes == 64 ? 4 : row_bytes == 32 ? 6 : 0;
  std::uint64_t const to_columns = row_bytes == 16 ? 8192 : 16;
  made.given.a = to_columns >> 4 << 16 | std::uint64_t{8 * row_bytes / 16} << 32 |
                 std::uint64_t{1} << 46 | mode << 61;
  made.given.b = made.given.a;
  made.given.scales = std::uint64_t{128 >> 4} << 32 | std::uint64_t{1} << 46;
  made.given.instruction = first_byte << 4 | 1u << 7 | 1u << 10 | columns / 8 << 17 |
                           std::uint32_t{is_e8m0} << 23 | 1u << 27 | first_byte << 29;
  made.given.text = replaced(
      kernel_text, "KIND",
      scale_count == 4 ? "kind::mxf4nvf4.block_scale.block16" : "kind::mxf4.block_scale.block32");
  // Where piece p of 16 bytes of a row lies.
  auto const place = [&](std::uint32_t row, std::uint32_t p) {
    if (row_bytes == 16) return row / 8 * 128 + row % 8 * 16 + p * 8192;
    std::uint32_t const in_row = row_bytes / 16;
    return row * row_bytes + (p ^ (row * row_bytes / 128) % in_row) * 16;
  };
  made.given.codes_a.resize(16384);
  made.given.codes_b.resize(16384);
  made.given.scale_bytes.assign(1024, 0xEE);
  std::vector<double> a(rows * depth), b(columns * depth);
  auto const fill = [&](std::vector<std::uint8_t>& codes, std::uint32_t first_scale,
                        std::vector<double>& values) {
    for (std::uint32_t row = 0; row < values.size() / depth; ++row) {
      for (std::uint32_t k = 0; k < depth; ++k) {
        std::uint32_t const code = drawn(seed) % 16;
        codes[place(row, k / 32) + k % 32 / 2] |= static_cast<std::uint8_t>(code << (4 * (k % 2)));
        values[row * depth + k] = element(code);
      }
      for (std::uint32_t n = 0; n < scale_count; ++n) {
        std::uint32_t const drawn_scale = drawn(seed);
        std::uint32_t const code = is_e8m0 ? 125 + drawn_scale % 5 : 48 + drawn_scale % 16;
        double const scale = is_e8m0 ? std::ldexp(1.0, static_cast<int>(code) - 127)
                                     : std::ldexp(8 + code % 8, static_cast<int>(code / 8) - 10);
        made.given.scale_bytes[first_scale + row % 32 * 16 + row / 32 * 4 + first_byte + n] =
            static_cast<std::uint8_t>(code);
        for (std::uint32_t k = 0; k < depth / scale_count; ++k)
          values[row * depth + n * (depth / scale_count) + k] *= scale;
      }
    }
  };
  fill(made.given.codes_a, 0, a);
  fill(made.given.codes_b, 512, b);
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      double sum = 0;  // fits 24 bits
      for (std::uint32_t k = 0; k < depth; ++k) sum += a[row * depth + k] * b[column * depth + k];
      made.expected.push_back(static_cast<float>(2 * sum));
    }
  }
  return made;
}

std::vector<float> run(task const& given) {
  interpreter::module const module(given.text);
  auto const on_device = [](std::vector<std::uint8_t> const& bytes) {
    void* const copy = interpreter::allocate(bytes.size());
    std::memcpy(copy, bytes.data(), bytes.size());
    return copy;
  };
  std::vector<float> result(rows * columns);
  std::array<void*, 4> memory{on_device(given.codes_a), on_device(given.codes_b),
                              on_device(given.scale_bytes),
                              interpreter::allocate(result.size() * sizeof(float))};
  task values = given;
  std::array<void*, 8> const arguments{&memory[0], &memory[1], &memory[2],     &memory[3],
                                       &values.a,  &values.b,  &values.scales, &values.instruction};
  std::optional<fault> thrown;
  try {
    module.find("product")->run({{}, {rows, 1, 1}, {}, 0}, arguments.data());
  } catch (fault const& f) {
    thrown = f;
  }
  std::memcpy(result.data(), memory[3], result.size() * sizeof(float));
  for (void* const m : memory) interpreter::release(m);
  if (thrown) throw fault(*thrown);
  return result;
}

/// What a run is stopped with; empty where nothing stops it.
std::string stopped_with(task const& given) {
  try {
    run(given);
  } catch (fault const& f) {
    return f.what();
  }
  return "";
}

bool says(std::string const& text, std::string_view part) {
  INFO(text);
  bool const is_there = text.find(part) != std::string::npos;
  CHECK(is_there);
  return is_there;
}

std::string with_text(std::string_view from, std::string_view by) {
  task changed = made(128, 4, false).given;
  changed.text = replaced(changed.text, from, by);
  return stopped_with(changed);
}

}  // namespace

TEST_CASE("a product under each permutation is the sum of its products") {
  for (std::uint32_t const row_bytes : {16u, 32u, 64u, 128u}) {
    CAPTURE(row_bytes);
    auto const e4m3 = made(row_bytes, 4, false), e8m0 = made(row_bytes, 4, true);
    CHECK(run(e4m3.given) == e4m3.expected);
    CHECK(run(e8m0.given) == e8m0.expected);
    for (std::uint32_t const first_byte : {0u, 2u}) {
      auto const block32 = made(row_bytes, 2, true, first_byte);
      CHECK(run(block32.given) == block32.expected);
    }
  }
}

TEST_CASE("the library's descriptors are of the tiles and products that it says") {
  namespace tcgen05 = nibble::mma::tcgen05;
  using tcgen05::swizzle;
  auto const run_as_told = [](task told, std::uint64_t tile, std::uint32_t instruction) {
    told.a = told.b = tile;
    told.scales = tcgen05::scale_tile::descriptor(0);
    told.instruction = instruction;
    return run(told);
  };
  constexpr tcgen05::product_shape shape{128, 48};
  for (auto const how : {swizzle::bytes_32, swizzle::bytes_64, swizzle::bytes_128}) {
    std::uint32_t const row_bytes = how == swizzle::bytes_32   ? 32
                                    : how == swizzle::bytes_64 ? 64
                                                               : 128;
    CAPTURE(row_bytes);
    std::uint64_t const tile = tcgen05::shared_descriptor(0, 8 * row_bytes, how);
    auto const block16 = made(row_bytes, 4, false);
    CHECK(run_as_told(block16.given, tile, tcgen05::instruction_descriptor(shape)) ==
          block16.expected);
    for (int const place : {0, 2}) {
      auto const block32 = made(row_bytes, 2, true, static_cast<std::uint32_t>(place));
      CHECK(run_as_told(block32.given, tile,
                        tcgen05::instruction_descriptor(shape, true, place, place)) ==
            block32.expected);
    }
  }
}

TEST_CASE("64 elements further are two more in the descriptor of a permuted tile") {
  auto both = made(128, 4, false);
  // The same codes again in the third quarter of each row.
  for (auto* const codes : {&both.given.codes_a, &both.given.codes_b}) {
    std::vector<std::uint8_t> moved(codes->size());
    for (std::size_t i = 0; i < codes->size(); ++i) moved[i ^ 64] = (*codes)[i];
    *codes = moved;
  }
  both.given.a += 4;
  both.given.b += 4;
  CHECK(run(both.given) == both.expected);
  both.given.a += 3;
  says(stopped_with(both.given), "beyond the end");
}

TEST_CASE("each field of the instruction descriptor that stands for something else is refused") {
  task const right = made(128, 4, false).given;
  for (unsigned const bit : {0u,  1u,  2u,  3u,  4u,  5u,  6u,  7u,  8u,  9u,  10u, 11u, 12u,
                             13u, 14u, 15u, 16u, 24u, 25u, 26u, 27u, 28u, 29u, 30u, 31u}) {
    CAPTURE(bit);
    task wrong = right;
    wrong.instruction ^= 1u << bit;
    says(stopped_with(wrong), "an instruction descriptor ");
  }
  task wrong = right;
  wrong.instruction &= ~(63u << 17);
  says(stopped_with(wrong), "an N of 0");
  wrong.instruction |= 33u << 17;
  says(stopped_with(wrong), "an N of 264");
  wrong = made(128, 2, true).given;
  wrong.instruction ^= 1u << 23;
  says(stopped_with(wrong), "with E4M3 scales");
  wrong.instruction ^= 1u << 23 | 1u << 4;
  says(stopped_with(wrong), "begin at byte 1");
}

TEST_CASE("each field of a matrix descriptor that stands for something else is refused") {
  task const right = made(128, 4, false).given;
  for (unsigned const bit :
       {14u, 15u, 30u, 31u, 46u, 47u, 48u, 49u, 50u, 51u, 52u, 53u, 57u, 60u, 61u}) {
    CAPTURE(bit);
    task wrong = right;
    wrong.a ^= std::uint64_t{1} << bit;
    says(stopped_with(wrong), "a matrix descriptor ");
    wrong.a = right.a;
    wrong.scales ^= std::uint64_t{1} << bit;
    says(stopped_with(wrong), "a matrix descriptor ");
  }
  task wrong = right;
  wrong.a += 128 / 16;
  says(stopped_with(wrong), "not at the permutation's beginning");
  wrong = right;
  wrong.b ^= std::uint64_t{1} << 32;
  says(stopped_with(wrong), "not at the permutation's beginning");
  wrong = right;
  wrong.b += std::uint64_t{64} << 34;
  says(stopped_with(wrong), "out of bounds");
  wrong = right;
  wrong.scales = right.a;
  says(stopped_with(wrong), "copy of a permuted tile");
}

TEST_CASE("tensor memory is taken once, reached where it is taken, and given back") {
  CHECK(with_text(", 128;", ", 128;").empty());
  says(with_text("[%r5], 128;", "[%r5], 96;"), "of 96 columns");
  says(with_text("[%r5], 128;", "[%r5], 1024;"), "of 1024 columns");
  says(with_text("%r10, 128;", "%r10, 64;"), "not what was allocated");
  says(with_text("tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r10, 128;", ""),
       "without giving back");
  says(with_text("add.u32 %r14, %r10, 68;", "add.u32 %r14, %r10, 126;"), "not allocated");
  says(with_text("add.u32 %r14, %r10, 68;", "mov.u32 %r14, 68;"), "not allocated");
  says(with_text("shl.b32 %r15, %r9, 21;", "mov.u32 %r15, 0;"), "by a warp that reaches");
  says(with_text(
           "[%r5], 128;",
           "[%r5], 128;\n tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r5], 512;"),
       "more tensor memory than is free");
  std::string const alloc = "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r5], 32;";
  says(with_text("is_allocated:", alloc + "is_allocated:"), "gave up its permit");
}

TEST_CASE("who waits for what nobody does is stopped") {
  says(
      with_text("tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%r4];", ""),
      "for threads that do not come");
  says(with_text("[%r4], 1;", "[%r4], 2;"), "for threads that do not come");
  says(with_text("@%p3 mbarrier.init.shared::cta.b64 [%r4], 1;", ""), "no mbarrier");
  says(with_text("@%p3 mbarrier.init", "mbarrier.init"), "where there is one already");
  says(with_text("[%r4], 1;", "[%r4], 0;"), "for 0 arrivals");
  says(with_text("[%r4], 0;\n  @!%p4", "[%r4], 2;\n  @!%p4"), "a parity");
}
