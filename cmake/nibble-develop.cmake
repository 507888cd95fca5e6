# SPDX-License-Identifier: Apache-2.0
# What tests, examples and benchmarks need and users of the headers do not: the build type, the CUDA
# language, CCCL, strict warnings, and the functions that make programs of source files.

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT multi_config)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
if(NOT DEFINED CMAKE_EXPORT_COMPILE_COMMANDS)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()

# --- CUDA: AUTO takes what is there, ON insists, OFF does not look.
set(NIBBLE_HAS_CUDA OFF)
if(NOT NIBBLE_CUDA STREQUAL "OFF")
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "80;90a;100a;103a;120a" CACHE STRING "Device architectures")
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    include(nibble-cuda20)
    set(NIBBLE_HAS_CUDA ON)
  elseif(NIBBLE_CUDA STREQUAL "AUTO")
    message(STATUS "nibble: no CUDA compiler; device code is left out")
  else()
    message(FATAL_ERROR "nibble: NIBBLE_CUDA is ${NIBBLE_CUDA} and no CUDA compiler works; "
      "set the environment variable CUDACXX to the path of nvcc 13, or use -DNIBBLE_CUDA=OFF")
  endif()
endif()

# Device tests, benchmarks and the larger examples are built for the GPU at hand, or for one
# architecture where there is none (./run: to PTX): thrust alone takes 10 s for each.
# tests/device/every_kernel.cu is what compiles for all of them.
set(NIBBLE_TEST_ARCHITECTURE 90a CACHE STRING
  "The architecture that device tests, benchmarks and the larger examples are built for")

# Where it ends in -virtual no GPU runs what is built: programs have their device code at -O1, which takes half
# the time, and the host's half of it at -O0. Tests run on an interpreter, tests/interpreter, which reads PTX that is
# not compressed, and fast only PTX that is optimized: of tests/device/quantize_test.cu some cases take 2.7 s as nvcc
# optimizes it by default (62 s), 7.9 s with -Ofc=mid (41 s), 37 s with -Ofc=max, which inlines next to nothing (34 s).
option(NIBBLE_INTERPRET_ALL "Interpret the tests of tests/device too, which takes longer" OFF)
set(nibble_compiled_only "")
set(NIBBLE_INTERPRETED OFF)
if(NIBBLE_TEST_ARCHITECTURE MATCHES "-virtual$")
  string(REPLACE "-O3" "-Xcompiler=-O0" CMAKE_CUDA_FLAGS_RELEASE "${CMAKE_CUDA_FLAGS_RELEASE}")
  set(nibble_compiled_only -Xptxas=-O1
    "$<IF:$<BOOL:$<TARGET_PROPERTY:NIBBLE_INTERPRETED>>,--compress-mode=none;-Ofc=mid,-Xcicc=-O1>")
  if(NIBBLE_TESTS AND NIBBLE_HAS_CUDA)
    set(NIBBLE_INTERPRETED ON)
  endif()
endif()

# CUDA's own headers serve host code too: its number formats are compared with.
find_path(NIBBLE_CUDA_HEADERS cuda_fp4.h
  HINTS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ENV CUDA_PATH ENV CUDA_HOME /usr/local/cuda
  PATH_SUFFIXES include
  DOC "The folder of CUDA's headers")

# --- doctest, CCCL and cuBLAS
if(NIBBLE_HAS_CUDA)
  include(nibble-cublas)
endif()
# NCCL, which some CUDA Toolkits bring along.
if(NIBBLE_HAS_CUDA)
  find_path(NIBBLE_NCCL_INCLUDE nccl.h HINTS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  find_library(NIBBLE_NCCL_LIBRARY nccl HINTS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES}/..
    PATH_SUFFIXES lib lib64)
  mark_as_advanced(NIBBLE_NCCL_INCLUDE NIBBLE_NCCL_LIBRARY)
endif()
include(nibble-cccl)
if(NIBBLE_FETCH)
  include(nibble-fetch)
endif()
if(NIBBLE_FETCH AND NOT NIBBLE_CCCL_DIR)
  nibble_fetch_cccl(NIBBLE_CCCL_INCLUDES)
  set(cccl_origin "fetched")
else()
  nibble_find_cccl(NIBBLE_CCCL_INCLUDES cccl_origin)
endif()
if(NIBBLE_CCCL_INCLUDES)
  message(STATUS "nibble: CCCL from ${cccl_origin}: ${NIBBLE_CCCL_INCLUDES}")
  if(NOT TARGET nibble::matrix)
    nibble_add_matrix_target("${NIBBLE_CCCL_INCLUDES}")
  endif()
else()
  message(STATUS "nibble: no CCCL; what uses views and matrices is left out")
endif()

# --- Every warning, as errors where CMAKE_COMPILE_WARNING_AS_ERROR is on (presets, ./run).
# nvcc does not bear -Wpedantic: it flags each line that the tool itself writes.
set(nibble_cxx_warnings -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
set(nibble_cuda_warnings -Xcompiler=-Wall,-Wextra,-Wshadow,-Wconversion)
add_library(nibble_strict INTERFACE)
target_compile_options(nibble_strict INTERFACE
  "$<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:${nibble_cxx_warnings}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:${nibble_cuda_warnings}>")

find_package(Threads REQUIRED)

find_package(Eigen3 3.4 QUIET NO_MODULE)
find_package(nlohmann_json 3.9 QUIET)

# Sets <out> to what a source needs beyond a C++ compiler, itself or through this repository's own
# headers: a list of CUDA, CUDA-headers, cuBLAS, NCCL, CCCL, Eigen, nlohmann-json. What is included under an
# #if is taken to be optional. Each file is read once, whoever includes it.
function(nibble_needs out file)
  get_property(is_known GLOBAL PROPERTY "nibble_needs ${file}" SET)
  if(NOT is_known)
    set_property(GLOBAL PROPERTY "nibble_needs ${file}" "")
    set(needs "")
    if(file MATCHES "\\.cuh?$")
      list(APPEND needs CUDA)
    endif()
    file(STRINGS "${file}" includes REGEX "^[ \t]*#[ \t]*(include|if|endif)")
    cmake_path(GET file PARENT_PATH folder)
    set(depth 0)
    foreach(line IN LISTS includes)
      if(line MATCHES "^[ \t]*#[ \t]*if")
        math(EXPR depth "${depth} + 1")
      elseif(line MATCHES "^[ \t]*#[ \t]*endif")
        math(EXPR depth "${depth} - 1")
      elseif(depth GREATER 0)
        continue()
      elseif(line MATCHES "<cublas[A-Za-z_]*[.]h>")
        list(APPEND needs cuBLAS)
      elseif(line MATCHES "<nccl[.]h>")
        list(APPEND needs NCCL)
      elseif(line MATCHES "<(cuda_[a-z0-9_]+|curand[a-z_]*|nvrtc)[.]h>")
        list(APPEND needs CUDA-headers)
      elseif(line MATCHES "[<\"](cuda/|cub/|thrust/)")
        list(APPEND needs CCCL)
      elseif(line MATCHES "[<\"]Eigen/")
        list(APPEND needs Eigen)
      elseif(line MATCHES "[<\"]nlohmann/")
        list(APPEND needs nlohmann-json)
      elseif(line MATCHES "[<\"]([^>\"]+)")
        set(included "${CMAKE_MATCH_1}")
        foreach(root IN ITEMS "${folder}" "${PROJECT_SOURCE_DIR}/include"
            "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/examples")
          if(EXISTS "${root}/${included}" AND NOT IS_DIRECTORY "${root}/${included}")
            nibble_needs(more "${root}/${included}")
            list(APPEND needs ${more})
          endif()
        endforeach()
      endif()
    endforeach()
    list(REMOVE_DUPLICATES needs)
    set_property(GLOBAL PROPERTY "nibble_needs ${file}" "${needs}")
  endif()
  get_property(needs GLOBAL PROPERTY "nibble_needs ${file}")
  set(${out} "${needs}" PARENT_SCOPE)
endfunction()

# Sets <out> to those of the sources that can be built here, and says which are left out and why.
function(nibble_buildable out)
  set(kept "")
  set(has_CUDA ${NIBBLE_HAS_CUDA})
  set(has_CUDA-headers ${NIBBLE_CUDA_HEADERS})
  set(has_cuBLAS OFF)
  if(TARGET nibble::cublas)
    set(has_cuBLAS ON)
  endif()
  set(has_NCCL OFF)
  if(NIBBLE_NCCL_INCLUDE AND NIBBLE_NCCL_LIBRARY)
    set(has_NCCL ON)
  endif()
  set(has_CCCL ${NIBBLE_CCCL_INCLUDES})
  set(has_Eigen ${Eigen3_FOUND})
  set(has_nlohmann-json ${nlohmann_json_FOUND})
  foreach(source IN LISTS ARGN)
    nibble_needs(needs "${source}")
    set(missing "")
    foreach(need IN LISTS needs)
      if(NOT has_${need})
        list(APPEND missing ${need})
      endif()
    endforeach()
    if(missing)
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE name)
      list(JOIN missing " and " missing)
      message(STATUS "nibble: left out, needs ${missing}: ${name}")
    else()
      list(APPEND kept "${source}")
    endif()
  endforeach()
  set(${out} "${kept}" PARENT_SCOPE)
endfunction()

# An executable of this repository: strict warnings, no language extensions, static CUDA runtime, and
# cuBLASLt where a source needs it.
function(nibble_add_program target)
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE nibble::cuda nibble_strict Threads::Threads)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${nibble_compiled_only}>")
  # The loader need not know the toolkit's folder, which CMake takes for one that it does.
  set(needed "")
  foreach(source IN LISTS ARGN)
    nibble_needs(needs "${source}")
    list(APPEND needed ${needs})
  endforeach()
  if("cuBLAS" IN_LIST needed)
    target_link_libraries(${target} PRIVATE nibble::cublas)
    cmake_path(GET CUDA_cublasLt_LIBRARY PARENT_PATH libraries)
    set_property(TARGET ${target} APPEND PROPERTY BUILD_RPATH "${libraries}")
  endif()
  if("NCCL" IN_LIST needed)
    target_include_directories(${target} SYSTEM PRIVATE "${NIBBLE_NCCL_INCLUDE}")
    target_link_libraries(${target} PRIVATE "${NIBBLE_NCCL_LIBRARY}")
    cmake_path(GET NIBBLE_NCCL_LIBRARY PARENT_PATH libraries)
    set_property(TARGET ${target} APPEND PROPERTY BUILD_RPATH "${libraries}")
  endif()
  if(TARGET nibble::matrix)
    target_link_libraries(${target} PRIVATE nibble::matrix)
  endif()
  if(NIBBLE_CUDA_HEADERS)
    target_include_directories(${target} SYSTEM PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:${NIBBLE_CUDA_HEADERS}>")
  endif()
  if(nlohmann_json_FOUND)
    target_link_libraries(${target} PRIVATE nlohmann_json::nlohmann_json)
  endif()
  if(Eigen3_FOUND)
    target_link_libraries(${target} PRIVATE Eigen3::Eigen)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CUDA_EXTENSIONS OFF)
endfunction()

# Has a program's kernels interpreted where tests have no GPU: the interpreter stands for CUDA's runtime and for
# cuBLASLt. What was decided stands in the target's property NIBBLE_INTERPRETED.
function(nibble_interpret target)
  if(NOT NIBBLE_INTERPRETED)
    return()
  endif()
  get_target_property(libraries ${target} LINK_LIBRARIES)
  list(REMOVE_ITEM libraries nibble::cublas)
  set_target_properties(${target} PROPERTIES
    NIBBLE_INTERPRETED ON CUDA_RUNTIME_LIBRARY None LINK_LIBRARIES "${libraries};interpreter")
endfunction()

# One program for each source in <folder>, and one for each folder below it (all its sources); a
# folder with a CMakeLists.txt of its own says itself what it is. Examples of one file are tests too:
# they check themselves, run without arguments, and print what their last comment says if they end
# with one.
function(nibble_add_programs folder)
  file(GLOB sources CONFIGURE_DEPENDS
    "${PROJECT_SOURCE_DIR}/${folder}/*.cpp" "${PROJECT_SOURCE_DIR}/${folder}/*.cu")
  file(GLOB entries CONFIGURE_DEPENDS LIST_DIRECTORIES ON "${PROJECT_SOURCE_DIR}/${folder}/*")
  nibble_buildable(sources ${sources})
  set(programs "")
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    nibble_add_program(${name} "${source}")
    list(APPEND programs ${name})
    if(NIBBLE_TESTS AND folder STREQUAL "examples")
      file(STRINGS "${source}" lines)
      list(GET lines -1 last)
      if(last MATCHES "^//")
        find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
        add_test(NAME "example: ${name}" COMMAND Python3::Interpreter
          "${PROJECT_SOURCE_DIR}/tests/examples/output_test.py" $<TARGET_FILE:${name}> "${source}")
      else()
        add_test(NAME "example: ${name}" COMMAND ${name})
      endif()
      set_tests_properties("example: ${name}" PROPERTIES
        SKIP_REGULAR_EXPRESSION "no CUDA device")
      # Left out: several GPUs, and more than is interpreted in a minute.
      if(source MATCHES "[.]cu$" AND NOT name MATCHES "^(nccl_allgather|custom_gemm)$")
        nibble_interpret(${name})
      endif()
    endif()
  endforeach()
  foreach(entry IN LISTS entries)
    cmake_path(GET entry FILENAME name)
    if(EXISTS "${entry}/CMakeLists.txt")
      add_subdirectory("${entry}" "${CMAKE_CURRENT_BINARY_DIR}/${folder}/${name}")
    elseif(IS_DIRECTORY "${entry}")
      file(GLOB parts CONFIGURE_DEPENDS "${entry}/*.cpp" "${entry}/*.cu")
      nibble_buildable(parts ${parts})
      if("${entry}/main.cpp" IN_LIST parts OR "${entry}/main.cu" IN_LIST parts)
        nibble_add_program(${name} ${parts})
        list(APPEND programs ${name})
      endif()
    endif()
  endforeach()
  foreach(name IN LISTS programs)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/${folder}")
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
      "${CMAKE_CURRENT_BINARY_DIR}/${folder}")
    if(folder STREQUAL "bench" OR name MATCHES "_on_device$|^(nccl|fused)_|^mma_atom$")
      set_target_properties(${name} PROPERTIES CUDA_ARCHITECTURES "${NIBBLE_TEST_ARCHITECTURE}")
    elseif(NIBBLE_TEST_ARCHITECTURE MATCHES "-virtual$")  # a target for each way through the code
      if(name STREQUAL "blackwell_gemm")  # assembled, and its PTX interpreted
        set_target_properties(${name} PROPERTIES CUDA_ARCHITECTURES 100a)
      elseif(name STREQUAL "custom_gemm")
        set_target_properties(${name} PROPERTIES CUDA_ARCHITECTURES "${NIBBLE_TEST_ARCHITECTURE};120a")
      endif()
    endif()
    if(NIBBLE_NATIVE)
      target_compile_options(${name} PRIVATE
        $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang>:-march=native>)
    endif()
  endforeach()
endfunction()
