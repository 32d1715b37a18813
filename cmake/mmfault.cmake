# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# The functions that declare targets:
#   mmfault_add_folders(dir...)            children, in this order, where they exist
#   mmfault_library(NAME n SOURCES ... DEPS ...)
#   mmfault_binary(NAME n SOURCES ... DEPS ...)
#   mmfault_test(NAME n SOURCES ... DEPS ... [LABELS fast ...] [TIMEOUT s])
#   mmfault_script_test(NAME n COMMAND ... [LABELS ...] [TIMEOUT s] [ENVIRONMENT ...])
#   mmfault_proto_library(NAME n ROOT dir PROTOS a/b.proto ... [DEPS ...])
#
# Library names are the folder's path with underscores, `mmfault_server_sched`;
# in NAME and DEPS the prefix may be left out (`server_sched`).

# Groups to build by: what ./dev run needs, what clang-tidy needs; mmfault_test()
# adds mmfault_tests_LABEL.
add_custom_target(mmfault_programs)
add_custom_target(mmfault_generated)
add_custom_target(mmfault_benches)

function(mmfault_add_folders)
  foreach(folder IN LISTS ARGN)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
      add_subdirectory(${folder})
    endif()
  endforeach()
endfunction()

function(_mmfault_full_names out)
  set(names "")
  foreach(name IN LISTS ARGN)
    if(name MATCHES "^(server|faults|clients|tests|protos)(_|$)")
      set(name mmfault_${name})
    endif()
    list(APPEND names ${name})
  endforeach()
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# Flags of code written by us, as opposed to generated.
function(_mmfault_own_code target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra)
  if(MMFAULT_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # g++ 12 gives false positives for inlined std::string and coroutine frames
    # at -O2; clang's analysis of the same code stays on.
    target_compile_options(${target} PRIVATE
      -Wno-restrict -Wno-maybe-uninitialized -Wno-dangling-pointer
      -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()

function(mmfault_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS")
  _mmfault_full_names(name ${arg_NAME})
  _mmfault_full_names(deps ${arg_DEPS})
  set(sources ${arg_SOURCES})
  list(FILTER sources INCLUDE REGEX "\\.cc$")
  if(sources)
    add_library(${name} STATIC ${arg_SOURCES})
    _mmfault_own_code(${name})
    target_link_libraries(${name} PUBLIC ${deps})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${deps})
  endif()
endfunction()

function(mmfault_binary)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS")
  _mmfault_full_names(deps ${arg_DEPS})
  add_executable(${arg_NAME} ${arg_SOURCES})
  _mmfault_own_code(${arg_NAME})
  target_link_libraries(${arg_NAME} PRIVATE ${deps})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^tests/bench")
    add_dependencies(mmfault_benches ${arg_NAME})
  elseif(NOT folder MATCHES "^tests")
    add_dependencies(mmfault_programs ${arg_NAME})
  endif()
endfunction()

# Seconds a test may take. A sanitizer costs up to about ten times on the engine.
function(_mmfault_timeout out labels asked)
  set(timeout 60)
  if(asked)
    set(timeout ${asked})
  elseif("slow" IN_LIST labels)
    set(timeout 1800)
  elseif("e2e" IN_LIST labels)
    set(timeout 120)
  endif()
  if(MMFAULT_SANITIZE)
    math(EXPR timeout "${timeout} * 10")
  endif()
  set(${out} ${timeout} PARENT_SCOPE)
endfunction()

function(_mmfault_register_test name labels asked_timeout)
  if(NOT labels)
    set(labels fast)
  endif()
  _mmfault_timeout(timeout "${labels}" "${asked_timeout}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${labels}"
    TIMEOUT ${timeout}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(TARGET ${name})
    foreach(label IN LISTS labels)
      if(NOT TARGET mmfault_tests_${label})
        add_custom_target(mmfault_tests_${label})
      endif()
      add_dependencies(mmfault_tests_${label} ${name})
    endforeach()
  endif()
endfunction()

# One binary is one ctest entry: gtest's own report names the case that failed,
# and ctest need not start every binary to list it. Tests run in the repository's
# root, so that data files have the path a reader would type.
function(mmfault_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;DEPS;LABELS;ARGS")
  _mmfault_full_names(deps ${arg_DEPS})
  add_executable(${arg_NAME} ${arg_SOURCES})
  _mmfault_own_code(${arg_NAME})
  target_link_libraries(${arg_NAME} PRIVATE ${deps} GTest::gmock_main GTest::gmock GTest::gtest)
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${arg_ARGS})
  _mmfault_register_test(${arg_NAME} "${arg_LABELS}" "${arg_TIMEOUT}")
endfunction()

# A test that is a command (Python, shell); it may use $<TARGET_FILE:...>.
function(mmfault_script_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "COMMAND;LABELS;ENVIRONMENT")
  add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND})
  _mmfault_register_test(${arg_NAME} "${arg_LABELS}" "${arg_TIMEOUT}")
  if(arg_ENVIRONMENT)
    set_tests_properties(${arg_NAME} PROPERTIES ENVIRONMENT "${arg_ENVIRONMENT}")
  endif()
endfunction()

# Generates one proto file. CMake 3.25's protobuf_generate() misplaces outputs of
# nested paths. A command and an object per file: a big proto costs half a minute
# of compiling, so they should run side by side. The grpc plugin runs only where
# there is a service; gaining one reconfigures.
function(_mmfault_generate out_sources root proto)
  set(gen ${PROJECT_BINARY_DIR}/gen)
  cmake_path(REMOVE_EXTENSION proto LAST_ONLY OUTPUT_VARIABLE stem)
  set(outputs ${gen}/${stem}.pb.cc ${gen}/${stem}.pb.h)
  set(command protobuf::protoc -I ${root} -I ${PROJECT_SOURCE_DIR}/protos --cpp_out=${gen})
  set(tools protobuf::protoc)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${root}/${proto})
  file(STRINGS ${root}/${proto} services REGEX "^service ")
  if(services)
    list(APPEND outputs ${gen}/${stem}.grpc.pb.cc ${gen}/${stem}.grpc.pb.h)
    list(APPEND command --grpc_out=${gen}
         --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    list(APPEND tools gRPC::grpc_cpp_plugin)
  endif()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${command} ${root}/${proto}
    DEPENDS ${root}/${proto} ${tools} ${ARGN}
    COMMENT "protoc ${proto}"
    VERBATIM)
  set(${out_sources} ${${out_sources}} ${outputs} PARENT_SCOPE)
endfunction()

function(mmfault_proto_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;ROOT" "PROTOS;DEPS")
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/gen)
  list(TRANSFORM arg_PROTOS PREPEND ${arg_ROOT}/ OUTPUT_VARIABLE proto_files)
  set(sources "")
  foreach(proto IN LISTS arg_PROTOS)
    # Any of them may import any other: regenerating all costs a second.
    _mmfault_generate(sources ${arg_ROOT} ${proto} ${proto_files})
  endforeach()
  add_library(${arg_NAME} STATIC ${sources})
  add_custom_target(${arg_NAME}_generated DEPENDS ${sources})
  add_dependencies(${arg_NAME} ${arg_NAME}_generated)
  add_dependencies(mmfault_generated ${arg_NAME}_generated)
  # Not our code: no warnings, no debug information, no clang-tidy.
  target_compile_options(${arg_NAME} PRIVATE -w -g0)
  set_target_properties(${arg_NAME} PROPERTIES CXX_CLANG_TIDY "")
  target_include_directories(${arg_NAME} SYSTEM PUBLIC ${PROJECT_BINARY_DIR}/gen)
  target_link_libraries(${arg_NAME} PUBLIC ${arg_DEPS} gRPC::grpc++ protobuf::libprotobuf)
endfunction()
