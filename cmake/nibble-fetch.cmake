# SPDX-License-Identifier: Apache-2.0
# With NIBBLE_FETCH=ON and only then: doctest and CCCL by download, pinned by hash. Sources on disk
# serve as well: FETCHCONTENT_SOURCE_DIR_DOCTEST, FETCHCONTENT_SOURCE_DIR_CCCL.
include(FetchContent)

# The sources are taken as they are (no add_subdirectory): both libraries are headers.
FetchContent_Declare(doctest
  URL https://github.com/doctest/doctest/archive/refs/tags/v2.4.11.tar.gz
  URL_HASH SHA256=632ed2c05a7f53fa961381497bf8069093f0d6628c5f26286161fbd32a560186
  DOWNLOAD_EXTRACT_TIMESTAMP OFF
  SOURCE_SUBDIR headers-only)
FetchContent_Declare(cccl
  URL https://github.com/NVIDIA/cccl/archive/refs/tags/v3.2.0.tar.gz
  URL_HASH SHA256=5e69383b2f3355291c7ca66625448d87686360c84c347a37ad439bb48fbea8e8
  DOWNLOAD_EXTRACT_TIMESTAMP OFF
  SOURCE_SUBDIR headers-only)

# Makes doctest::doctest and doctest_discover_tests().
macro(nibble_fetch_doctest)
  FetchContent_MakeAvailable(doctest)
  if(NOT TARGET doctest::doctest)
    add_library(doctest::doctest INTERFACE IMPORTED)
    target_include_directories(doctest::doctest SYSTEM INTERFACE "${doctest_SOURCE_DIR}")
  endif()
  include("${doctest_SOURCE_DIR}/scripts/cmake/doctest.cmake")
endmacro()

# Sets <out> to the include directories of CCCL.
function(nibble_fetch_cccl out)
  FetchContent_MakeAvailable(cccl)
  nibble_cccl_includes(found "${cccl_SOURCE_DIR}")
  if(NOT found)
    message(FATAL_ERROR "nibble: no CCCL 3 headers in ${cccl_SOURCE_DIR}")
  endif()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()
