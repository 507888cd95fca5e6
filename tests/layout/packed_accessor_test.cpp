// SPDX-License-Identifier: Apache-2.0
// Packed elements behind an mdspan: reading, writing, references that assign values, const views.
#include <nibble/layout/packed_accessor.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <nibble/block.hpp>

using namespace nibble;
using layout::packed_accessor;
using layout::packed_pointer;

namespace {

template <class T>
using packed_view = cuda::std::mdspan<T, cuda::std::dextents<std::int64_t, 2>,
                                      cuda::std::layout_right, packed_accessor<T>>;

static_assert(std::is_convertible_v<packed_accessor<fp4_e2m1>, packed_accessor<fp4_e2m1 const>>);
static_assert(!std::is_convertible_v<packed_accessor<fp4_e2m1 const>, packed_accessor<fp4_e2m1>>);
static_assert(!std::is_assignable_v<layout::packed_reference<fp4_e2m1 const>, fp4_e2m1>);
static_assert(!std::is_assignable_v<layout::packed_reference<fp4_e2m1 const> const&,
                                    layout::packed_reference<fp4_e2m1 const> const&>);
static_assert(std::is_assignable_v<layout::packed_reference<fp4_e2m1>, fp4_e2m1>);

// Element 0 is the low nibble: codes 1 to 8 lie as 21 43 65 87.
constexpr bool known_order() {
  std::uint8_t bytes[4]{};
  packed_accessor<fp4_e2m1> const accessor;
  for (int i = 0; i < 8; ++i) {
    accessor.access(packed_pointer<fp4_e2m1>(bytes), static_cast<std::size_t>(i)) =
        fp4_e2m1::from_bits(i + 1);
  }
  for (int i = 0; i < 8; ++i) {  // to the last one: a read past the bytes does not compile
    fp4_e2m1 const read =
        accessor.access(packed_pointer<fp4_e2m1>(bytes), static_cast<std::size_t>(i));
    if (read.bits() != static_cast<unsigned>(i) + 1) return false;
  }
  return bytes[0] == 0x21 && bytes[1] == 0x43 && bytes[2] == 0x65 && bytes[3] == 0x87;
}
static_assert(known_order());

static_assert(packed_pointer<fp4_e2m1>{}.bytes == nullptr && packed_pointer<fp4_e2m1>{}.first == 0);

// A width that crosses a byte by a single bit.
class fp5_e2m2 : public number<fp5_e2m2, format::float_format{2, 2, 1}> {
  using number::number;
};

/// Writes a pattern element by element through a view, reads it back, and compares the bytes with
/// those of nibble::packed and the guards around them with what they were.
template <class T>
int violations() {
  constexpr int rows = 6, columns = 8;
  std::vector<std::uint8_t> buffer(rows * columns + 2, 0xAA);
  packed_view<T> const view(packed_pointer<T>(buffer.data() + 1), rows, columns);
  packed<T, rows * columns> expected{};
  int wrong = 0;
  // In an order that visits neighbours out of turn, so that a write that spills would show.
  for (int k = 0; k < rows * columns; ++k) {
    int const i = k * 29 % (rows * columns);
    T const value = T::from_bits((i * 7 + 3) & static_cast<int>(T::format.mask()));
    view(i / columns, i % columns) = value;
    expected.set(i, value);
  }
  for (int i = 0; i < rows * columns; ++i) {
    T const read = view(i / columns, i % columns);
    wrong += read.bits() == expected[i].bits() ? 0 : 1;
  }
  for (std::size_t i = 0; i != expected.size_bytes; ++i) {
    wrong += buffer[i + 1] == expected.bytes()[i] ? 0 : 1;
  }
  wrong += buffer.front() == 0xAA && buffer[expected.size_bytes + 1] == 0xAA ? 0 : 1;
  return wrong;
}

}  // namespace

TEST_CASE("views of 4, 5, 6 and 8 bits read and write the bytes of packed, and no others") {
  CHECK(violations<fp4_e2m1>() == 0);
  CHECK(violations<fp5_e2m2>() == 0);
  CHECK(violations<fp6_e2m3>() == 0);
  CHECK(violations<fp6_e3m2>() == 0);
  CHECK(violations<fp8_e4m3>() == 0);
}

TEST_CASE("assigning one element to another assigns its value, within a byte and across rows") {
  std::uint8_t bytes[4] = {0x21, 0x43, 0x65, 0x87};
  packed_view<fp4_e2m1> const a(packed_pointer<fp4_e2m1>(bytes), 2, 4);
  a(0, 0) = a(0, 1);
  CHECK(bytes[0] == 0x22);
  a(1, 3) = a(0, 2);
  CHECK(bytes[3] == 0x37);
  auto const reference = a(0, 0);
  a(0, 0) = fp4_e2m1::from_bits(9);
  CHECK(static_cast<fp4_e2m1>(reference).bits() == 9);
  CHECK(static_cast<float>(a(0, 0)) == -0.5f);
}

TEST_CASE("a mutable view becomes a read-only one, which sees later writes") {
  std::uint8_t bytes[2] = {0x10, 0x32};
  packed_view<fp4_e2m1> const a(packed_pointer<fp4_e2m1>(bytes), 1, 4);
  packed_view<fp4_e2m1 const> const b(a);
  a(0, 2) = fp4_e2m1(6.0f);
  fp4_e2m1 const read = b(0, 2);
  CHECK(read.bits() == 7);
}

// bugs: E1
TEST_CASE("offsets beyond 2^32 elements count in 64 bits") {
  constexpr packed_accessor<fp4_e2m1 const> accessor;
  constexpr std::size_t far = std::size_t{1} << 40;
  constexpr packed_pointer<fp4_e2m1 const> start(nullptr, 5);
  static_assert(accessor.offset(start, far).first == (std::int64_t{1} << 40) + 5);
  // A pointer whose base lies 2^40 elements before the buffer: the index brings it back.
  std::uint8_t const bytes[1] = {0x42};
  packed_pointer<fp4_e2m1 const> const before(bytes, -(std::int64_t{1} << 40));
  fp4_e2m1 const read = accessor.access(before, far + 1);
  CHECK(read.bits() == 4);
}
