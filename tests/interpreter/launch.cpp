// SPDX-License-Identifier: Apache-2.0
// What nvcc makes of kernels and of <<<>>>: fat binaries that register themselves, and launches of their PTX.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "machine.hpp"
#include "runtime.hpp"

using interpreter::launch_shape;
using interpreter::report;

namespace {

// The layout of fat binaries is not documented; this is what nvcc 13 writes.
struct fat_wrapper {
  std::uint32_t magic, version;
  unsigned char const* binary;
  void* file;
};
struct fat_header {
  std::uint32_t magic;
  std::uint16_t version, header_bytes;
  std::uint64_t bytes;  // without this header
};
struct fat_entry {
  std::uint16_t kind, version;
  std::uint32_t header_bytes;
  std::uint64_t bytes;             // without this header
  std::uint32_t compressed_bytes;  // 0: it is not compressed
  std::uint32_t options;
  std::uint16_t minor, major;
  std::uint32_t architecture;  // 90 for sm_90a
};

/// The code of one source file: its PTX, parsed when a kernel of it is first needed.
struct image {
  std::string_view ptx;
  int architecture = 0;
  std::unique_ptr<interpreter::module> module;
};

/// Of the PTX in a fat binary the first, or that for the architecture which NIBBLE_INTERPRETER_TARGET names;
/// nothing where it is compressed or of another kind.
image image_in(fat_wrapper const& wrapper) {
  char const* const wanted = std::getenv("NIBBLE_INTERPRETER_TARGET");
  auto const& header = *reinterpret_cast<fat_header const*>(wrapper.binary);
  if (wrapper.magic != 0x4662'43B1 || header.magic != 0xBA55'ED50) return {};
  auto const* at = wrapper.binary + header.header_bytes;
  auto const* const end = at + header.bytes;
  while (at < end) {
    auto const& entry = *reinterpret_cast<fat_entry const*>(at);
    auto const* const text = reinterpret_cast<char const*>(at + entry.header_bytes);
    at += entry.header_bytes + entry.bytes;
    int const architecture = static_cast<int>(entry.architecture);
    bool const is_wanted = wanted == nullptr || std::atoi(wanted) == architecture;
    if (entry.kind != 1 || entry.compressed_bytes != 0 || !is_wanted) continue;
    std::string_view const padded(text, entry.bytes);
    return {padded.substr(0, padded.find('\0')), architecture, nullptr};
  }
  return {};
}

}  // namespace

struct CUkern_st {
  image* from;
  std::string name;
  int asked_shared_bytes = interpreter::unasked_shared_bytes;  // static and dynamic
  interpreter::kernel const* code = nullptr;
  std::size_t static_shared_bytes = 0;
  std::vector<std::size_t> parameters = {};  // their sizes: graphs keep the arguments of a launch
};

namespace {

struct registry {
  std::vector<std::unique_ptr<image>> images;
  std::map<void const*, CUkern_st> kernels;  // by what the host calls
};

/// Programs register before main and free memory after it: made when first needed, and never destroyed.
registry& registered() {
  static auto& made = *new registry;
  return made;
}

CUkern_st* kernel_of(void const* function) {
  auto const found = registered().kernels.find(function);
  return found == registered().kernels.end() ? nullptr : &found->second;
}

/// Makes kernel->code known, and what goes with it.
cudaError_t load(CUkern_st* kernel) {
  if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
  if (kernel->code != nullptr) return cudaSuccess;
  image& from = *kernel->from;
  if (from.ptx.empty()) return cudaErrorNoKernelImageForDevice;
  try {
    if (from.module == nullptr) from.module = std::make_unique<interpreter::module>(from.ptx);
    auto const* const code = from.module->find(kernel->name);
    if (code == nullptr) return cudaErrorInvalidDeviceFunction;
    kernel->static_shared_bytes = code->static_shared_bytes();
    kernel->parameters = code->parameter_bytes();
    kernel->code = code;
  } catch (interpreter::fault const& fault) {
    std::fprintf(stderr, "%s\n", fault.what());
    return cudaErrorInvalidPtx;
  }
  return cudaSuccess;
}

std::size_t count(interpreter::dimensions const& d) { return std::size_t{d.x} * d.y * d.z; }

bool has_room(CUkern_st const& kernel, std::size_t dynamic_bytes) {
  return kernel.static_shared_bytes + dynamic_bytes <=
         static_cast<std::size_t>(kernel.asked_shared_bytes);
}

cudaError_t check(CUkern_st const& kernel, launch_shape const& shape) {
  auto const& [grid, block, cluster, shared] = shape;
  // Such launches have the same error on an H200 with CUDA 13.0, where the manual has cudaErrorInvalidConfiguration.
  bool const is_grid =
      count(grid) != 0 && grid.x <= 0x7FFF'FFFF && grid.y <= 65'535 && grid.z <= 65'535;
  bool const is_block = count(block) != 0 && block.z <= 64 && count(block) <= 1024;
  if (!is_grid || !is_block) return cudaErrorInvalidValue;
  bool const divides = count(cluster) != 0 && grid.x % cluster.x == 0 && grid.y % cluster.y == 0 &&
                       grid.z % cluster.z == 0;
  if (!divides || count(cluster) > 8) return cudaErrorInvalidClusterSize;
  return has_room(kernel, shared) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t launch(CUkern_st* kernel, launch_shape const& shape, void** arguments,
                   cudaStream_t stream) {
  if (auto const status = load(kernel); status != cudaSuccess) return status;
  if (auto const status = check(*kernel, shape); status != cudaSuccess) return status;
  std::vector<std::vector<unsigned char>> values;
  for (std::size_t i = 0; i < kernel->parameters.size(); ++i) {
    auto const* const first = static_cast<unsigned char const*>(arguments[i]);
    values.emplace_back(first, first + kernel->parameters[i]);
  }
  return interpreter::submit(stream, [code = kernel->code, shape, values = std::move(values)] {
    std::vector<void*> pointers;
    for (auto const& value : values) pointers.push_back(const_cast<unsigned char*>(value.data()));
    code->run(shape, pointers.data());
  });
}

interpreter::dimensions dimensions_of(dim3 d) { return {d.x, d.y, d.z}; }

launch_shape shape_of(cudaLaunchConfig_t const& config) {
  launch_shape shape{
      dimensions_of(config.gridDim), dimensions_of(config.blockDim), {}, config.dynamicSmemBytes};
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id != cudaLaunchAttributeClusterDimension) continue;
    auto const& cluster = config.attrs[i].val.clusterDim;
    shape.cluster = {cluster.x, cluster.y, cluster.z};
  }
  return shape;
}

/// Between <<<>>> and the function that it calls.
struct configuration {
  dim3 grid, block;
  std::size_t shared_bytes;
  cudaStream_t stream;
};
thread_local std::vector<configuration> configurations;

}  // namespace

int interpreter::architecture() {
  auto const& images = registered().images;
  auto const found = std::ranges::find_if(images, [](auto const& i) { return !i->ptx.empty(); });
  return found == images.end() ? 90 : (*found)->architecture;
}

extern "C" {

// --- what the code that nvcc writes calls: declared in crt/host_runtime.h and crt/device_functions.h

void** __cudaRegisterFatBinary(void* wrapper) {
  auto& images = registered().images;
  images.push_back(std::make_unique<image>(image_in(*static_cast<fat_wrapper const*>(wrapper))));
  return reinterpret_cast<void**>(images.back().get());
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }

void __cudaRegisterFunction(void** from, char const* function, char*, char const* name, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  registered().kernels.try_emplace(function, CUkern_st{reinterpret_cast<image*>(from), name});
}
// The host looks into no variable of a kernel's.
void __cudaRegisterVar(void**, char*, char*, char const*, int, std::size_t, int, int) {}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared_bytes,
                                     CUstream_st* stream) {
  configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared_bytes,
                                       void* stream) {
  auto const& last = configurations.back();
  *grid = last.grid, *block = last.block, *shared_bytes = last.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = last.stream;
  configurations.pop_back();
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, void const* function) {
  *kernel = kernel_of(function);
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               std::size_t shared_bytes, cudaStream_t stream) {
  launch_shape const shape{dimensions_of(grid), dimensions_of(block), {}, shared_bytes};
  return report(launch(kernel, shape, arguments, stream));
}

// --- what programs call

cudaError_t cudaLaunchKernelExC(cudaLaunchConfig_t const* config, void const* function,
                                void** arguments) {
  return report(launch(kernel_of(function), shape_of(*config), arguments, config->stream));
}

cudaError_t cudaFuncSetAttribute(void const* function, cudaFuncAttribute attribute, int value) {
  CUkern_st* const kernel = kernel_of(function);
  if (auto const status = load(kernel); status != cudaSuccess) return report(status);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return report(cudaSuccess);
  int const asked = value + static_cast<int>(kernel->static_shared_bytes);
  if (value < 0 || asked > interpreter::shared_bytes) return report(cudaErrorInvalidValue);
  kernel->asked_shared_bytes = std::max(asked, interpreter::unasked_shared_bytes);
  return report(cudaSuccess);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* of, void const* function) {
  CUkern_st* const kernel = kernel_of(function);
  if (auto const status = load(kernel); status != cudaSuccess) return report(status);
  *of = {};
  of->sharedSizeBytes = kernel->static_shared_bytes;
  of->maxDynamicSharedSizeBytes =
      kernel->asked_shared_bytes - static_cast<int>(of->sharedSizeBytes);
  of->maxThreadsPerBlock = 1024;
  of->ptxVersion = of->binaryVersion = kernel->from->architecture;
  return report(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void const* function,
                                           cudaLaunchConfig_t const* config) {
  CUkern_st* const kernel = kernel_of(function);
  if (auto const status = load(kernel); status != cudaSuccess) return report(status);
  launch_shape const shape = shape_of(*config);
  if (auto const status = check(*kernel, shape); status != cudaSuccess) return report(status);
  std::size_t const bytes = kernel->static_shared_bytes + shape.shared_bytes + 1024;
  std::size_t const blocks =
      std::min((interpreter::shared_bytes + 1024) / bytes, 2048 / count(shape.block));
  *clusters = static_cast<int>(interpreter::multiprocessors * blocks / count(shape.cluster));
  return report(cudaSuccess);
}

}  // extern "C"
