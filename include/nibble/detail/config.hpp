// SPDX-License-Identifier: Apache-2.0
// What every header needs to know of the compiler, and the version: the first include of all.
#pragma once

#define NIBBLE_VERSION_MAJOR 0
#define NIBBLE_VERSION_MINOR 1
#define NIBBLE_VERSION_PATCH 0

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 202002L
#error "nibble needs C++20: compile with -std=c++20 (g++, clang++, nvcc)"
#endif

// The promise is equal bytes everywhere. These flags let a compiler change results, so they are
// refused where a header can see them; what a header cannot see, arch/environment.hpp looks for.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "nibble keeps bits: got -ffast-math, -Ofast or one of its parts; compile this file without"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "nibble keeps bits: float must be evaluated as float; on 32-bit x86 add -msse2 -mfpmath=sse"
#endif

/// Marks a function that runs on the host and, under a CUDA compiler, on the device.
#if defined(__CUDACC__)
#define NIBBLE_HD __host__ __device__
#else
#define NIBBLE_HD
#endif
