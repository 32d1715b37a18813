# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# What we take from the distribution (Debian 12 package names in `./dev`).

# FindProtobuf has no CONFIG package in Debian 12. gRPC's config also wants the
# dev packages of zlib, OpenSSL, c-ares and re2.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED MODULE)
find_package(gRPC REQUIRED CONFIG)
find_package(absl REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
if(BUILD_TESTING)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED CONFIG)
endif()
# Debian's python3-grpcio belongs to the system's interpreter; another python3
# may come first on PATH.
if(NOT DEFINED Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
  set(Python3_EXECUTABLE /usr/bin/python3)
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# The built-in health service answers without a descriptor, which breaks
# reflection clients; linking the generated health.pb.cc supplies it.
find_path(MMFAULT_GRPC_PROTO_DIR grpc/health/v1/health.proto
          PATHS /usr/share/grpc-proto NO_DEFAULT_PATH)
if(NOT MMFAULT_GRPC_PROTO_DIR)
  message(FATAL_ERROR "grpc/health/v1/health.proto not found: "
                      "apt-get install grpc-proto, or run ./dev build")
endif()
