// SPDX-License-Identifier: Apache-2.0
// In place of device_layer.cu where the program is built without CUDA.
#include <stdexcept>

#include "train_lm/device_layer.hpp"

namespace train_lm {

std::string why_no_device() { return "this program was built without CUDA"; }

std::unique_ptr<device_layer> make_device_layer(std::string const&, bool, std::int64_t,
                                                std::int64_t) {
  throw std::runtime_error(why_no_device());
}

}  // namespace train_lm
