// SPDX-License-Identifier: Apache-2.0
// expect: got an empty window; need at least one step of history
#include <nibble/tensor_scale/delayed.hpp>

nibble::tensor_scale::delayed<16> q;
#ifdef NIBBLE_BREAK
nibble::tensor_scale::delayed<0> broken;
#endif
