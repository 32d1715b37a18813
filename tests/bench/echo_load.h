// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// echo_load.h: load on the bare services, which is what others are held
// against.

#ifndef MMFAULT_TESTS_BENCH_ECHO_LOAD_H_
#define MMFAULT_TESTS_BENCH_ECHO_LOAD_H_

#include "tests/bench/echo.grpc.pb.h"
#include "tests/bench/load.h"

namespace mmfault::bench {

// Echoes `request` in each of the slots.
LoadResult LoadEcho(EchoService::Stub& echo, const EchoRequest& request,
                    const LoadOptions& options);

// Answers each message of `stream_count` streams with `request`.
LoadResult LoadPingPong(EchoService::Stub& echo, int stream_count,
                        const PingPongRequest& request,
                        const LoadOptions& options);

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_ECHO_LOAD_H_
