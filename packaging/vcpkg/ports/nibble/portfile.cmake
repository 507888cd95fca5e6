# SPDX-License-Identifier: Apache-2.0
# An overlay port: it takes the sources of the checkout that it stands in, so it needs no hash. Its
# binary cache does not see changed headers: install with --no-binarycaching.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release) # header-only port

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DNIBBLE_TESTS=OFF
        -DNIBBLE_EXAMPLES=OFF
        -DNIBBLE_BENCH=OFF
        -DNIBBLE_INSTALL=ON
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/nibble)

vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
