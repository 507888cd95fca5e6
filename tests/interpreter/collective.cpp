// SPDX-License-Identifier: Apache-2.0
// What the lanes of a warp do together, other than products.
#include <algorithm>

#include "program.hpp"

namespace interpreter {
namespace {

enum class way : std::uint8_t { up, down, butterfly, index };

/// d, a, b, c (clamp and segments), members; then the second destination, where there is one.
template <way Way>
void shuffle(warp& w, instruction const& i, unsigned mask) {
  slot const from = w[i.slots[1]];
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    auto const by = static_cast<unsigned>(w[i.slots[2]][l]) & 31,
               c = static_cast<unsigned>(w[i.slots[3]][l]);
    unsigned const segment = c >> 8 & 31, clamp = c & 31;
    auto const most = static_cast<int>((l & segment) | (clamp & ~segment)),
               least = static_cast<int>(l & segment);
    int j = 0;
    bool is_inside = false;
    if constexpr (Way == way::up)
      is_inside = (j = static_cast<int>(l) - static_cast<int>(by)) >= most;
    if constexpr (Way == way::down) is_inside = (j = static_cast<int>(l + by)) <= most;
    if constexpr (Way == way::butterfly) is_inside = (j = static_cast<int>(l ^ by)) <= most;
    if constexpr (Way == way::index)
      is_inside = (j = least | static_cast<int>(by & ~segment)) <= most;
    if (!is_inside) j = static_cast<int>(l);
    // A lane that takes no part has nothing to give: something that nobody expects.
    w[i.slots[0]][l] = mask >> j & 1 ? from[static_cast<unsigned>(j)] & 0xFFFF'FFFFu : 0xBAD1'A4E5u;
    if (i.slots.size() > 5) w[i.slots[5]][l] = is_inside;
  }
}

/// offset: 0 all, 1 any, 2 uniform, 3 ballot; shape: the predicate is negated.
void vote(warp& w, instruction const& i, unsigned mask) {
  unsigned ballot = 0;
  for (unsigned l = 0; l < lanes; ++l) {
    if ((mask >> l & 1) && (w[i.slots[1]][l] != 0) != (i.shape != 0)) ballot |= 1u << l;
  }
  std::uint64_t const results[] = {ballot == mask, ballot != 0, ballot == mask || ballot == 0,
                                   ballot};
  for (unsigned l = 0; l < lanes; ++l) {
    if (mask >> l & 1) w[i.slots[0]][l] = results[i.offset];
  }
}

template <class T, class F>
void reduce(warp& w, instruction const& i, unsigned mask) {
  bool is_first = true;
  T result{};
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    T const one = value<T>(w[i.slots[1]][l]);
    result = is_first ? one : F{}(result, one);
    is_first = false;
  }
  for (unsigned l = 0; l < lanes; ++l) {
    if (mask >> l & 1) w[i.slots[0]][l] = raw(result);
  }
}

template <class T>
handler reduction(std::string_view op) {
  return with_operation<T>(op, [](auto f) { return &reduce<T, decltype(f)>; });
}

void match(warp& w, instruction const& i, unsigned mask) {
  slot const from = w[i.slots[1]];
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    unsigned equal = 0;
    for (unsigned other = 0; other < lanes; ++other)
      equal |= (mask >> other & 1 &&
                static_cast<std::uint32_t>(from[other]) == static_cast<std::uint32_t>(from[l]))
                   ? 1u << other
                   : 0u;
    w[i.slots[0]][l] = equal;
  }
}

void elect(warp& w, instruction const& i, unsigned mask) {
  auto const first = static_cast<unsigned>(std::countr_zero(mask));
  for (unsigned l = 0; l < lanes; ++l) {
    if (!(mask >> l & 1)) continue;
    w[i.slots[0]][l] = first;
    if (i.slots.size() > 2) w[i.slots[2]][l] = l == first;
  }
}

}  // namespace

bool translate_collective(statement const& s, instruction& to) {
  std::string_view const op = s.name[0];
  if (op == "activemask") {
    take_slots(s, to);
    to.run = [](warp& w, instruction const& i, unsigned mask) {
      for (unsigned l = 0; l < lanes; ++l) {
        if (mask >> l & 1) w[i.slots[0]][l] = mask;
      }
    };
    return true;
  }
  bool const is_warp_barrier = op == "bar" && s.has("warp");
  if (op != "shfl" && op != "vote" && op != "redux" && op != "match" && op != "elect" &&
      !is_warp_barrier)
    return false;
  take_slots(s, to);
  to.kind = flow::converged;
  to.has_members = true;
  if (is_warp_barrier) {
    to.run = &nothing;
    to.members = to.slots[0];
    return true;
  }
  to.members = to.slots[to.slots.size() - (s.operands[0].has_second ? 2 : 1)];
  if (op == "shfl") {
    to.run = s.has("up")     ? &shuffle<way::up>
             : s.has("down") ? &shuffle<way::down>
             : s.has("bfly") ? &shuffle<way::butterfly>
                             : &shuffle<way::index>;
  } else if (op == "vote") {
    to.offset = s.has("all") ? 0 : s.has("any") ? 1 : s.has("uni") ? 2 : 3;
    to.shape = s.operands[1].is_negated;
    to.run = &vote;
  } else if (op == "match") {
    to.run = s.has("any") && s.type() == "b32" ? &match : nullptr;
  } else if (op == "elect") {
    to.run = &elect;
  } else {
    std::string_view const kind = s.name[2], type = s.type();
    if (type == "u32" || type == "b32") to.run = reduction<std::uint32_t>(kind);
    if (type == "s32") to.run = reduction<std::int32_t>(kind);
  }
  return to.run != nullptr;
}

}  // namespace interpreter
