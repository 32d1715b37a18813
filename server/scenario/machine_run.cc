// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A machine in motion: teardown, signals at a lock, the end of a run.

#include <bit>

#include "server/kernel/errno.h"
#include "server/kernel/lockdep.h"
#include "server/kernel/point.h"
#include "server/kernel/signal.h"
#include "server/mm/fork.h"
#include "server/mm/mmap.h"
#include "server/notifier/inside.h"
#include "server/notifier/registration.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"
#include "server/trace/access_log.h"

namespace mmfault::scenario {
namespace {

using trace::Cause;
using trace::Checker;

// The task `teardown` under KILL: puts what belongs to nobody.
sched::Task<> PutOrphans(void* arg) {
  auto* mm = static_cast<mm::mm_struct*>(arg);
  while (mm->orphan_users != 0) {
    mm->orphan_users -= 1;
    co_await mm::mmput(mm);
  }
}

// ... and under FORCE: users is 0 already.
sched::Task<> RunExitForced(void* arg) {
  co_await ExitForced(static_cast<mm::mm_struct*>(arg));
}

bool HasFreeSlot(const sched::World& world) {
  for (int slot = 0; slot < world.task_slots(); ++slot) {
    if (world.task(slot).state == sched::TaskState::kFree) {
      return true;
    }
  }
  return false;
}

// Whether it was reported already: a live world comes to rest many times.
bool IsKnown(const sched::World& world, Cause cause, trace::ObjKey obj) {
  const sched::WorldState& state = world.state();
  for (uint32_t i = 0; i < state.violation_count && i < sched::kMaxViolations;
       ++i) {
    if (state.violations[i].cause == cause && state.violations[i].obj == obj) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Machine::OnStepBegin(Program* program, const StepSpec* step) {
  if (listener_ != nullptr) {
    listener_->OnStepBegin(*program, *step);
  }
}

void Machine::OnStepDone(Program* program, const StepSpec* step,
                         const StepOutcome& outcome) {
  if (listener_ != nullptr) {
    listener_->OnStepDone(*program, *step, outcome);
  }
}

void Machine::OnTaskEnd(Program* program) {
  program->task = nullptr;
  if (listener_ != nullptr) {
    listener_->OnTaskEnd(*program);
  }
}

void Machine::OnCallback(const device::pending_callback& callback) {
  if (listener_ != nullptr) {
    listener_->OnCallback(callback);
  }
  if (stop_at_callbacks_) {
    world_->RequestStop();
  }
}

MmRef* Machine::RefOf(uint32_t mm_id) const {
  for (const auto& [id, ref] : mms_) {
    const mm::mm_struct* mm = MmOf(ref);
    if (mm != nullptr && mm->object.id == mm_id) {
      return ref;
    }
  }
  return nullptr;
}

// Looking is no part of the step.
faults::PointPlace Machine::PlaceOf(const sched::TaskRecord& task) const {
  const trace::AccessPause pause;
  const auto* program = static_cast<const Program*>(task.program.get());
  const mm::mm_struct* mm = program == nullptr ? nullptr : MmAtHand(program);
  faults::PointPlace place;
  if (task.callback != 0) {
    const notifier::Inside inside = notifier::UnpackInside(task.callback);
    place.notifier = inside.notifier;
    place.event = static_cast<uint32_t>(inside.method);
    for (const auto& [id, dev] : devices_) {
      if (dev->mn.object.id == inside.notifier && dev->mn.mm != nullptr) {
        mm = dev->mn.mm;
      }
    }
  }
  place.mm = mm == nullptr || mm->object.freed() ? 0 : mm->object.id;
  return place;
}

void Machine::StepPointsHook(sched::World* world) {
  const sched::TaskRecord& task = *world->current();
  const faults::PointPlace place = Of(world)->PlaceOf(task);
  if (task.callback != 0) {
    kernel::InjectHere(faults::Point::kCallbackStep, place);
  }
  kernel::InjectHere(faults::Point::kStep, place);
}

void Machine::TeardownHook(sched::World* world, uint32_t mm, bool force) {
  Machine* machine = Of(world);
  MmRef* ref = machine->RefOf(mm);
  if (ref != nullptr) {
    machine->Teardown(ref, force);
  }
}

void Machine::DisconnectHook(sched::World* world, uint32_t notifier) {
  MachineListener* listener = Of(world)->listener_;
  if (listener != nullptr) {
    listener->OnDisconnect(notifier);
    world->RequestStop();
  }
}

trace::ObjKey Machine::SpteOwnerHook(sched::World* world, const mm::page* p) {
  for (const auto& [id, dev] : Of(world)->devices_) {
    if (device::Maps(dev, p)) {
      return dev->mn.object.key();
    }
  }
  return {};
}

// KILL: owners die and put what they hold; pins of others still count. What
// belongs to nobody is put by a task of its own.
void Machine::KillOwners(MmRef* ref) {
  for (const auto& [id, program] : tasks_) {
    sched::TaskRecord* task = program->task;
    if (program->own == ref && task != nullptr) {
      kernel::send_sig(kernel::kSigKill, task);
    }
  }
  mm::mm_struct* mm = ref->mm;
  if (ref->unowned > 0) {
    mm->orphan_users = static_cast<uint32_t>(ref->unowned);
    ref->unowned = 0;
    sched::TaskRecord* task = world_->Spawn(PutOrphans, mm);
    CHECK(task != nullptr);
    task->detached = true;
    world_->SetName(task->object.id, "teardown");
  }
}

// Who holds what, for the verdicts that come after. Tasks beyond the room are
// counted with nobody.
void Machine::NoteRevoked(MmRef* ref) {
  auto left = static_cast<uint32_t>(ref->mm->mm_users.counter);
  size_t at = 0;
  for (const auto& [id, program] : tasks_) {
    uint32_t held = 0;
    for (uint32_t i = 0; i < program->ref_count; ++i) {
      held += program->refs[i] == ref ? 1 : 0;
    }
    const sched::TaskRecord* task = program->task;
    if (held == 0 || task == nullptr || at + 1 == kMaxRevoked) {
      continue;
    }
    ref->revoked[at].task_id = task->object.id;
    ref->revoked[at].count = held;
    left -= held;
    ++at;
  }
  ref->revoked[at].count = left;
}

void Machine::RevokeUsers(MmRef* ref) {
  mm::mm_struct* mm = ref->mm;
  ref->forced = true;
  world_->state().forced = true;
  NoteRevoked(ref);
  mm->revoked_pins = static_cast<uint32_t>(mm->mm_users.counter);
  mm->mm_users.counter = 0;
}

int Machine::Teardown(MmRef* ref, bool force) {
  mm::mm_struct* mm = MmOf(ref);
  if (mm == nullptr || mm->object.freed() || mm->mm_users.counter <= 0) {
    return -ESRCH;
  }
  if (!HasFreeSlot(*world_)) {
    return -ENOMEM;  // the task `teardown` cannot be made
  }
  if (!force) {
    KillOwners(ref);
    return 0;
  }
  RevokeUsers(ref);
  sched::TaskRecord* task = world_->Spawn(RunExitForced, mm);
  CHECK(task != nullptr);
  task->detached = true;
  world_->SetName(task->object.id, "teardown");
  return 0;
}

uint32_t Machine::SignalAtLock(sched::TaskRecord* task, int number,
                               uint64_t lock) {
  const uint64_t taken =
      kernel::HeldOfClass(*task, kernel::LockClass::kMapping) +
      kernel::HeldOfClass(*task, kernel::LockClass::kAnonVma);
  if (taken >= lock) {
    kernel::send_sig(number, task);
    return 0;
  }
  faults::Rule rule;
  rule.point = faults::Point::kMmLockLock;
  rule.task = task->slot;
  faults::Term term;
  term.when = {lock - taken, lock - taken, 1};
  term.action = {faults::ActionKind::kSignal, number};
  rule.terms.push_back(term);
  return world_->faults().Arm(rule);
}

sched::RunStop Machine::Run(sched::Strategy* strategy, uint64_t max_steps) {
  const sched::RunStop stop = world_->Run(strategy, max_steps);
  if (stop == sched::RunStop::kFinished) {
    CheckFinished();
  }
  return stop;
}

void Machine::CheckFinished() {
  sched::World::Scope scope(world_.get());
  for (const auto& [id, dev] : devices_) {
    const notifier::mmu_notifier& mn = dev->mn;
    if (mn.object.freed() ||
        mn.registration != notifier::Registration::kRegistered) {
      continue;
    }
    const mm::mm_struct* mm = mn.mm;
    const bool dead = mm != nullptr && (mm->object.freed() ||
                                        mm->exit_phase == mm::ExitPhase::kDead);
    if (mn.open_total != 0 && !dead &&
        !IsKnown(*world_, Cause::kStartsNotBalancedAtEnd, mn.object.key())) {
      world_->Report({.checker = Checker::kStartEndPaired,
                      .cause = Cause::kStartsNotBalancedAtEnd,
                      .obj = mn.object.key(),
                      .a = mn.open_total});
    }
    const bool told = mn.release_count != 0 ||
                      dev->kind == notifier::Kind::kInterval;  // invalidate()
    if (dead && !told &&
        !IsKnown(*world_, Cause::kReleaseMissing, mn.object.key())) {
      world_->Report({.checker = Checker::kReleaseCount,
                      .cause = Cause::kReleaseMissing,
                      .obj = mn.object.key()});
    }
  }
}

}  // namespace mmfault::scenario
