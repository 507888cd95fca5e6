# SPDX-License-Identifier: Apache-2.0
# Makes the target nibble::cublas: nibble::cuda and NVIDIA's cuBLASLt, which products and linear
# layers on the device call. Include this after enable_language(CUDA); without a cuBLASLt there is no
# target.

# FindCUDAToolkit of CMake 3.25 deprecates a target that CUDA 13 does not have, and stops there, for
# projects that ask for 3.25 or later; this variable is all that it looks at.
set(nibble_asked_version "${CMAKE_MINIMUM_REQUIRED_VERSION}")
if(CMAKE_VERSION VERSION_LESS 3.26)
  set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
endif()
find_package(CUDAToolkit 13 QUIET)
set(CMAKE_MINIMUM_REQUIRED_VERSION "${nibble_asked_version}")
unset(nibble_asked_version)
if(TARGET CUDA::cublasLt AND NOT TARGET nibble::cublas)
  add_library(nibble::cublas INTERFACE IMPORTED)
  target_link_libraries(nibble::cublas INTERFACE nibble::cuda CUDA::cublasLt)
endif()
