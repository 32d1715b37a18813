// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/litmus/generated_models.h"

#include <algorithm>
#include <array>

#include "server/base/prng.h"
#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "server/kernel/rcu.h"
#include "server/kernel/refcount.h"
#include "server/kernel/signal.h"

namespace mmfault::litmus {
namespace {

using testing_support::EngineWorld;
using trace::Cell;

constexpr int kCells = 2;
constexpr int kMutexes = 2;
constexpr int kMaxLines = 8;
constexpr int kModelTasks = 4;
constexpr int kSigUsr1 = 10;

struct Program {
  int count = 0;
  std::array<Line, kMaxLines> lines = {};
};

struct Shared {
  sched::Object object;
  std::array<Cell<int64_t>, kCells> cells;
  std::array<kernel::mutex, kMutexes> mutexes;
  kernel::rw_semaphore sem;
  kernel::atomic_t count;
  std::array<Cell<int64_t>, kModelTasks> seen;  // what each task has read
  std::array<Program, kModelTasks> programs;
};

Shared* SharedOf(const sched::World& world) {
  return static_cast<Shared*>(world.task(0).entry_arg.get());
}

void Note(Shared* s, int64_t value) {
  Cell<int64_t>& seen = s->seen[kernel::ThisWorld()->current_slot()];
  seen = seen * 7 + value + 1;
}

kernel::ObjKey CountKey(const Shared* s) { return s->object.key(2); }

sched::Task<> RunAccess(Shared* s, Line line) {
  if (line.instruction == Instruction::kStore) {
    const int64_t value = kernel::ThisWorld()->current_slot() + 1;
    co_await kernel::Store(s->cells[line.operand], value, "store");
  } else {
    const int64_t value = co_await kernel::Load(s->cells[line.operand], "load");
    Note(s, value);
  }
}

sched::Task<> RunCount(Shared* s, Line line) {
  kernel::atomic_t* count = &s->count;
  if (line.instruction == Instruction::kGet) {
    co_await kernel::atomic_inc(count, CountKey(s), "get");
  } else if (line.instruction == Instruction::kGetNotZero) {
    const bool got =
        co_await kernel::atomic_inc_not_zero(count, CountKey(s), "get");
    Note(s, got ? 1 : 0);
  } else if (line.instruction == Instruction::kDec) {
    co_await kernel::atomic_dec(count, CountKey(s),
                                trace::Cause::kRefcountBelowZero, "dec");
  } else {
    const bool last = co_await kernel::atomic_dec_and_test(
        count, CountKey(s), trace::Cause::kRefcountBelowZero, "put");
    Note(s, last ? 1 : 0);
  }
}

sched::Task<> RunTry(Shared* s, Line line) {
  kernel::mutex* lock = &s->mutexes[line.operand];
  const bool got = co_await kernel::TryLockPoint(lock, false, "try");
  Note(s, got ? 1 : 0);
  if (got) {
    co_await kernel::mutex_unlock(lock, "try");
  }
}

sched::Task<> RunSignal(Shared* s, Line line) {
  if (line.instruction == Instruction::kSignal) {
    co_await kernel::kill_task(&kernel::ThisWorld()->task(line.operand),
                               kSigUsr1);
    co_return;
  }
  const bool pending = co_await kernel::signal_pending_current("test");
  Note(s, pending ? 1 : 0);
}

// Returns whether the line's block is entered.
sched::Task<bool> RunLine(Shared* s, Line line) {
  bool enter = true;
  switch (line.instruction) {
    case Instruction::kStore:
    case Instruction::kLoad:
      co_await RunAccess(s, line);
      break;
    case Instruction::kLock:
      co_await kernel::mutex_lock(&s->mutexes[line.operand], "lock");
      break;
    case Instruction::kLockInterruptible: {
      const int rc = co_await kernel::lock(&s->mutexes[line.operand], "lock",
                                           kernel::Nest::kNo,
                                           kernel::Wait::kInterruptible);
      Note(s, rc);
      enter = rc == 0;
      break;
    }
    case Instruction::kUnlock:
      co_await kernel::mutex_unlock(&s->mutexes[line.operand], "unlock");
      break;
    case Instruction::kReadLock:
      co_await kernel::down_read(&s->sem, "read");
      break;
    case Instruction::kReadUnlock:
      co_await kernel::up_read(&s->sem, "read");
      break;
    case Instruction::kWriteLock:
      co_await kernel::down_write(&s->sem, "write");
      break;
    case Instruction::kWriteUnlock:
      co_await kernel::up_write(&s->sem, "write");
      break;
    case Instruction::kGet:
    case Instruction::kGetNotZero:
    case Instruction::kPut:
    case Instruction::kDec:
      co_await RunCount(s, line);
      break;
    case Instruction::kRcuLock:
      co_await kernel::rcu_read_lock("rcu");
      break;
    case Instruction::kRcuUnlock:
      co_await kernel::rcu_read_unlock("rcu");
      break;
    case Instruction::kSynchronize:
      co_await kernel::synchronize_rcu("rcu");
      break;
    case Instruction::kSignal:
    case Instruction::kTestSignal:
      co_await RunSignal(s, line);
      break;
    case Instruction::kTryLock:
      co_await RunTry(s, line);
      break;
  }
  co_return enter;
}

bool Closes(Instruction instruction) {
  return instruction == Instruction::kUnlock ||
         instruction == Instruction::kReadUnlock ||
         instruction == Instruction::kWriteUnlock ||
         instruction == Instruction::kRcuUnlock;
}

sched::Task<> RunModel(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int slot = kernel::ThisWorld()->current_slot();
  const int count = s->programs[slot].count;
  for (int i = 0; i < count; ++i) {
    const Line line = s->programs[slot].lines[i];
    const bool enter = co_await RunLine(s, line);
    while (!enter && i < count - 1 &&
           !Closes(s->programs[slot].lines[i].instruction)) {
      ++i;
    }
  }
}

// --- Generation --------------------------------------------------------------

Line Block(Instruction instruction, base::Prng* prng) {
  return {instruction, static_cast<int8_t>(prng->Below(kMutexes))};
}

// `counts`: mostly gets and puts of the one counter.
Line Leaf(base::Prng* prng, int tasks, bool counts) {
  if (counts && prng->Below(3) != 0) {
    static constexpr std::array kCounts = {
        Instruction::kGetNotZero, Instruction::kPut, Instruction::kGet,
        Instruction::kPut, Instruction::kDec};
    return {kCounts[prng->Below(kCounts.size())]};
  }
  switch (prng->Below(11)) {
    case 0:
    case 1:
      return {Instruction::kStore, static_cast<int8_t>(prng->Below(kCells))};
    case 2:
    case 3:
      return {Instruction::kLoad, static_cast<int8_t>(prng->Below(kCells))};
    case 4:
      return {Instruction::kGetNotZero};
    case 5:
      return {Instruction::kPut};
    case 6:
      return {Instruction::kSignal,
              static_cast<int8_t>(prng->Below(static_cast<uint32_t>(tasks)))};
    case 7:
      return {Instruction::kTestSignal};
    case 8:
      return {Instruction::kGet};
    case 9:
      return {Instruction::kDec};
    default:
      return {Instruction::kTryLock,
              static_cast<int8_t>(prng->Below(kMutexes))};
  }
}

// Appends a leaf, or a block around one or two leaves.
void AddPart(std::vector<Line>* lines, base::Prng* prng, int tasks,
             bool counts) {
  struct Pair {
    Instruction open;
    Instruction close;
  };
  static constexpr std::array<Pair, 5> kPairs = {{
      {Instruction::kLock, Instruction::kUnlock},
      {Instruction::kLockInterruptible, Instruction::kUnlock},
      {Instruction::kReadLock, Instruction::kReadUnlock},
      {Instruction::kWriteLock, Instruction::kWriteUnlock},
      {Instruction::kRcuLock, Instruction::kRcuUnlock},
  }};
  const uint32_t kind = prng->Below(12);
  if (kind == 11) {
    lines->push_back({Instruction::kSynchronize});
    return;
  }
  if (kind >= kPairs.size()) {
    lines->push_back(Leaf(prng, tasks, counts));
    return;
  }
  const Line open = Block(kPairs[kind].open, prng);
  lines->push_back(open);
  Line inner = Leaf(prng, tasks, counts);
  while (inner.instruction == Instruction::kTryLock) {
    inner = Leaf(prng, tasks, counts);  // of a lock that may be held already
  }
  lines->push_back(inner);
  lines->push_back({kPairs[kind].close, open.operand});
}

}  // namespace

Model GenerateModel(uint64_t seed) {
  base::Prng prng(base::Mix64(seed));
  Model model;
  const int tasks = 2 + static_cast<int>(prng.Below(2));
  const int parts = tasks == 2 ? 3 : 2;
  model.initial_count = 1 + static_cast<int>(prng.Below(3));
  for (int task = 0; task < tasks; ++task) {
    std::vector<Line> lines;
    for (int part = 0; part < parts; ++part) {
      AddPart(&lines, &prng, tasks, seed % 3 == 0);
    }
    // A block that is cut leaves its lock held when the task ends.
    lines.resize(std::min<size_t>(lines.size(), tasks == 2 ? kMaxLines : 5));
    model.tasks.push_back(lines);
  }
  return model;
}

std::string Model::ToString() const {
  std::string text;
  for (const std::vector<Line>& lines : tasks) {
    text += "[";
    for (const Line& line : lines) {
      text += " " + std::to_string(static_cast<int>(line.instruction)) + "/" +
              std::to_string(line.operand);
    }
    text += " ]";
  }
  return text;
}

std::unique_ptr<EngineWorld> MakeWorld(const Model& model) {
  auto world = std::make_unique<EngineWorld>();
  auto* s = world->New<Shared>();
  for (kernel::mutex& lock : s->mutexes) {
    kernel::mutex_init(&lock, kernel::LockClass::kNone);
  }
  kernel::init_rwsem(&s->sem, kernel::LockClass::kNone);
  s->count.counter = model.initial_count;
  for (size_t task = 0; task < model.tasks.size(); ++task) {
    Program& program = s->programs[task];
    for (const Line& line : model.tasks[task]) {
      program.lines[static_cast<size_t>(program.count++)] = line;
    }
    world->Spawn(RunModel, s)->sig_handled = kernel::SignalBit(kSigUsr1);
  }
  return world;
}

std::string Observe(sched::World* world) {
  const Shared* s = SharedOf(*world);
  std::string text;
  for (const Cell<int64_t>& cell : s->cells) {
    text += std::to_string(cell.get()) + " ";
  }
  text += "count " + std::to_string(s->count.counter.get());
  for (const Cell<int64_t>& seen : s->seen) {
    text += " " + std::to_string(seen.get());
  }
  text += " alive " + std::to_string(world->state().alive.get());
  text += " broken " + std::to_string(world->state().violated.get());
  for (int slot = 0; slot < kModelTasks; ++slot) {
    text += " " + std::to_string(world->task(slot).sig_pending.get());
  }
  return text;
}

}  // namespace mmfault::litmus
