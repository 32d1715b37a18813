// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// limits.h: everything that a client can make the server hold, bounded.
//
// One flag of mmfaultd each (`max_worlds` is `--max-worlds`). Whoever hits a
// limit gets RESOURCE_EXHAUSTED with the flag's name and value in the metadata
// (server/base/error.h, QuotaError); nothing is half done, and what exists
// already is unaffected. The defaults let a few teams share a 2 GiB container.
//
// Leaves out CPU time: a world's work is bounded by the step budgets of the
// requests that drive it.
//
// Threads: set before the server starts, constant afterwards.

#ifndef MMFAULT_SERVER_HOST_LIMITS_H_
#define MMFAULT_SERVER_HOST_LIMITS_H_

#include <cstdint>

namespace mmfault::host {

inline constexpr int64_t kMostTasksPerWorld = 56;
inline constexpr int64_t kMostWorkers = 64;

struct Limits {
  // Whether fault rules may say `crash`: the server ends at once, with all of
  // its worlds.
  bool allow_crash = false;

  // Worlds alive at once on the server. An idle world costs at most 64 KiB, so
  // a thousand of them cost 64 MiB.
  int64_t max_worlds = 1000;

  // mms of one world that were created and not yet freed; fork counts.
  int64_t max_mms_per_world = 64;

  // VMAs of one mm. Linux's own default is 65530 (vm.max_map_count); a million
  // is the largest registration that is measured, at 256 bytes each.
  int64_t max_vmas_per_mm = 1 << 20;

  // Tasks of one world that have not exited, attached clients' tasks included.
  // The default is the most there can be: the engine has 64, and needs 8 for
  // teardowns and grace periods. A world of memory order PSO has room for
  // fewer.
  int64_t max_tasks_per_world = kMostTasksPerWorld;

  // Notifiers of one world, registered or not yet freed, remote and modelled.
  int64_t max_notifiers_per_world = 1024;

  // Events kept for a slow or returning reader of one world; older ones are
  // dropped, and a reader that asks for them is told so.
  int64_t max_events_per_world = 1 << 16;

  // Runs kept, finished ones included: their results and what repeats them.
  // Delete what is not needed any more.
  int64_t max_runs = 256;

  // Runs that execute at once, a thread each; further ones wait in order.
  int64_t max_running_runs = 2;

  // Threads that may share the executions of one run, each with a machine of
  // its own.
  int64_t max_workers_per_run = 8;

  // Steps that one task may have waiting.
  int64_t max_queued_steps_per_task = 4096;

  // Arena of one world. Unit: bytes. A million VMAs with their anon_vmas take a
  // quarter of it; pages cost 64 bytes each.
  int64_t max_arena_bytes_per_world = int64_t{1} << 30;

  // Clients attached to one world.
  int64_t max_clients_per_world = 1024;

  // The longest message accepted from a client. Unit: bytes. gRPC itself
  // refuses a longer one with RESOURCE_EXHAUSTED. The largest honest request is
  // a scenario file; 4 MiB is gRPC's own default.
  int64_t max_message_bytes = 4 << 20;

  // RPCs, unary and streaming, that one connection may have open at once.
  // Further ones wait in the client.
  int64_t max_streams_per_connection = 1024;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_LIMITS_H_
