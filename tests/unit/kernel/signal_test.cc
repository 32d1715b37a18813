// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The signal matrix, as recorded on real kernels: what signal_pending() and
// fatal_signal_pending() say after a send.

#include "server/kernel/signal.h"

#include "gtest/gtest.h"
#include "tests/support/engine_world.h"

namespace mmfault::kernel {
namespace {

using testing_support::EngineWorld;

enum class Mode : uint8_t {
  kDefault,
  kHandled,
  kBlocked,
  kIgnored,
  kBlockedIgnored
};

struct Row {
  const char* name;
  int signal;
  Mode mode;
  bool pending;
  bool fatal;
};

class SignalMatrixTest : public ::testing::TestWithParam<Row> {};

sched::Task<> Nothing(void* /*arg*/) { co_return; }

TEST_P(SignalMatrixTest, AsRecorded) {
  EngineWorld world;
  sched::TaskRecord* task = world.Spawn(Nothing);
  const Row& row = GetParam();
  const uint64_t bit = SignalBit(row.signal);
  const bool blocked =
      row.mode == Mode::kBlocked || row.mode == Mode::kBlockedIgnored;
  const bool ignored =
      row.mode == Mode::kIgnored || row.mode == Mode::kBlockedIgnored;
  task->sig_handled = row.mode == Mode::kHandled ? bit : 0;
  task->sig_blocked = blocked ? bit : 0;
  task->sig_ignored = ignored ? bit : 0;
  send_sig(row.signal, task);
  EXPECT_EQ(signal_pending(*task), row.pending);
  EXPECT_EQ(fatal_signal_pending(*task), row.fatal);
}

INSTANTIATE_TEST_SUITE_P(
    Signals, SignalMatrixTest,
    ::testing::Values(
        Row{"Usr1Handled", 10, Mode::kHandled, true, false},
        Row{"Usr1Default", 10, Mode::kDefault, true, true},
        Row{"Usr1Blocked", 10, Mode::kBlocked, false, false},
        Row{"Usr1Ignored", 10, Mode::kIgnored, false, false},
        Row{"Usr1BlockedIgnored", 10, Mode::kBlockedIgnored, false, false},
        Row{"TermDefault", 15, Mode::kDefault, true, true},
        Row{"TermHandled", 15, Mode::kHandled, true, false},
        Row{"TermBlocked", 15, Mode::kBlocked, false, false},
        Row{"StopDefault", 19, Mode::kDefault, true, false},
        Row{"StopBlocked", 19, Mode::kBlocked, true, false},
        Row{"StopIgnored", 19, Mode::kIgnored, true, false},
        Row{"TstpDefault", 20, Mode::kDefault, true, false},
        Row{"KillDefault", 9, Mode::kDefault, true, true},
        Row{"KillBlocked", 9, Mode::kBlocked, true, true},
        Row{"KillIgnored", 9, Mode::kIgnored, true, true},
        Row{"ChldDefault", 17, Mode::kDefault, false, false},
        Row{"ChldHandled", 17, Mode::kHandled, true, false},
        Row{"WinchDefault", 28, Mode::kDefault, false, false},
        // complete_signal() leaves a core dump to the one who dequeues.
        Row{"SegvDefault", 11, Mode::kDefault, true, false},
        Row{"QuitDefault", 3, Mode::kDefault, true, false},
        Row{"RealTimeDefault", 64, Mode::kDefault, true, true}),
    [](const auto& info) { return std::string(info.param.name); });

// A signal that comes while a task computes, after the wait it had is over,
// must not put it to sleep again.
sched::Task<> LockThenSignalSelf(void* arg) {
  auto* m = static_cast<mutex*>(arg);
  co_await mutex_lock(m, "test");
  send_sig(kSigKill, Current());
  co_await Yield("test");
  co_await mutex_unlock(m, "test");
}

struct Holder {
  sched::Object object;
  mutex lock;
};

TEST(SignalSelfTest, InsideAStepLeavesTheTaskRunnable) {
  EngineWorld world;
  auto* holder = world.New<Holder>();
  mutex_init(&holder->lock, LockClass::kDriverSleeping);
  EXPECT_EQ(world.Do(LockThenSignalSelf, &holder->lock),
            sched::RunStop::kFinished);
}

// What get_signal() leaves pending, of what was.
struct TakenRow {
  const char* name;
  int signal;
  Mode mode;
  uint64_t left;
};

class GetSignalTest : public ::testing::TestWithParam<TakenRow> {};

sched::Task<> TakeSignals(void* /*arg*/) { co_await get_signal(); }

TEST_P(GetSignalTest, TakesWhatItMay) {
  EngineWorld world;
  sched::TaskRecord* task = world.Spawn(TakeSignals);
  const TakenRow& row = GetParam();
  const uint64_t bit = SignalBit(row.signal);
  task->sig_handled = row.mode == Mode::kHandled ? bit : 0;
  task->sig_blocked = row.mode == Mode::kBlocked ? bit : 0;
  send_sig(row.signal, task);
  world.Run();
  EXPECT_EQ(task->sig_pending, row.left);
}

INSTANTIATE_TEST_SUITE_P(
    Signals, GetSignalTest,
    ::testing::Values(TakenRow{"Usr1Handled", 10, Mode::kHandled, 0},
                      TakenRow{"Usr1Blocked", 10, Mode::kBlocked,
                               SignalBit(10)},
                      TakenRow{"StopDefault", 19, Mode::kDefault, 0},
                      TakenRow{"TstpDefault", 20, Mode::kDefault, 0},
                      // The caller ends the task.
                      TakenRow{"KillDefault", 9, Mode::kDefault, SignalBit(9)},
                      TakenRow{"SegvDefault", 11, Mode::kDefault, SignalBit(9)},
                      TakenRow{"SegvHandled", 11, Mode::kHandled, 0}),
    [](const auto& info) { return std::string(info.param.name); });

sched::Task<> TestAndCount(void* /*arg*/) {
  Current()->vma_steps_untested = 5;
  const bool pending = co_await signal_pending_current("test");
  EXPECT_FALSE(pending);
}

TEST(SignalTestTest, ResetsTheCountOfUntestedSteps) {
  EngineWorld world;
  sched::TaskRecord* task = world.Spawn(TestAndCount);
  world.Run();
  EXPECT_EQ(task->vma_steps_untested, 0U);
}

}  // namespace
}  // namespace mmfault::kernel
