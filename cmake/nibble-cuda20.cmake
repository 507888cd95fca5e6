# SPDX-License-Identifier: Apache-2.0
# CMake before 3.25.2 does not know that nvcc 12 and later have C++20: it passes no -std at all, and
# nvcc then compiles C++17. Include this after enable_language(CUDA).
if(CMAKE_VERSION VERSION_LESS 3.25.2 AND CMAKE_CUDA_COMPILER_ID STREQUAL "NVIDIA"
    AND CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
  set(nibble_cuda20_option -std=c++20)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION ${nibble_cuda20_option})
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION ${nibble_cuda20_option})
endif()
