// SPDX-License-Identifier: Apache-2.0
// ModelOpt stores what a code is multiplied with, compressed-tensors its reciprocal: one for the other would
// be off by the square of the scale, in silence.
// expect: (could not convert|no viable conversion from) .*nibble::interop::divisor
#include <nibble/interop/compressed_tensors.hpp>
#include <nibble/interop/modelopt.hpp>

namespace interop = nibble::interop;
constexpr nibble::tensor_amax amax{7.5f};

constexpr auto right = interop::modelopt::slot(interop::modelopt::weight_scale_2(amax));
#ifdef NIBBLE_BREAK
constexpr auto wrong = interop::modelopt::slot(interop::compressed_tensors::weight_global_scale(amax));
#endif
