// SPDX-License-Identifier: Apache-2.0
// A kernel as the interpreter runs it: instructions over slots, each of which holds a value of every lane.
#pragma once

#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "machine.hpp"

namespace interpreter {

inline constexpr unsigned lanes = 32;
inline constexpr unsigned all_lanes = 0xFFFF'FFFFu;

/// A register of a warp: raw bits, of which those of the register's type count.
using slot = std::array<std::uint64_t, lanes>;

// Where an address lies stands in its upper bits, so that one number tells all state spaces apart: those of
// global memory are the processor's own.
inline constexpr std::uint64_t space_bits = std::uint64_t{0xF} << 60;
inline constexpr std::uint64_t shared_space = std::uint64_t{1} << 60;
inline constexpr std::uint64_t local_space = std::uint64_t{2} << 60;
inline constexpr std::uint64_t parameter_space = std::uint64_t{3} << 60;
/// An address in the shared memory of block r of a cluster: (r + 1) << rank_shift | offset; without a rank, one's own.
inline constexpr unsigned rank_shift = 24;
/// Where shared memory begins: as on a GPU not at 0.
inline constexpr std::uint32_t first_shared = 1024;

[[nodiscard]] constexpr std::size_t rounded_up(std::size_t a, std::size_t multiple) {
  return (a + multiple - 1) / multiple * multiple;
}

struct warp;
struct instruction;
using handler = void (*)(warp&, instruction const&, unsigned mask);

enum class flow : std::uint8_t {
  next,           // goes on with the next instruction
  branch,         // lanes whose guard holds go to `target`
  exit,           // the lanes end
  converged,      // waits for all lanes that take part, then goes on
  block_barrier,  // waits for the threads of the block
  cluster_wait,   // waits for the phase of the cluster's barrier
  poll,           // where no lane gets a yes, other lanes go first, and then other warps
};

struct instruction {
  handler run = nullptr;
  handler inner = nullptr;           // what `run` calls
  std::vector<std::uint32_t> slots;  // destinations first
  std::int64_t offset = 0;           // of an address, or a number that the handler takes
  std::int64_t second_offset = 0;    // of a second address
  std::uint32_t target = 0;          // of a branch
  std::uint32_t guard = 0;           // a slot with a predicate, where has_guard
  std::uint32_t members = 0;         // a slot with the lanes that take part, where has_members
  flow kind = flow::next;
  bool has_guard = false, is_guard_negated = false, has_members = false;
  std::uint8_t shape = 0;  // what else a handler must know
  std::string_view text;
};

/// A value that is the same for each lane, in a slot of its own.
struct constant {
  std::uint32_t slot;
  std::uint64_t value;
};

enum class special : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  cluster_ctarank,
  cluster_nctarank,
  lanemask_lt,
  lanemask_le,
  lanemask_gt,
  lanemask_ge,
  lanemask_eq,
  dynamic_shared,
};

struct special_slot {
  std::uint32_t slot;
  special what;
};

struct parameter {
  std::string_view name;
  std::size_t offset, size;
};

struct program {
  std::string name;
  std::vector<instruction> code;
  unsigned most_threads = 1024;  // in a block
  std::uint32_t slot_count = 0;
  std::vector<constant> constants;
  std::vector<special_slot> specials;
  std::vector<parameter> parameters;
  std::size_t parameter_bytes = 0, local_bytes = 0,
              shared_bytes = 0;  // shared: from first_shared on
  std::uint32_t dynamic_alignment = 16;
  std::vector<std::uint32_t> dynamic_slots;  // slots that hold the address of dynamic shared memory
};

/// Lanes of a warp that are at the same instruction.
struct path {
  std::uint32_t at = 0;
  unsigned mask = 0;
  bool is_waiting = false;  // for other lanes
  bool is_polling = false;  // has asked in vain for what others do
};

struct asynchronous_copy {
  std::uint64_t to, from;
  std::uint32_t bytes, read;
};

struct block;

struct warp {
  block* of = nullptr;
  std::vector<slot> file;
  std::vector<path> paths;
  std::vector<std::byte> local;  // lane by lane, each with local_bytes
  std::size_t local_bytes = 0;
  unsigned live = 0;
  unsigned first_thread = 0;
  enum class state : std::uint8_t {
    ready,
    at_block_barrier,
    at_cluster_barrier,
    ended
  } now = state::ready;
  unsigned barrier = 0;      // which one it waits at
  bool has_arrived = false;  // at the cluster's barrier
  std::array<std::vector<std::vector<asynchronous_copy>>, lanes>
      copies;  // groups; the last one is open

  slot& operator[](std::uint32_t i) { return file[i]; }
};

/// Of a block: words of 32 bits at address lane << 16 | column.
struct tensor_memory {
  static constexpr std::uint32_t columns = 512;
  static constexpr std::uint32_t nothing_yet = ~0u;  // a NaN as a sum, and as scales of any kind
  std::vector<std::array<std::uint32_t, columns>> words;  // by lane
  std::map<std::uint32_t, std::uint32_t> taken;           // first column: how many
  bool may_take = true;

  tensor_memory() : words(128) {
    for (auto& lane : words) lane.fill(nothing_yet);
  }
  [[nodiscard]] bool is_taken(std::uint32_t column) const {
    auto const after = taken.upper_bound(column);
    if (after == taken.begin()) return false;
    auto const& [first, count] = *std::prev(after);
    return column - first < count;
  }
};

struct cluster;

struct block {
  cluster* of = nullptr;
  dimensions index;
  unsigned rank = 0;  // in the cluster
  std::vector<std::byte> shared;
  std::vector<warp> warps;
  std::array<unsigned, 16> arrived{};     // threads at each barrier
  std::unique_ptr<tensor_memory> tensor;  // null: none was asked for
};

struct cluster {
  program const* code = nullptr;
  launch_shape shape;
  std::vector<std::byte> parameters;
  std::vector<block> blocks;
  std::uint64_t barrier_changes = 0;  // of mbarriers: without one whoever polls them polls in vain
};

/// The allocation that was touched last, forgotten when any is released: most accesses are to it.
struct found_allocation {
  std::uint64_t first = 0, end = 0;
};
inline thread_local found_allocation last_found;

/// Where `bytes` bytes (a power of two) at an address lie. Throws fault where a thread may not touch them.
std::byte* locate_anywhere(warp& w, unsigned lane, std::uint64_t address, std::size_t bytes);

inline std::byte* locate(warp& w, unsigned lane, std::uint64_t address, std::size_t bytes) {
  if ((address & (bytes - 1)) == 0) {
    if (address >= last_found.first && address + bytes <= last_found.end)
      return reinterpret_cast<std::byte*>(address);
    std::uint64_t const offset = address ^ shared_space;
    if (offset >= first_shared && offset + bytes <= w.of->shared.size())
      return w.of->shared.data() + offset;
    std::uint64_t const here = address ^ local_space;
    if (here < w.local_bytes && bytes <= w.local_bytes - here)
      return w.local.data() + lane * w.local_bytes + here;
  }
  return locate_anywhere(w, lane, address, bytes);
}

// --- values of lanes --------------------------------------------------------------------------------

template <class T>
[[nodiscard]] inline T value(std::uint64_t raw) {
  if constexpr (std::is_same_v<T, bool>) {
    return raw != 0;
  } else {
    T result;
    std::memcpy(&result, &raw, sizeof(T));  // the low bits
    return result;
  }
}

template <class T>
[[nodiscard]] inline std::uint64_t raw(T const& of) {
  std::uint64_t result = 0;
  std::memcpy(&result, &of, sizeof(T));
  return result;
}

template <class Result, class F, class... T>
void each_lane(warp& w, instruction const& i, unsigned mask) {
  std::uint32_t const* const s = i.slots.data();
  std::uint64_t* const to = w[s[0]].data();
  auto const apply = [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::array<std::uint64_t const*, sizeof...(T)> const from{w[s[I + 1]].data()...};
    if (mask == all_lanes) {
      for (unsigned l = 0; l < lanes; ++l) to[l] = raw<Result>(F{}(value<T>(from[I][l])...));
    } else {
      for (unsigned l = 0; l < lanes; ++l) {
        if (mask >> l & 1) to[l] = raw<Result>(F{}(value<T>(from[I][l])...));
      }
    }
  };
  apply(std::index_sequence_for<T...>{});
}

/// For instructions that order what is done in order anyway.
inline void nothing(warp&, instruction const&, unsigned) {}

/// What calls f(T...) for each lane and keeps its result, a Result.
template <class Result, class... T, class F>
[[nodiscard]] constexpr handler lanewise(F) {
  return &each_lane<Result, F, T...>;
}

/// What made(f) gives for the operation of two values of T that the name says; null for other names.
template <class T, class Make>
[[nodiscard]] handler with_operation(std::string_view name, Make const& made) {
  if (name == "min") return made([](T a, T b) { return b < a ? b : a; });
  if (name == "max") return made([](T a, T b) { return a < b ? b : a; });
  if constexpr (std::is_integral_v<T>) {
    if (name == "add") {  // integers wrap
      return made([](T a, T b) {
        return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
      });
    }
    if (name == "and") return made([](T a, T b) { return static_cast<T>(a & b); });
    if (name == "or") return made([](T a, T b) { return static_cast<T>(a | b); });
    if (name == "xor") return made([](T a, T b) { return static_cast<T>(a ^ b); });
  } else {
    if (name == "add") return made([](T a, T b) { return a + b; });
  }
  return nullptr;
}

// --- from text to instructions ----------------------------------------------------------------------

struct operand {
  enum class kind : std::uint8_t { one, address, list, label } is = kind::one;
  std::uint32_t slot = 0;
  std::uint32_t second = 0;  // p|q, where has_second
  bool has_second = false, is_negated = false;
  std::int64_t offset = 0;     // of an address
  std::vector<operand> parts;  // of a list
  std::string_view label;
};

/// An instruction's name in its parts, and what it is given.
struct statement {
  std::string_view text;
  std::vector<std::string_view> name;  // add, rn, f32
  std::vector<operand> operands;

  [[nodiscard]] bool has(std::string_view part) const {
    for (auto const& p : name) {
      if (p == part) return true;
    }
    return false;
  }
  [[nodiscard]] std::string_view type() const { return name.back(); }
};

// Each fills `to` where the statement is of its kind, and otherwise returns false.
bool translate_arithmetic(statement const& s, instruction& to);
bool translate_conversion(statement const& s, instruction& to);
bool translate_memory(statement const& s, instruction& to);
bool translate_collective(statement const& s, instruction& to);
bool translate_tensor(statement const& s, instruction& to);
bool translate_tcgen05(statement const& s, instruction& to);

/// The slots of all operands, lists opened, then q of p|q; addresses leave their offset in `to`.
void take_slots(statement const& s, instruction& to);

}  // namespace interpreter
