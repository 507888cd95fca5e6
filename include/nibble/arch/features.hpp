// SPDX-License-Identifier: Apache-2.0
// Says which instructions the target of this compiler pass has: the only reader of its macros.
//
// Each macro below is 0 or 1 and stands for one group of instructions that ptxas 13.0 takes on the
// same targets. In a host pass, and under a compiler without CUDA, all are 0. Test them with #if,
// inside a function whose portable branch is always there: they differ between the passes over one
// file, so nothing that host code can see (a type, a template argument, a declaration) may depend
// on them. tests/arch/features_test holds the table for every target against ptxas itself.
//
// `sm_100` and `sm_120` have no 4-bit conversion at all; `sm_100a`, `sm_100f`, `sm_120a` have. The
// number in the architecture macro is the same for the three, so it cannot tell.
#pragma once

// The family (both the `a` and the `f` targets carry it) and the exact chip (the `a` targets only).
#if defined(__CUDA_ARCH_FAMILY_SPECIFIC__)
#define NIBBLE_ARCH_FAMILY __CUDA_ARCH_FAMILY_SPECIFIC__
#elif defined(__CUDA_ARCH__) &&                                                    \
    (defined(__CUDA_ARCH_FEAT_SM100_ALL) || defined(__CUDA_ARCH_FEAT_SM101_ALL) || \
     defined(__CUDA_ARCH_FEAT_SM103_ALL) || defined(__CUDA_ARCH_FEAT_SM110_ALL) || \
     defined(__CUDA_ARCH_FEAT_SM120_ALL) || defined(__CUDA_ARCH_FEAT_SM121_ALL))
// nvcc 12.8 has the `a` targets of Blackwell, and only this macro to tell them by.
#define NIBBLE_ARCH_FAMILY __CUDA_ARCH__
#else
#define NIBBLE_ARCH_FAMILY 0
#endif

#if defined(__CUDA_ARCH_SPECIFIC__)
#define NIBBLE_ARCH_SPECIFIC __CUDA_ARCH_SPECIFIC__
#elif defined(__CUDA_ARCH_FAMILY_SPECIFIC__)
#define NIBBLE_ARCH_SPECIFIC 0
#else
#define NIBBLE_ARCH_SPECIFIC NIBBLE_ARCH_FAMILY
#endif

#if defined(__CUDA_ARCH__)
#define NIBBLE_ARCH __CUDA_ARCH__
#else
#define NIBBLE_ARCH 0
#endif

/// One past the last family that is known to convert 4- and 6-bit formats. Families beyond it take
/// the portable path, with equal bytes, until someone has looked. On a newer chip that ptxas
/// accepts the instructions for, raise it for the whole build: -DNIBBLE_ARCH_FAMILY_END=1400.
/// It moves only the gate of NIBBLE_HAS_CVT_E2M1.
#if !defined(NIBBLE_ARCH_FAMILY_END)
#define NIBBLE_ARCH_FAMILY_END 1300
#endif

/// This pass compiles for a GPU.
#if NIBBLE_ARCH > 0
#define NIBBLE_HAS_DEVICE 1
#else
#define NIBBLE_HAS_DEVICE 0
#endif

/// cvt.rn to and from e2m1x2, e2m3x2, e3m2x2; cvt.rp and cvt.rz to ue8m0x2, and back.
#if NIBBLE_ARCH_FAMILY >= 1000 && NIBBLE_ARCH_FAMILY < NIBBLE_ARCH_FAMILY_END
#define NIBBLE_HAS_CVT_E2M1 1
#else
#define NIBBLE_HAS_CVT_E2M1 0
#endif

/// cvt.rs to e2m1x4, stochastic rounding: two chips only, and none of the `f` targets.
#if NIBBLE_ARCH_SPECIFIC == 1000 || NIBBLE_ARCH_SPECIFIC == 1030
#define NIBBLE_HAS_CVT_RS_E2M1 1
#else
#define NIBBLE_HAS_CVT_RS_E2M1 0
#endif

/// cvt.rn to and from e4m3x2 and e5m2x2.
#if NIBBLE_ARCH >= 890
#define NIBBLE_HAS_CVT_E4M3 1
#else
#define NIBBLE_HAS_CVT_E4M3 0
#endif

/// mma.sync.m16n8k16 on halves and bf16, m16n8k32 on bytes, fma on pairs of bf16, cvt to pairs of bf16,
/// loads that ask memory for 256 bytes.
#if NIBBLE_ARCH >= 800
#define NIBBLE_HAS_MMA_F16 1
#else
#define NIBBLE_HAS_MMA_F16 0
#endif

/// An addition and a minimum, of pairs of 16 bits too, as one instruction (__viaddmin_s16x2 and its kin;
/// elsewhere the same functions take five and more).
#if NIBBLE_ARCH >= 900
#define NIBBLE_HAS_DPX 1
#else
#define NIBBLE_HAS_DPX 0
#endif

/// 2048 threads on a multiprocessor at once: on other targets 1536, and ptxas warns of more.
#if NIBBLE_ARCH == 800 || (NIBBLE_ARCH >= 900 && NIBBLE_ARCH < 1100 && NIBBLE_ARCH != 1010)
#define NIBBLE_HAS_2048_THREADS 1
#else
#define NIBBLE_HAS_2048_THREADS 0
#endif

/// Clusters of blocks of threads, which read each other's shared memory, and a grid's wait for the one
/// before it.
#if NIBBLE_ARCH >= 900
#define NIBBLE_HAS_CLUSTER 1
#else
#define NIBBLE_HAS_CLUSTER 0
#endif

/// wgmma, the product of four warps from shared memory: sm_90a alone.
#if (defined(__CUDA_ARCH_FEAT_SM90_ALL) && NIBBLE_ARCH == 900) || NIBBLE_ARCH_SPECIFIC == 900
#define NIBBLE_HAS_WGMMA 1
#else
#define NIBBLE_HAS_WGMMA 0
#endif

/// mma.sync with block scales (kind::mxf4nvf4 and its kin), dense.
#if NIBBLE_ARCH_FAMILY >= 1200 && NIBBLE_ARCH_FAMILY < 1300
#define NIBBLE_HAS_MMA_BLOCK_SCALE 1
#else
#define NIBBLE_HAS_MMA_BLOCK_SCALE 0
#endif

/// tcgen05, with the scale qualifiers block16 and block32.
#if NIBBLE_ARCH_FAMILY >= 1000 && NIBBLE_ARCH_FAMILY < 1200
#define NIBBLE_HAS_TCGEN05 1
#else
#define NIBBLE_HAS_TCGEN05 0
#endif

/// add, mul and fma on two floats at once (.f32x2); plain targets have it too.
#if NIBBLE_ARCH >= 1000
#define NIBBLE_HAS_F32X2 1
#else
#define NIBBLE_HAS_F32X2 0
#endif

/// Loads of 256 bits (ld.global.v8.b32), which the compiler makes of what is 32-byte aligned; plain targets
/// have them too.
#if NIBBLE_ARCH >= 1000
#define NIBBLE_HAS_256_BIT_LOADS 1
#else
#define NIBBLE_HAS_256_BIT_LOADS 0
#endif

/// redux.sync.max on floats. Elsewhere redux.sync.max.u32 on the bits of |x| gives the same.
/// nvcc 12.8 calls `sm_101a` what is `sm_110a` since; that chip has it not.
#if NIBBLE_ARCH_FAMILY >= 1000 && NIBBLE_ARCH_FAMILY < 1100 && NIBBLE_ARCH_FAMILY != 1010
#define NIBBLE_HAS_REDUX_F32 1
#else
#define NIBBLE_HAS_REDUX_F32 0
#endif
