// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/signal.h"

namespace mmfault::kernel {
namespace {

constexpr uint64_t kUnmaskable = SignalBit(kSigKill) | SignalBit(kSigStop);
constexpr uint64_t kIgnoredByDefault =
    SignalBit(kSigChld) | SignalBit(kSigCont) | SignalBit(kSigUrg) |
    SignalBit(kSigWinch);
// SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU: stop, do not kill.
constexpr uint64_t kStopByDefault =
    SignalBit(kSigStop) | SignalBit(20) | SignalBit(21) | SignalBit(22);
// SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ,
// SIGSYS: kill too, but complete_signal() leaves that to the one who dequeues
// them, so that the core dump can be made; SIGKILL is not made pending.
constexpr uint64_t kDumpsByDefault =
    SignalBit(3) | SignalBit(4) | SignalBit(5) | SignalBit(6) | SignalBit(7) |
    SignalBit(8) | SignalBit(11) | SignalBit(24) | SignalBit(25) |
    SignalBit(31);

bool Ready(const sched::TaskRecord& task) {
  const trace::AccessPause pause;  // scheduling's look
  const sched::ReadyFn ready = task.op_ready;
  return ready == nullptr || ready(task);
}

}  // namespace

bool signal_pending(const sched::TaskRecord& task) {
  const uint64_t blocked = task.sig_blocked & ~kUnmaskable;
  return (task.sig_pending & ~blocked) != 0;
}

bool fatal_signal_pending(const sched::TaskRecord& task) {
  return (task.sig_pending & SignalBit(kSigKill)) != 0;
}

void send_sig(int number, sched::TaskRecord* task) {
  const uint64_t bit = SignalBit(number);
  const bool blocked = (task->sig_blocked & bit & ~kUnmaskable) != 0;
  const bool handled = (task->sig_handled & bit) != 0;
  const bool ignored = (task->sig_ignored & bit & ~kUnmaskable) != 0 ||
                       (!handled && (bit & kIgnoredByDefault) != 0);
  ThisWorld()->TellSignal({task->slot, number, !ignored && !blocked});
  if (ignored && !blocked) {
    return;
  }
  const bool was_ready = Ready(*task);
  task->sig_pending |= bit;
  const bool fatal = !blocked && !handled && !ignored &&
                     (bit & (kStopByDefault | kDumpsByDefault)) == 0;
  if (fatal) {
    task->sig_pending |= SignalBit(kSigKill);
  }
  // A signal wakes those who wait for one. It must not stand in for a wake-up
  // that nobody made, so a condition that held before stays unseen.
  if (!was_ready) {
    ThisWorld()->ReevaluateTask(task->slot);
  }
}

bool SignalTest::await_resume() const {
  sched::TaskRecord& task = *Current();
  task.vma_steps_untested = 0;
  return fatal ? fatal_signal_pending(task) : signal_pending(task);
}

SignalTest signal_pending_current(const char* where) {
  return {{{trace::OpKind::kSignalTest, trace::Access::kRead,
            Current()->object.key(1), where}},
          false};
}

SignalTest fatal_signal_pending_current(const char* where) {
  return {{{trace::OpKind::kSignalTest, trace::Access::kRead,
            Current()->object.key(1), where}},
          true};
}

void SignalsTaken::await_resume() const {
  sched::TaskRecord& task = *Current();
  const uint64_t blocked = task.sig_blocked & ~kUnmaskable;
  const uint64_t taken = task.sig_pending & ~blocked & ~SignalBit(kSigKill);
  if (taken == 0) {
    return;
  }
  const bool dumps = (taken & kDumpsByDefault & ~task.sig_handled) != 0;
  task.sig_pending &= ~taken;
  if (dumps) {
    task.sig_pending |= SignalBit(kSigKill);
  }
}

SignalsTaken get_signal() {
  const sched::TaskRecord& task = *Current();
  return {{{trace::OpKind::kSignalTest, trace::Access::kWrite,
            task.object.key(1), "get_signal"}},
          task.sig_handled == 0 && task.sig_pending == 0};
}

SignalSend kill_task(sched::TaskRecord* task, int number) {
  return {{{trace::OpKind::kSignalSend, trace::Access::kWrite,
            task->object.key(1), "send_signal_locked"}},
          task,
          number};
}

}  // namespace mmfault::kernel
