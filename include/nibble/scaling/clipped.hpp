// SPDX-License-Identifier: Apache-2.0
// A scale under which the largest values of a tile saturate, so that the others get a finer grid.
#pragma once

#include "nibble/scaling/amax.hpp"

namespace nibble::scaling {

/// Scales a tile so that Keep/Of of its largest magnitude is the largest number there is.
///
/// rule    amax with the fill Of/Keep: 93/100 maps the amax to 6.45, which saturates at 6.
/// errors  as amax.
/// bits    identical everywhere.
/// source  QuEST's clipping, as in Quartet, arXiv 2505.14669; Quartet II, arXiv 2601.22813, keeps 17/16 *
///         0.93 = 1581/1600.
template <int Keep, int Of, tile Shape = tile::row, class Outer = tensor_scale::current<>,
          class ScaleRule = format::nearest_even>
using clipped = amax<Shape, Outer, ScaleRule, Of, Keep>;

}  // namespace nibble::scaling
