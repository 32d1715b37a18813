// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// access_log.h: which simulated memory a step touched, in builds that ask.
//
// A step names one object in its op; whoever prunes schedules believes it. In a
// build with MMFAULT_TRACE_ACCESS every read of a Cell and every logged write
// is noted, so that a test can find what a step touches beside what it names
// (tests/litmus/access_check.cc). In all other builds this costs nothing.
//
// AccessPause leaves out what no other order could change: scheduling's own
// looks, what the op names anyway, counts that only whoever is outside reads.
// Each says in a comment why, or names what docs/findings.md says of it.
//
// Threads: a log belongs to the thread that attached it.

#ifndef MMFAULT_SERVER_TRACE_ACCESS_LOG_H_
#define MMFAULT_SERVER_TRACE_ACCESS_LOG_H_

#include <cstddef>
#include <vector>

namespace mmfault::trace {

struct Touch {
  const void* address;
  std::size_t size;
  bool write;
  const void* code;  // where in the program, for llvm-symbolizer
};

struct AccessLog {
  std::vector<Touch> touches;
  int paused = 0;
};

#ifdef MMFAULT_TRACE_ACCESS

inline thread_local AccessLog* thread_access_log = nullptr;

[[gnu::noinline]] inline void NoteAccess(const void* address, std::size_t size,
                                         bool write) {
  if (thread_access_log != nullptr && thread_access_log->paused == 0) {
    thread_access_log->touches.push_back(
        {address, size, write, __builtin_return_address(0)});
  }
}

class AccessPause {
 public:
  AccessPause() : log_(thread_access_log) {
    if (log_ != nullptr) {
      ++log_->paused;
    }
  }
  ~AccessPause() {
    if (log_ != nullptr) {
      --log_->paused;
    }
  }
  AccessPause(const AccessPause&) = delete;
  AccessPause& operator=(const AccessPause&) = delete;

 private:
  AccessLog* log_;
};

#else

inline void NoteAccess(const void* /*address*/, std::size_t /*size*/,
                       bool /*write*/) {}

class AccessPause {
 public:
  AccessPause() {}  // NOLINT(modernize-use-equals-default): is used then
};

#endif

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_ACCESS_LOG_H_
