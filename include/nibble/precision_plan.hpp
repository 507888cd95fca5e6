// SPDX-License-Identifier: Apache-2.0
// Which layers of a model a recipe leaves in high precision, and from which step on.
#pragma once

#include "nibble/detail/std.hpp"

namespace nibble {

/// What a linear layer is for, as far as plans tell layers apart.
enum class layer_role {
  other,
  attention_qkv,
  attention_out,
  feed_forward_up,
  feed_forward_down,
  mamba_in,
  mamba_out,
};

/// A set of roles, for precision_plan.
template <class... Role>
[[nodiscard]] constexpr unsigned roles_of(Role... role) noexcept {
  return (0u | ... | (1u << static_cast<unsigned>(role)));
}

/// A linear layer's place in a model.
struct layer_place {
  layer_role role = layer_role::other;
  int block = 0;   // which residual block it is in, from 0
  int blocks = 1;  // how many there are
};

/// Where a training run is.
struct training_progress {
  std::int64_t step = 0;
  std::int64_t steps = 0;  // 0: unknown, so that nothing ever switches
};

/// What a layer multiplies in at one step.
enum class layer_precision {
  recipe,         // as the recipe says
  second,         // as the recipe's second recipe says
  forward_in_16,  // fprop in bf16, the backward products as the recipe says
  all_in_16,      // bf16
};

/// Which layers stay in high precision. (Embeddings, norms, attention products and the head are not
/// linear layers of a recipe: the model keeps them out.)
///
/// source  NVIDIA, arXiv 2509.25149: the last blocks, and a switch at 8.2 of 10 T tokens; Nemotron 3,
///         arXiv 2604.12374: by role.
struct precision_plan {
  int first_blocks = 0;                // this many at the start
  int last_blocks = 0;                 // and at the end
  int last_percent = 0;                // or this share at the end, rounded up
  unsigned roles = 0;                  // bit r: layers of role r anywhere; see roles_of
  unsigned second_roles = 0;           // bit r: layers of role r follow the second recipe
  int switch_percent = 100;            // from this share of the steps on, all layers, ...
  bool switches_forward_only = false;  // ... or the fprop of all layers

  [[nodiscard]] constexpr bool keeps_high_precision(layer_place where) const noexcept {
    int const share = (where.blocks * last_percent + 99) / 100;
    int const last = share > last_blocks ? share : last_blocks;
    return where.block < first_blocks || where.block >= where.blocks - last ||
           has(roles, where.role);
  }

  /// Has the run come to the switch?
  [[nodiscard]] constexpr bool has_switched(training_progress at) const noexcept {
    return at.steps > 0 && at.step * 100 >= at.steps * switch_percent;
  }

  /// What a layer multiplies in at a step.
  [[nodiscard]] constexpr layer_precision at(layer_place where,
                                             training_progress when = {}) const noexcept {
    if (keeps_high_precision(where)) return layer_precision::all_in_16;
    if (has_switched(when)) {
      return switches_forward_only ? layer_precision::forward_in_16 : layer_precision::all_in_16;
    }
    return has(second_roles, where.role) ? layer_precision::second : layer_precision::recipe;
  }

 private:
  [[nodiscard]] static constexpr bool has(unsigned set, layer_role role) noexcept {
    return (set >> static_cast<unsigned>(role) & 1u) != 0;
  }
};

}  // namespace nibble
