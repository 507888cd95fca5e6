# SPDX-License-Identifier: Apache-2.0
# Consumes the library in one way (MODE), in one language (LANGUAGE), below the folder WORK. By hand, with
# -D DISTFILES=FOLDER that holds NVIDIA's wheel of CCCL, the mode vcpkg tries the port of CCCL too.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
set(here "${CMAKE_CURRENT_LIST_DIR}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(compilers -DCMAKE_CXX_COMPILER=${CXX_COMPILER})
if(LANGUAGE STREQUAL "CUDA")
  list(APPEND compilers -DCMAKE_CUDA_COMPILER=${CUDA_COMPILER} -DCMAKE_CUDA_ARCHITECTURES=90a
    -DCMAKE_CUDA_HOST_COMPILER=${CXX_COMPILER})
endif()

# Installs to a folder, moves that, and sets `prefix`: a package must not remember where it was.
function(install_moved)
  run("${CMAKE_COMMAND}" --install "${NIBBLE_BUILD}" --prefix "${WORK}/installed")
  file(RENAME "${WORK}/installed" "${WORK}/moved")
  file(GLOB_RECURSE given RELATIVE "${NIBBLE_SOURCE}" "${NIBBLE_SOURCE}/include/*")
  file(GLOB_RECURSE got RELATIVE "${WORK}/moved" "${WORK}/moved/include/*")
  if(NOT given STREQUAL got)
    message(FATAL_ERROR "installed headers differ from include/:\n${given}\n${got}")
  endif()
  if(EXISTS "${WORK}/moved/lib")
    message(FATAL_ERROR "a header-only library installs nothing in lib/")
  endif()
  set(prefix "${WORK}/moved" PARENT_SCOPE)
endfunction()

function(build_and_run source)
  run("${CMAKE_COMMAND}" -S "${source}" -B "${WORK}/build" ${compilers} -DLANGUAGE=${LANGUAGE} ${ARGN})
  run("${CMAKE_COMMAND}" --build "${WORK}/build")
  run("${WORK}/build/consumer")
endfunction()

# Configuring <source> must fail, with a message that matches <regex>.
function(must_be_refused source regex)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${source}" -B "${WORK}/refused" --fresh
      ${compilers} -DLANGUAGE=CXX ${ARGN}
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(code EQUAL 0)
    message(FATAL_ERROR "accepted: ${ARGN}")
  elseif(NOT output MATCHES "${regex}")
    message(FATAL_ERROR "refused, but not with /${regex}/:\n${output}")
  endif()
endfunction()

if(MODE STREQUAL "plain")
  if(LANGUAGE STREQUAL "CUDA")
    run("${CUDA_COMPILER}" -std=c++20 -arch=sm_90a -ccbin "${CXX_COMPILER}" -I "${NIBBLE_SOURCE}/include"
      "${here}/main.cpp" "${here}/kernel.cu" -o "${WORK}/consumer")
  else()
    run("${CXX_COMPILER}" -std=c++20 -I "${NIBBLE_SOURCE}/include" "${here}/main.cpp" -o "${WORK}/consumer")
  endif()
  run("${WORK}/consumer")
elseif(MODE STREQUAL "package")
  install_moved()
  build_and_run("${here}/package" -DCMAKE_PREFIX_PATH=${prefix})
elseif(MODE STREQUAL "component")
  install_moved()
  list(GET CCCL_INCLUDES 0 cccl)
  build_and_run("${here}/package" -DCMAKE_PREFIX_PATH=${prefix} -DMATRIX=ON -DNIBBLE_CCCL_DIR=${cccl})
elseif(MODE STREQUAL "refused")
  install_moved()
  foreach(version 99 0.0)
    must_be_refused("${here}/package" "compatible[ \n]+with[ \n]+requested[ \n]+version \"${version}\""
      -DCMAKE_PREFIX_PATH=${prefix} -DVERSION=${version})
  endforeach()
  must_be_refused("${here}/package" "component[ \n]+cublas[ \n]+needs[ \n]+cuBLASLt"
    -DCMAKE_PREFIX_PATH=${prefix} -DCOMPONENTS=cublas)
elseif(MODE STREQUAL "vcpkg")
  include("${here}/vcpkg.cmake")
  set(ports "${NIBBLE_SOURCE}/packaging/vcpkg/ports")
  file(GLOB manifests "${ports}/*/vcpkg.json")
  foreach(manifest IN LISTS manifests)
    file(READ "${manifest}" text)
    string(JSON name GET "${text}" name)
    if(NOT EXISTS "${ports}/${name}/portfile.cmake")
      message(FATAL_ERROR "${manifest} is not in the folder of its port")
    endif()
  endforeach()
  vcpkg_build_port(package "${ports}" nibble "${WORK}")
  if(NOT EXISTS "${package}/share/nibble/usage")
    message(FATAL_ERROR "nibble: no share/nibble/usage")
  endif()
  file(COPY "${package}/" DESTINATION "${WORK}/installed")
  if(DISTFILES)
    vcpkg_build_port(package "${ports}" nvidia-cccl "${WORK}")
    file(COPY "${package}/" DESTINATION "${WORK}/installed")
    build_and_run("${here}/package" -DCMAKE_PREFIX_PATH=${WORK}/installed -DMATRIX=ON)
  else()
    build_and_run("${here}/package" -DCMAKE_PREFIX_PATH=${WORK}/installed)
  endif()
elseif(MODE STREQUAL "subdirectory")
  build_and_run("${here}/subdirectory" -DNIBBLE_SOURCE=${NIBBLE_SOURCE})
elseif(MODE STREQUAL "fetch_content")
  build_and_run("${here}/subdirectory" -DFETCHCONTENT_SOURCE_DIR_NIBBLE=${NIBBLE_SOURCE}
    -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
elseif(MODE STREQUAL "fetched_dependencies")
  # A doctest in the layout of its sources, and the CCCL that this build found, in place of downloads.
  file(COPY "${DOCTEST_INCLUDE}/doctest/doctest.h" DESTINATION "${WORK}/doctest/doctest")
  file(COPY "${DOCTEST_SCRIPTS}/doctest.cmake" "${DOCTEST_SCRIPTS}/doctestAddTests.cmake"
    DESTINATION "${WORK}/doctest/scripts/cmake")
  list(GET CCCL_INCLUDES 0 cccl)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${NIBBLE_SOURCE}" -B "${WORK}/build" ${compilers}
      -DNIBBLE_CUDA=OFF -DNIBBLE_FETCH=ON -DFETCHCONTENT_FULLY_DISCONNECTED=ON
      -DFETCHCONTENT_SOURCE_DIR_DOCTEST=${WORK}/doctest -DFETCHCONTENT_SOURCE_DIR_CCCL=${cccl}
    OUTPUT_VARIABLE output ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
  foreach(words "doctest fetched: ${WORK}/doctest" "CCCL from fetched: ${cccl}")
    string(FIND "${output}" "${words}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "the configuration does not say '${words}'")
    endif()
  endforeach()
  run("${CMAKE_COMMAND}" --build "${WORK}/build" --target test_support)
  run("${WORK}/build/tests/test_support")
else()
  message(FATAL_ERROR "unknown mode ${MODE}")
endif()
