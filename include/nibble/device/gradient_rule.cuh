// SPDX-License-Identifier: Apache-2.0
// Gradients times what a rule says of how a matrix was rounded, on the device: the bytes of
// nibble::linear.
#pragma once

#include <cuda/stream_ref>

#include "nibble/device/elements.cuh"
#include "nibble/gradient/policy.hpp"
#include "nibble/scaling/policy.hpp"

namespace nibble::device::detail {

template <class Rule, class Quantizer, class In, class View>
struct keep_factor {
  In in;
  View as;
  float* to;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    auto const scale = as.scale(i, j / Quantizer::block_type::size);
    float const encode = scaling::encode_multiplier(static_cast<float>(scale),
                                                    Quantizer::prepare({as.amax_of(i, j)}));
    to[i * in.extent(1) + j] = Rule::template factor<typename Quantizer::element_type>(
        arch::multiply(static_cast<float>(in(i, j)), encode));
  }
};

/// What the gradient of each element of `in`, which was quantized as `as`, is multiplied with.
///
/// shape   to: in.extent(0) x in.extent(1) floats, rows one after the other.
/// bits    those of nibble::linear's factors.
template <class Rule, class Quantizer, class In, class View>
[[nodiscard]] status gradient_factors(cudaStream_t stream, In const& in, View const& as,
                                      float* to) {
  static_assert(Quantizer::transform_type::size == 1,
                "got a gradient rule on a transformed operand; it looks at plain values");
  return for_each_element(stream, in.extent(0), in.extent(1),
                          keep_factor<Rule, Quantizer, In, View>{in, as, to});
}

template <class Out>
struct times_factor {
  Out out;
  float const* factors;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    out(i, j) = written_as<typename Out::value_type>(
        arch::multiply(static_cast<float>(out(i, j)), factors[i * out.extent(1) + j]));
  }
};

/// out(i, j) *= factors, one FP32 product an element.
template <class Out>
[[nodiscard]] status scale_by(cudaStream_t stream, Out const& out, float const* factors) {
  return for_each_element(stream, out.extent(0), out.extent(1), times_factor<Out>{out, factors});
}

template <class Out>
struct plus_scaled {
  Out out;
  float const *fresh, *factors;
  __device__ void operator()(matrix_index i, matrix_index j) const {
    matrix_index const at = i * out.extent(1) + j;
    float const product = nibble::detail::canonical(arch::multiply(fresh[at], factors[at]));
    out(i, j) =
        written_as<typename Out::value_type>(arch::add(static_cast<float>(out(i, j)), product));
  }
};

/// out(i, j) += fresh * factors: a rule is for a step's own gradient alone, not for the sum so far.
template <class Out>
[[nodiscard]] status add_scaled(cudaStream_t stream, Out const& out, float const* fresh,
                                float const* factors) {
  return for_each_element(stream, out.extent(0), out.extent(1),
                          plus_scaled<Out>{out, fresh, factors});
}

}  // namespace nibble::device::detail
