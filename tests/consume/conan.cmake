# SPDX-License-Identifier: Apache-2.0
# Makes the Conan package from a copy of what its recipe takes, and tries its refusal of C++17.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${WORK}")
foreach(part IN ITEMS LICENSE include cmake packaging)
  file(COPY "${NIBBLE_SOURCE}/${part}" DESTINATION "${WORK}" PATTERN build EXCLUDE)
endforeach()
set(recipe "${WORK}/packaging/conan")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run("${CONAN}" profile detect --force)
run("${CONAN}" create "${recipe}" -s compiler.cppstd=20)
execute_process(COMMAND "${CONAN}" create "${recipe}" -s compiler.cppstd=17
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(code EQUAL 0 OR NOT output MATCHES "lower than the required C\\+\\+ standard")
  message(FATAL_ERROR "C++17 is not refused as it should be:\n${output}")
endif()
