// SPDX-License-Identifier: Apache-2.0
// expect: got a K outside 2..64 or a clamp outside 1..10; need a smooth step
#include <nibble/gradient/differentiable.hpp>

nibble::gradient::differentiable<5, 3> rule;
#ifdef NIBBLE_BREAK
nibble::gradient::differentiable<1, 3> broken;
#endif
