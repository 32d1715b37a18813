// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/race.h"

#include <array>

#include "server/base/check.h"
#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "server/kernel/refcount.h"
#include "server/kernel/signal.h"
#include "server/kernel/state.h"

namespace mmfault::bench {
namespace {

using sched::Task;
using trace::Cell;

constexpr int kSigUsr1 = 10;
constexpr int kNodes = 3;  // 0 is the end of the list, 1 is A, 2 is B
constexpr int kA = 1;
constexpr int kB = 2;
constexpr int kInterrupted = 1;
constexpr int kNoMm = 2;
// What can be broken, as bits.
constexpr int kFreedUsed = 1;
constexpr int kCalledAfterRelease = 2;
constexpr int kEndWithoutBegin = 4;

struct Race {
  sched::Object object;
  kernel::atomic_t users;
  kernel::mutex mmap_sem;
  std::array<kernel::mutex, 2> rmap;
  Cell<int32_t> head;
  std::array<Cell<int32_t>, kNodes> next;
  std::array<Cell<bool>, kNodes> freed;
  std::array<Cell<int32_t>, kNodes> begins;
  std::array<Cell<int32_t>, kNodes> ends;
  std::array<Cell<int32_t>, kNodes> releases;
  std::array<kernel::atomic_t, kNodes> active;  // begun and not ended
  std::array<Cell<int32_t>, 2> page;
  Cell<int32_t> rc1;
  Cell<int32_t> rc4;
  Cell<int32_t> broken;
  std::array<int, 2> rounds;  // of T2a, of T2b
};

Race* RaceOf(const sched::World& world) {
  return static_cast<Race*>(world.task(0).entry_arg.get());
}

kernel::ObjKey UsersKey(const Race* r) { return r->object.key(1); }

enum class Call : uint8_t { kBegin, kEnd, kRelease };

kernel::ObjKey NodeKey(const Race* r, int node) {
  return r->object.key(static_cast<uint32_t>(8 + node));
}

// A notifier's method: one step. Begin and end count what is under way there,
// as kvm->mn_active_invalidate_count does, so two that keep the count above
// zero commute; a release commutes with none of them.
struct CallPoint : kernel::AtomicPoint {
  Race* race;
  int node;
  Call call;

  void await_resume() const {
    Race* r = race;
    if (call == Call::kRelease) {
      r->releases[node] += 1;
      return;
    }
    if (r->releases[node] != 0) {
      r->broken |= kCalledAfterRelease;
    }
    if (call == Call::kBegin) {
      r->begins[node] += 1;
      v->counter += 1;
    } else if (v->counter == 0) {
      r->broken |= kEndWithoutBegin;
    } else {
      r->ends[node] += 1;
      v->counter -= 1;
    }
  }
};

CallPoint CallNode(Race* r, int node, Call call) {
  const trace::OpKind kind = call == Call::kBegin ? trace::OpKind::kRefGet
                             : call == Call::kEnd ? trace::OpKind::kRefDec
                                                  : trace::OpKind::kCallback;
  return {{{{kind, trace::Access::kWrite, NodeKey(r, node), "callback"}},
           &r->active[node]},
          r,
          node,
          call};
}

Task<> Walk(Race* r, Call call) {
  int node = co_await kernel::Load(r->head, "walk");
  while (node != 0) {
    const bool freed = co_await kernel::Load(r->freed[node], "walk");
    if (freed) {
      r->broken |= kFreedUsed;
      co_return;
    }
    co_await CallNode(r, node, call);
    node = co_await kernel::Load(r->next[node], "walk");
  }
}

Task<> ExitMmap(Race* r) {
  int node = co_await kernel::Load(r->head, "release");
  while (node != 0) {
    const int after = co_await kernel::Load(r->next[node], "release");
    co_await kernel::Store(r->head, after, "release");
    co_await CallNode(r, node, Call::kRelease);
    node = co_await kernel::Load(r->head, "release");
  }
  for (kernel::mutex& lock : r->rmap) {
    co_await kernel::mutex_lock(&lock, "unlink_file_vma");
    co_await kernel::mutex_unlock(&lock, "unlink_file_vma");
  }
}

Task<> Mmput(Race* r) {
  const bool last = co_await kernel::atomic_dec_and_test(
      &r->users, UsersKey(r), trace::Cause::kMmUsersBelowZero, "mmput");
  if (last) {
    co_await ExitMmap(r);
  }
}

Task<bool> Mmget(Race* r) {
  const bool got =
      co_await kernel::atomic_inc_not_zero(&r->users, UsersKey(r), "mmget");
  co_return got;
}

Task<bool> Interrupted() {
  const bool pending = co_await kernel::signal_pending_current("mm_lock");
  co_return pending;
}

// Takes the locks; 0, or how many of the three are held when a signal came.
Task<int> MmLock(Race* r) {
  co_await kernel::mutex_lock(&r->mmap_sem, "mm_lock");
  bool pending = co_await Interrupted();
  if (pending) {
    co_return 1;
  }
  co_await kernel::mutex_lock(&r->rmap[0], "mm_lock");
  pending = co_await Interrupted();
  if (pending) {
    co_return 2;
  }
  co_await kernel::mutex_lock(&r->rmap[1], "mm_lock");
  pending = co_await Interrupted();
  co_return pending ? 3 : 0;
}

Task<> Unlock(Race* r, int held) {
  if (held >= 3) {
    co_await kernel::mutex_unlock(&r->rmap[1], "mm_unlock");
  }
  if (held >= 2) {
    co_await kernel::mutex_unlock(&r->rmap[0], "mm_unlock");
  }
  co_await kernel::mutex_unlock(&r->mmap_sem, "mm_unlock");
}

Task<> T1(void* arg) {
  auto* r = static_cast<Race*>(arg);
  const bool alive = co_await Mmget(r);
  if (!alive) {
    r->rc1 = kNoMm;
    co_return;
  }
  const int held = co_await MmLock(r);
  if (held == 0) {
    const int first = co_await kernel::Load(r->head, "link");
    co_await kernel::Store(r->next[kB], first, "link");
    co_await kernel::Store(r->head, kB, "link");
  } else {
    r->rc1 = kInterrupted;
  }
  co_await Unlock(r, held == 0 ? 3 : held);
  co_await Mmput(r);
}

Task<> Invalidate(Race* r, int which) {
  for (int round = 0; round < r->rounds[which]; ++round) {
    co_await kernel::mutex_lock(&r->rmap[which], "invalidate");
    co_await Walk(r, Call::kBegin);
    co_await kernel::Store(r->page[which], round + 1, "zap");
    co_await Walk(r, Call::kEnd);
    co_await kernel::mutex_unlock(&r->rmap[which], "invalidate");
  }
}

Task<> T2a(void* arg) { co_await Invalidate(static_cast<Race*>(arg), 0); }

Task<> T2b(void* arg) { co_await Invalidate(static_cast<Race*>(arg), 1); }

Task<> T3(void* arg) { co_await Mmput(static_cast<Race*>(arg)); }

// A is the list's last; B, if it is there, comes before it.
Task<> UnlinkA(Race* r) {
  const int first = co_await kernel::Load(r->head, "unlink");
  if (first == kA) {
    co_await kernel::Store(r->head, 0, "unlink");
  } else if (first == kB) {
    co_await kernel::Store(r->next[kB], 0, "unlink");
  }
}

Task<> T4(void* arg) {
  auto* r = static_cast<Race*>(arg);
  const bool alive = co_await Mmget(r);
  if (!alive) {
    r->rc4 = kNoMm;
    co_return;
  }
  co_await kernel::mutex_lock(&r->mmap_sem, "mm_lock");
  co_await kernel::mutex_lock(&r->rmap[0], "mm_lock");
  co_await kernel::mutex_lock(&r->rmap[1], "mm_lock");
  co_await UnlinkA(r);
  co_await Unlock(r, 3);
  co_await kernel::Store(r->freed[kA], true, "kfree");
  co_await Mmput(r);
}

Task<> T5(void* /*arg*/) {
  co_await kernel::kill_task(&kernel::ThisWorld()->task(0), kSigUsr1);
}

}  // namespace

std::unique_ptr<sched::World> MakeRace(int rounds_a, int rounds_b,
                                       bool lockdep) {
  auto world = std::make_unique<sched::World>(sched::WorldOptions());
  const sched::World::Scope scope(world.get());
  kernel::InitKernel(world.get());
  auto* r = world->New<Race>(trace::ObjType::kMm);
  CHECK(r != nullptr);
  r->rounds = {rounds_a, rounds_b};
  using kernel::LockClass;
  const auto of_class = [lockdep](LockClass lock_class) {
    return lockdep ? lock_class : LockClass::kNone;
  };
  kernel::mutex_init(&r->mmap_sem, of_class(LockClass::kMmap));
  kernel::mutex_init(&r->rmap[0], of_class(LockClass::kMapping));
  kernel::mutex_init(&r->rmap[1], of_class(LockClass::kAnonVma));
  r->users.counter = 1;
  r->head = kA;
  for (const sched::TaskEntry entry : {T1, T2a, T2b, T3, T4, T5}) {
    world->Spawn(entry, r);
  }
  world->task(0).sig_handled = kernel::SignalBit(kSigUsr1);
  return world;
}

std::string RaceState(const sched::World& world) {
  const Race* r = RaceOf(world);
  std::string text = "rc1=" + std::to_string(r->rc1.get()) +
                     " rc4=" + std::to_string(r->rc4.get()) +
                     " head=" + std::to_string(r->head.get());
  for (const int node : {kA, kB}) {
    text += " n" + std::to_string(node) + "=" +
            std::to_string(r->begins[node].get()) + "/" +
            std::to_string(r->ends[node].get()) + "/" +
            std::to_string(r->releases[node].get());
  }
  return text + " users=" + std::to_string(r->users.counter.get()) +
         " broken=" + std::to_string(r->broken.get());
}

}  // namespace mmfault::bench
