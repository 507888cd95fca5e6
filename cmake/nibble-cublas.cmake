# SPDX-License-Identifier: Apache-2.0
# Makes the target nibble::cublas: nibble::cuda and NVIDIA's cuBLASLt, which products and linear
# layers on the device call. Include this after enable_language(CUDA); without a cuBLASLt there is no
# target.
find_package(CUDAToolkit 13 QUIET)
if(TARGET CUDA::cublasLt AND NOT TARGET nibble::cublas)
  add_library(nibble::cublas INTERFACE IMPORTED)
  target_link_libraries(nibble::cublas INTERFACE nibble::cuda CUDA::cublasLt)
endif()
