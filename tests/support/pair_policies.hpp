// SPDX-License-Identifier: Apache-2.0
// The policies whose blocks are made from bf16 in pairs, by short names.
#pragma once

#include <nibble/nibble.hpp>

namespace fixture::pair_policies {

template <class Rounding, class Transform>
using made_of =
    nibble::quantizer<nibble::nvfp4_block, nibble::scaling::amax<>, Rounding, Transform>;
using nibble::rounding::nearest_even;
using bytes = nibble::rounding::stochastic<>;
using hadamard = nibble::transform::hadamard<16, nibble::bf16>;
using random_hadamard = nibble::transform::random_hadamard<16, nibble::bf16>;

}  // namespace fixture::pair_policies
