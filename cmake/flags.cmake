# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# Compiler and linker flags. Warnings are set per target (mmfault.cmake), so that
# generated code does not get them; what must agree everywhere is set here.

include(CheckLinkerFlag)

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(MMFAULT_CCACHE ccache)
  if(MMFAULT_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${MMFAULT_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${MMFAULT_CCACHE})
  endif()
endif()

# clang-19 finds its own lld; g++ needs an unversioned ld.lld on PATH.
check_linker_flag(CXX -fuse-ld=lld MMFAULT_HAVE_LLD)
if(MMFAULT_HAVE_LLD)
  add_link_options(-fuse-ld=lld)
endif()

# Absolute paths must not reach binaries, reports or CHECK messages: two
# checkouts of one commit give the same output.
add_compile_options(-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(CMAKE_COLOR_DIAGNOSTICS OR (NOT DEFINED CMAKE_COLOR_DIAGNOSTICS AND NOT DEFINED ENV{NO_COLOR}))
  add_compile_options(-fdiagnostics-color=auto)
endif()

if(MMFAULT_SANITIZE)
  add_compile_options(-fsanitize=${MMFAULT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MMFAULT_SANITIZE})
  if(MMFAULT_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
