// SPDX-License-Identifier: Apache-2.0
// Stochastic rounding draws from a counter-based source; an engine with a hidden state is none, for what an
// element gets would depend on the order of the work.
// expect: template constraint failure for|constraints not satisfied for class template 'stochastic'
#include <nibble/nibble.hpp>

nibble::rounding::stochastic<8, nibble::random::philox4x32<>> keyed;
#ifdef NIBBLE_BREAK
struct engine {
  unsigned state;
  unsigned operator()() { return state = state * 1664525u + 1013904223u; }
};
nibble::rounding::stochastic<8, engine> hidden;
#endif
