// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// signal.h: which signals interrupt what.
//
// Models kernel/signal.c as far as signal_pending() and fatal_signal_pending()
// can tell, as recorded on 6.1, 6.12 and 7.3: a handled signal or a pending
// SIGSTOP interrupts; a blocked one waits; an ignored one is dropped at the
// send, and so is one whose default action is to be ignored (SIGCHLD). A signal
// whose default action kills makes SIGKILL pending for the task, unless that
// action also dumps core. Left out: queues of siginfo, thread groups, job
// control, core dumps.
//
// A signal that interrupted a call is gone once the call is over: get_signal().
//
// Threads: inside a step of the world.

#ifndef MMFAULT_SERVER_KERNEL_SIGNAL_H_
#define MMFAULT_SERVER_KERNEL_SIGNAL_H_

#include <cstdint>

#include "server/kernel/point.h"
#include "server/sched/task_record.h"

namespace mmfault::kernel {

inline constexpr int kSigKill = 9;
inline constexpr int kSigChld = 17;
inline constexpr int kSigCont = 18;
inline constexpr int kSigStop = 19;
inline constexpr int kSigUrg = 23;
inline constexpr int kSigWinch = 28;
inline constexpr int kSignalMax = 64;

constexpr uint64_t SignalBit(int number) { return uint64_t{1} << (number - 1); }

// Plain tests, without a scheduling point: for ready functions and reports.
bool signal_pending(const sched::TaskRecord& task);
bool fatal_signal_pending(const sched::TaskRecord& task);

// Makes a signal pending on a task, at once. Kernel:
// kernel/signal.c:send_signal_locked() and complete_signal().
void send_sig(int number, sched::TaskRecord* task);

// The test as a scheduling point: reads the task's signal word.
struct [[nodiscard]] SignalTest : Point {
  bool fatal;
  bool await_resume() const;
};
// signal_pending(current), at a VMA step or in a wait.
SignalTest signal_pending_current(const char* where);
SignalTest fatal_signal_pending_current(const char* where);

// The send as a scheduling point: writes the task's signal word.
struct [[nodiscard]] SignalSend : ReleasingPoint {
  sched::TaskRecord* task;
  int number;
  void await_resume() const { send_sig(number, task); }
};
SignalSend kill_task(sched::TaskRecord* task, int number);

// On the way back to user space a task takes every pending signal that it does
// not block: handlers run, a stop is over when it is continued, and one that
// dumps core kills. A fatal one stays pending: the caller ends the task.
//
// A scheduling point, as the send is: it writes the task's signal word. Nothing
// for a task with no handler and nothing pending.
// Kernel: kernel/signal.c:get_signal(), called from
// kernel/entry/common.c:exit_to_user_mode_loop(), v6.1.
// Differs: handlers do nothing and stops take no time; one that comes in the
// very last step of the call of a task without handlers waits for the next.
struct [[nodiscard]] SignalsTaken : Point {
  bool none;
  bool await_ready() const noexcept { return none; }
  void await_resume() const;
};
SignalsTaken get_signal();

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_SIGNAL_H_
