// SPDX-License-Identifier: Apache-2.0
// The functions of cuBLASLt that nibble::cublas calls, for the types that it asks for on a Hopper GPU: plain loops.
// Sums of a bf16 product are taken in double, in order, and rounded once to float.
#include <cublasLt.h>
#include <cuda_bf16.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "machine.hpp"
#include "runtime.hpp"

struct cublasLtContext {};

namespace {

/// What is kept in the memory that cuBLASLt calls opaque. Column by column, as in cuBLAS.
struct layout {
  cudaDataType_t type;
  std::uint64_t rows, columns;
  std::int64_t pitch;
};

struct description {
  cublasComputeType_t compute;
  cudaDataType_t scalar_type;
  cublasOperation_t operation_a = CUBLAS_OP_N, operation_b = CUBLAS_OP_N;
  cublasLtPointerMode_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  float const* bias = nullptr;
};

template <class T, class Opaque>
T& in(Opaque* opaque) {
  static_assert(sizeof(T) <= sizeof(Opaque));
  return *reinterpret_cast<T*>(opaque);
}

bool is_whole(description const& d) { return d.compute == CUBLAS_COMPUTE_32I; }

/// Are these the types of a product that a Hopper GPU has, and that nibble::cublas asks for?
bool is_supported(description const& d, layout const& a, layout const& b, layout const& result) {
  if (a.type != b.type) return false;
  if (is_whole(d)) {
    return a.type == CUDA_R_8I && result.type == CUDA_R_32I && d.scalar_type == CUDA_R_32I &&
           d.pointer_mode == CUBLASLT_POINTER_MODE_HOST && d.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
  }
  return d.compute == CUBLAS_COMPUTE_32F && d.scalar_type == CUDA_R_32F && a.type == CUDA_R_16BF &&
         (result.type == CUDA_R_32F || result.type == CUDA_R_16BF) &&
         d.pointer_mode == CUBLASLT_POINTER_MODE_DEVICE &&
         (d.epilogue == CUBLASLT_EPILOGUE_DEFAULT ||
          (d.epilogue == CUBLASLT_EPILOGUE_BIAS && result.type == CUDA_R_32F));
}

void require_on_device(void const* memory, std::uint64_t elements, std::size_t size,
                       char const* what) {
  if (interpreter::allocated_from(memory) < elements * size) {
    throw interpreter::fault(std::string("cublasLtMatmul: ") + what + " leaves its memory");
  }
}
template <class T>
void require_on_device(T const* memory, layout const& of, char const* what) {
  require_on_device(memory, static_cast<std::uint64_t>(of.pitch) * (of.columns - 1) + of.rows,
                    sizeof(T), what);
}

/// An operand as rows of `depth` values, whichever way it lies.
template <class T, class Value>
std::vector<Value> rows_of(void const* memory, layout const& of, bool is_turned, char const* what) {
  auto const* const from = static_cast<T const*>(memory);
  require_on_device(from, of, what);
  std::uint64_t const rows = is_turned ? of.columns : of.rows,
                      depth = is_turned ? of.rows : of.columns;
  auto const pitch = static_cast<std::uint64_t>(of.pitch);
  std::vector<Value> values(rows * depth);
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t k = 0; k < depth; ++k) {
      values[i * depth + k] =
          static_cast<Value>(is_turned ? from[i * pitch + k] : from[k * pitch + i]);
    }
  }
  return values;
}

template <class Value>
Value sum_of(Value const* a, Value const* b, std::uint64_t depth) {
  Value sum = 0;
  for (std::uint64_t k = 0; k < depth; ++k) sum += a[k] * b[k];
  return sum;
}

struct product {
  description how;
  layout a, b, c, d;
  void const *a_data, *b_data, *c_data;
  void* d_data;
  float const *alpha, *beta;  // on the device

  /// finish(sum, i, j) for each element of the result.
  template <class T, class Value, class Finish>
  void multiply(Finish const& finish) const {
    auto const of_a = rows_of<T, Value>(a_data, a, how.operation_a == CUBLAS_OP_T, "A");
    auto const of_b = rows_of<T, Value>(b_data, b, how.operation_b == CUBLAS_OP_N, "B");
    std::uint64_t const depth = of_a.size() / d.rows;
    if (of_a.size() != d.rows * depth || of_b.size() != d.columns * depth) {
      throw interpreter::fault("cublasLtMatmul: the operands do not fit each other");
    }
    for (std::uint64_t j = 0; j < d.columns; ++j) {
      for (std::uint64_t i = 0; i < d.rows; ++i)
        finish(sum_of(&of_a[i * depth], &of_b[j * depth], depth), i, j);
    }
  }

  void whole() const {
    auto* const out = static_cast<std::int32_t*>(d_data);
    require_on_device(out, d, "D");
    multiply<std::int8_t, std::int32_t>([&](std::int32_t sum, std::uint64_t i, std::uint64_t j) {
      out[j * static_cast<std::uint64_t>(d.pitch) + i] = sum;
    });
  }

  template <class Out>
  void rounded() const {
    auto* const out = static_cast<Out*>(d_data);
    auto const* const old = static_cast<Out const*>(c_data);
    require_on_device(out, d, "D");
    require_on_device(old, c, "C");
    require_on_device(alpha, 1, sizeof(float), "alpha");
    require_on_device(beta, 1, sizeof(float), "beta");
    bool const has_bias = how.epilogue == CUBLASLT_EPILOGUE_BIAS;
    if (has_bias) require_on_device(how.bias, d.rows, sizeof(float), "the bias");
    multiply<__nv_bfloat16, double>([&](double sum, std::uint64_t i, std::uint64_t j) {
      float value = *alpha * static_cast<float>(sum);
      if (*beta != 0)
        value += *beta * static_cast<float>(old[j * static_cast<std::uint64_t>(c.pitch) + i]);
      if (has_bias) value += how.bias[i];
      out[j * static_cast<std::uint64_t>(d.pitch) + i] = static_cast<Out>(value);
    });
  }

  void operator()() const {
    if (is_whole(how)) {
      whole();
    } else if (d.type == CUDA_R_32F) {
      rounded<float>();
    } else {
      rounded<__nv_bfloat16>();
    }
  }
};

/// The attributes that are looked at; the others are of products that are not supported.
void* attribute_of(description& d, cublasLtMatmulDescAttributes_t attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return &d.operation_a;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return &d.operation_b;
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      return &d.pointer_mode;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return &d.epilogue;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return &d.bias;
    default:
      return nullptr;
  }
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t to, std::size_t,
                                                 cudaDataType type, std::uint64_t rows,
                                                 std::uint64_t columns, std::int64_t pitch) {
  in<layout>(to) = {type, rows, columns, pitch};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t to, std::size_t,
                                               cublasComputeType_t compute,
                                               cudaDataType_t scalar_type) {
  in<description>(to) = {compute, scalar_type};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t of,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              void const* value, std::size_t bytes) {
  void* const kept = attribute_of(in<description>(of), attribute);
  if (kept != nullptr) std::memcpy(kept, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    void const*, std::size_t) {
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t how,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t* found, int* count) {
  bool const has_one =
      is_supported(in<description>(how), in<layout>(a), in<layout>(b), in<layout>(d));
  *count = has_one ? 1 : 0;
  if (has_one) *found = {};
  return has_one ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t how, void const* alpha,
                              void const* a_data, cublasLtMatrixLayout_t a, void const* b_data,
                              cublasLtMatrixLayout_t b, void const* beta, void const* c_data,
                              cublasLtMatrixLayout_t c, void* d_data, cublasLtMatrixLayout_t d,
                              cublasLtMatmulAlgo_t const*, void*, std::size_t,
                              cudaStream_t stream) {
  product const made{in<description>(how),
                     in<layout>(a),
                     in<layout>(b),
                     in<layout>(c),
                     in<layout>(d),
                     a_data,
                     b_data,
                     c_data,
                     d_data,
                     static_cast<float const*>(alpha),
                     static_cast<float const*>(beta)};
  if (!is_supported(made.how, made.a, made.b, made.d)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (is_whole(made.how) &&
      (*static_cast<int const*>(alpha) != 1 || *static_cast<int const*>(beta) != 0)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  bool const is_done = interpreter::report(interpreter::submit(stream, made)) == cudaSuccess;
  return is_done ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
