// SPDX-License-Identifier: Apache-2.0
// Loads, stores, atomics and copies between state spaces.
#include <algorithm>
#include <bit>

#include "program.hpp"

namespace interpreter {
namespace {

constexpr std::uint64_t offset_bits = 0xFFFF'FFFFu;

/// Stands for a named global space where generic addresses have none: no address has these bits.
constexpr std::uint64_t global_only = std::uint64_t{8} << 60;

/// The space that an instruction names, as the upper bits of an address; global and generic addresses have them.
std::uint64_t space_of(statement const& s) {
  for (auto const& part : s.name) {
    if (part.starts_with("shared")) return shared_space;
    if (part == "local") return local_space;
    if (part.starts_with("param")) return parameter_space;
  }
  return 0;
}

std::uint64_t in_space(std::uint64_t address, std::uint64_t space) {
  // A function's parameters are named as such, and lie elsewhere.
  bool const is_elsewhere = space == parameter_space && (address & space_bits) == local_space;
  return space == 0 || is_elsewhere ? address : space | (address & offset_bits);
}

/// Calls body(lane, bytes) for the lanes of the mask, with where the address of each lies.
template <std::size_t Bytes, class Body>
void for_each_place(warp& w, slot const& addresses, std::uint64_t offset, std::uint64_t space,
                    unsigned mask, Body const& body) {
  slot at;
  for (unsigned l = 0; l < lanes; ++l)
    at[l] = in_space(addresses[l] + offset, space == global_only ? 0 : space);
  if (space == global_only) {
    for (unsigned l = 0; l < lanes; ++l) {
      if ((mask >> l & 1) && (at[l] & space_bits) != 0)
        throw fault("lane " + std::to_string(l) + ": an address of another space than global");
    }
  }
  // Mostly all are in one allocation, which is looked at once.
  std::uint64_t const one = at[static_cast<unsigned>(std::countr_zero(mask))];
  std::uint64_t first = last_found.first, size = last_found.end - last_found.first;
  std::byte* start = reinterpret_cast<std::byte*>(first);
  std::size_t stride = 0;
  if ((one & space_bits) == local_space) {
    first = local_space;
    size = w.local_bytes;
    start = w.local.data();
    stride = w.local_bytes;
  } else if ((one & space_bits) == shared_space) {
    first = shared_space | first_shared;
    size = w.of->shared.size() - first_shared;
    start = w.of->shared.data() + first_shared;
  }
  bool is_inside = size >= Bytes;
  for (unsigned l = 0; l < lanes; ++l) {
    is_inside &= (at[l] - first <= size - Bytes && (at[l] & (Bytes - 1)) == 0) || !(mask >> l & 1);
  }
  if (is_inside) {
    for (unsigned l = 0; l < lanes; ++l) {
      if (mask >> l & 1) body(l, start + (at[l] - first) + l * stride);
    }
  } else {
    for (unsigned l = 0; l < lanes; ++l) {
      if (mask >> l & 1) body(l, locate(w, l, at[l], Bytes));
    }
  }
}

template <class T, std::size_t Count>
void load_several(warp& w, instruction const& i, unsigned mask) {
  std::array<std::uint64_t*, Count> to;
  for (std::size_t c = 0; c < Count; ++c) to[c] = w[i.slots[c]].data();
  slot const& addresses = w[i.slots[Count]];
  for_each_place<Count * sizeof(T)>(
      w, addresses, static_cast<std::uint64_t>(i.offset), std::uint64_t{i.shape} << 60, mask,
      [&](unsigned l, std::byte const* from) {
        for (std::size_t c = 0; c < Count; ++c) {
          T loaded;
          std::memcpy(&loaded, from + c * sizeof(T), sizeof(T));
          // Sign-extended where the type has a sign: the register may be wider.
          to[c][l] = static_cast<std::uint64_t>(
              static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(
                  loaded));
        }
      });
}

template <class T, std::size_t Count>
void store_several(warp& w, instruction const& i, unsigned mask) {
  std::array<std::uint64_t const*, Count> from;
  for (std::size_t c = 0; c < Count; ++c) from[c] = w[i.slots[c + 1]].data();
  for_each_place<Count * sizeof(T)>(w, w[i.slots[0]], static_cast<std::uint64_t>(i.offset),
                                    std::uint64_t{i.shape} << 60, mask,
                                    [&](unsigned l, std::byte* to) {
                                      for (std::size_t c = 0; c < Count; ++c) {
                                        auto const stored = static_cast<T>(from[c][l]);
                                        std::memcpy(to + c * sizeof(T), &stored, sizeof(T));
                                      }
                                    });
}

template <bool IsLoad, class T, std::size_t Count>
constexpr handler transfer = IsLoad ? &load_several<T, Count> : &store_several<T, Count>;

template <bool IsLoad, class T>
handler transfer_of(std::size_t count) {
  if (count == 1) return transfer<IsLoad, T, 1>;
  if (count == 2) return transfer<IsLoad, T, 2>;
  if (count == 4) return transfer<IsLoad, T, 4>;
  return count == 8 ? transfer<IsLoad, T, 8> : nullptr;
}

template <bool IsLoad>
handler access(std::string_view type, std::size_t count) {
  if (type == "s8") return transfer_of<IsLoad, std::int8_t>(count);
  if (type == "s16") return transfer_of<IsLoad, std::int16_t>(count);
  if (type == "s32") return transfer_of<IsLoad, std::int32_t>(count);
  if (type.ends_with("16")) return transfer_of<IsLoad, std::uint16_t>(count);
  if (type.ends_with("32")) return transfer_of<IsLoad, std::uint32_t>(count);
  if (type.ends_with("64")) return transfer_of<IsLoad, std::uint64_t>(count);
  return type == "u8" || type == "b8" ? transfer_of<IsLoad, std::uint8_t>(count) : nullptr;
}

// --- atomics ----------------------------------------------------------------------------------------

/// What becomes of a cell: f(before, b, c). shape: the space; 8: there is a destination.
template <class T, class F>
void atomic(warp& w, instruction const& i, unsigned mask) {
  std::uint64_t const space = std::uint64_t{i.shape & 7u} << 60;
  std::size_t const first = i.shape & 8 ? 1 : 0;
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    auto const at = in_space(w[i.slots[first]][l] + static_cast<std::uint64_t>(i.offset), space);
    std::byte* const cell = locate(w, l, at, sizeof(T));
    T before;
    std::memcpy(&before, cell, sizeof(T));
    T const b = value<T>(w[i.slots[first + 1]][l]);
    T after;
    if constexpr (std::is_invocable_v<F, T, T>)
      after = F{}(before, b);
    else
      after = F{}(before, b, value<T>(w[i.slots[first + 2]][l]));
    std::memcpy(cell, &after, sizeof(T));
    if (first == 1) w[i.slots[0]][l] = raw(before);
  }
}

template <class T>
handler atomic_handler(std::string_view op) {
  auto const made = [](auto f) { return &atomic<T, decltype(f)>; };
  if (op == "exch") return made([](T, T b) { return b; });
  if (op == "cas") return made([](T a, T b, T c) { return a == b ? c : a; });
  return with_operation<T>(op, made);
}

bool translate_atomic(statement const& s, instruction& to) {
  handler made = nullptr;
  std::string_view const type = s.type();
  for (auto const& part : s.name) {
    for (std::string_view const op : {"add", "min", "max", "exch", "cas", "and", "or", "xor"}) {
      if (part != op) continue;
      if (type == "u32" || type == "b32") made = atomic_handler<std::uint32_t>(op);
      if (type == "s32") made = atomic_handler<std::int32_t>(op);
      if (type == "u64" || type == "b64") made = atomic_handler<std::uint64_t>(op);
      if (type == "s64") made = atomic_handler<std::int64_t>(op);
      if (type == "f32") made = atomic_handler<float>(op);
      if (type == "f64") made = atomic_handler<double>(op);
    }
  }
  to.run = made;
  to.shape = static_cast<std::uint8_t>(space_of(s) >> 60 | (s.name[0] == "atom" ? 8u : 0u));
  return made != nullptr;
}

// --- copies that run on: done when they are waited for, and not before ------------------------------

void start_copy(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    auto const bytes = static_cast<std::uint32_t>(w[i.slots[2]][l]);
    auto const read =
        i.slots.size() > 3 ? std::min(bytes, static_cast<std::uint32_t>(w[i.slots[3]][l])) : bytes;
    asynchronous_copy const copy{
        in_space(w[i.slots[0]][l] + static_cast<std::uint64_t>(i.offset), shared_space),
        w[i.slots[1]][l] + static_cast<std::uint64_t>(i.second_offset), bytes, read};
    // Their addresses are wrong at once, if they are.
    locate(w, l, copy.to, bytes);
    if (copy.from % bytes != 0)
      throw fault("lane " + std::to_string(l) + ": a misaligned address to copy from");
    if (read > 0) locate(w, l, copy.from, std::bit_floor(read));
    if (w.copies[l].empty()) w.copies[l].emplace_back();
    w.copies[l].back().push_back(copy);
  }
}

void commit_copies(warp& w, instruction const&, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    if (w.copies[l].empty()) w.copies[l].emplace_back();
    w.copies[l].emplace_back();
  }
}

/// offset: how many of the latest groups may still run on; -1: none, nor what is in no group.
void wait_for_copies(warp& w, instruction const& i, unsigned mask) {
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    auto& groups = w.copies[l];
    auto const left = static_cast<std::size_t>(i.offset + 1);
    std::size_t const done = groups.size() > left ? groups.size() - left : 0;
    for (std::size_t g = 0; g < done; ++g) {
      for (auto const& copy : groups[g]) {
        std::byte* const to = locate(w, l, copy.to, copy.bytes);
        for (std::uint32_t b = 0; b < copy.read; ++b) to[b] = *locate(w, l, copy.from + b, 1);
        std::memset(to + copy.read, 0, copy.bytes - copy.read);
      }
    }
    groups.erase(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(done));
  }
}

// --- addresses --------------------------------------------------------------------------------------

bool translate_address(statement const& s, instruction& to) {
  std::string_view const op = s.name[0];
  take_slots(s, to);
  if (op == "cvta") {
    to.offset = static_cast<std::int64_t>(space_of(s));
    to.run = [](warp& w, instruction const& i, unsigned mask) {
      for (unsigned l = 0; l < lanes; ++l) {
        if (mask >> l & 1)
          w[i.slots[0]][l] = w[i.slots[1]][l] | static_cast<std::uint64_t>(i.offset);
      }
    };
    if (s.has("to")) {
      to.run = to.offset == 0
                   ? lanewise<std::uint64_t, std::uint64_t>([](std::uint64_t a) { return a; })
                   : lanewise<std::uint64_t, std::uint64_t>(
                         [](std::uint64_t a) { return a & ~space_bits; });
    }
    return true;
  }
  if (op == "isspacep") {
    std::uint64_t const space = space_of(s);
    if (space == shared_space)
      to.run = lanewise<bool, std::uint64_t>(
          [](std::uint64_t a) { return (a & space_bits) == shared_space; });
    else if (space == local_space)
      to.run = lanewise<bool, std::uint64_t>(
          [](std::uint64_t a) { return (a & space_bits) == local_space; });
    else if (s.has("global"))
      to.run = lanewise<bool, std::uint64_t>([](std::uint64_t a) { return (a & space_bits) == 0; });
    return to.run != nullptr;
  }
  // mapa: the same place in another block of the cluster.
  if (s.type() != "u32") return false;
  to.run = lanewise<std::uint32_t, std::uint32_t, std::uint32_t>(
      [](std::uint32_t a, std::uint32_t rank) {
        return (rank + 1) << rank_shift | (a & ((1u << rank_shift) - 1));
      });
  return true;
}

}  // namespace

bool translate_memory(statement const& s, instruction& to) {
  std::string_view const op = s.name[0];
  if (op == "cvta" || op == "isspacep" || op == "mapa") return translate_address(s, to);
  if (op == "ld" || op == "ldu" || op == "st" || op == "atom" || op == "red") {
    if (s.has("async") || s.has("bulk") || s.has("L2::cache_hint")) return false;
    take_slots(s, to);
    if (op == "atom" || op == "red") return translate_atomic(s, to);
    if (s.operands.size() != 2) return false;
    to.shape = static_cast<std::uint8_t>(space_of(s) >> 60);
    if (s.has("global")) to.shape = global_only >> 60;
    std::size_t const count = to.slots.size() - 1;
    to.run = op == "st" ? access<false>(s.type(), count) : access<true>(s.type(), count);
    return to.run != nullptr;
  }
  if (op == "cp" && s.has("async") && !s.has("bulk")) {
    take_slots(s, to);
    if (s.has("commit_group")) {
      to.run = &commit_copies;
    } else if (s.has("wait_group")) {
      to.run = &wait_for_copies;
      to.offset = static_cast<std::int64_t>(s.operands[0].offset);
    } else if (s.has("wait_all")) {
      to.run = &wait_for_copies;
      to.offset = -1;
    } else {
      to.run = &start_copy;
      bool const is_plain = s.has("global") && !s.has("L2::cache_hint") && !s.has("mbarrier");
      return is_plain && (to.slots.size() == 3 || to.slots.size() == 4);
    }
    return true;
  }
  // What is done at once has nothing to wait for, and caches are not interpreted.
  if (op == "membar" || op == "fence" || op == "prefetch" || op == "prefetchu" ||
      op == "griddepcontrol" || op == "nanosleep" || op == "discard" || op == "applypriority") {
    to.run = &nothing;
    return true;
  }
  return false;
}

}  // namespace interpreter
