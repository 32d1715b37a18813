// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// machine.h: a world with names: mms, files, notifiers and tasks by their ids.
//
// This is what a scenario sets up, what a live world is, and what the API
// talks to. It owns the World and the tables from ids to simulated objects; the
// tables are ours and are not simulated state, the objects are.
//
// Every function that touches simulated state enters the world itself unless
// it says "inside a Scope".
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_SCENARIO_MACHINE_H_
#define MMFAULT_SERVER_SCENARIO_MACHINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/device/remote.h"
#include "server/notifier/protocol.h"
#include "server/scenario/program.h"
#include "server/sched/world.h"

namespace mmfault::scenario {

// One VMA of a new mm.
struct VmaSetup {
  uint64_t start = 0;
  uint64_t end = 0;
  FileRef* file = nullptr;  // null: anonymous
  uint64_t pgoff = 0;
  bool shared = false;
  bool read_only = false;
  bool no_access = false;
  bool populated = false;
  bool anon_vma = false;
  bool huge_pages = false;
  bool mergeable = false;
};

// Told what happens in the world, on its thread, in the middle of a step: it
// may take notes and must not touch the world.
class MachineListener : public trace::MethodObserver {
 public:
  ~MachineListener() override = default;
  // A step begins that is not skipped; of one that first waits for a signal,
  // once the signal is there.
  virtual void OnStepBegin(const Program& /*program*/,
                           const StepSpec& /*step*/) {}
  virtual void OnStepDone(const Program& /*program*/, const StepSpec& /*step*/,
                          const StepOutcome& /*outcome*/) {}
  virtual void OnTaskEnd(const Program& /*program*/) {}
  virtual void OnCallback(const device::pending_callback& /*callback*/) {}
  // The stream of whoever answers for this notifier is to end.
  virtual void OnDisconnect(uint32_t /*notifier*/) {}
};

class Machine : public device::RemoteHub {
 public:
  // Where the world's memory cannot be reserved, world().reserved() is false
  // and the machine can only be destroyed.
  Machine(const notifier::Protocol& protocol,
          const sched::WorldOptions& options);
  ~Machine() override;

  static Machine* Of(sched::World* world) {
    return static_cast<Machine*>(
        static_cast<device::RemoteHub*>(world->outside()));
  }

  sched::World& world() { return *world_; }
  const sched::World& world() const { return *world_; }
  const notifier::Protocol& protocol() const { return protocol_; }
  void SetListener(MachineListener* listener) { listener_ = listener; }
  // Whether the listener is told of notifier methods (OnMethod); not at first.
  void ObserveMethods(bool on) {
    world_->SetMethodObserver(on ? listener_ : nullptr);
  }
  // Run() returns after each step that delivers a callback to the outside:
  // LOCKSTEP, where the answer is waited for at once.
  void SetStopAtCallbacks(bool stop) { stop_at_callbacks_ = stop; }
  // The scenario's steps are all of a driver's code, its remote ones' too: an
  // `unregister` step stops the device where the design will not. A live client
  // does that itself, or not.
  void SetScriptedDrivers(bool scripted) { scripted_drivers_ = scripted; }
  bool scripted_drivers() const { return scripted_drivers_; }

  // --- Things by id. Declare makes the reference if there is none. ---------
  MmRef* FindMm(std::string_view id) const;
  MmRef* DeclareMm(const std::string& id);
  // Makes the mm itself. Requires: declared, not made; VMAs in any order, not
  // overlapping (checked by the caller).
  void CreateMm(MmRef* ref, int64_t mm_users, std::vector<VmaSetup> vmas,
                uint64_t start_brk = 0);
  // Names an mm that the simulation made. Inside a Scope.
  void NameMm(MmRef* ref, mm::mm_struct* mm);

  FileRef* FindFile(std::string_view id) const;
  FileRef* CreateFile(const std::string& id, uint64_t size_pages,
                      mm::FileKind kind = mm::FileKind::kShmem);

  device::device* FindDevice(std::string_view id) const;
  device::device* CreateDevice(const std::string& id,
                               const device::Behaviour& behaviour, bool remote,
                               notifier::Kind kind = notifier::Kind::kList);

  EventRef* DeclareEvent(const std::string& name);
  // The title as events refer to it; lives as long as the machine. Null when
  // the machine has too many.
  const char* Title(const std::string& title);

  // A task; null when the world has no slot left. `own` may be null; else the
  // task holds one of its mm_users, which the caller accounts for.
  Program* CreateTask(const std::string& id, MmRef* own, bool stays);
  Program* FindTask(std::string_view id) const;
  // A slot for a label of a program, from 0; -1 when all are taken.
  int Label(const Program* program, const std::string& name);

  // An empty step; fill it, then Append it.
  StepSpec* NewStep(StepKind kind);
  void Append(Program* program, StepSpec* step);

  // For worlds that live long, with undo off.
  // Gives a step back that has run, or that was taken back; NewStep uses it.
  void Recycle(StepSpec* step);
  // Where a program's queue ends. TakeBackSteps() removes what was appended
  // since; the world must not have moved.
  struct QueueMark {
    StepSpec* next = nullptr;
    StepSpec* last = nullptr;
    uint32_t queued = 0;
  };
  QueueMark MarkQueue(const Program* program) const;
  void TakeBackSteps(Program* program, const QueueMark& mark);
  // Undoes CreateTask(); the task must not have run. Its mm is as before.
  void TakeBackTask(const std::string& id);
  // Takes an id out of its table: of a task that has ended, or an mm that
  // nothing refers to.
  void ForgetTask(const std::string& id);
  void ForgetMm(const std::string& id);

  const std::map<std::string, MmRef*, std::less<>>& mms() const { return mms_; }
  const std::map<std::string, Program*, std::less<>>& tasks() const {
    return tasks_;
  }
  const std::map<std::string, device::device*, std::less<>>& devices() const {
    return devices_;
  }
  const std::map<std::string, FileRef*, std::less<>>& files() const {
    return files_;
  }

  // The id of an object, by its number: what users called it.
  std::string NameOf(uint32_t object_id) const;
  // Null when it was given no name.
  const std::string* FindName(uint32_t object_id) const;

  // --- What steps and rules ask for; inside a Scope. -----------------------
  void OnStepBegin(Program* program, const StepSpec* step);
  void OnStepDone(Program* program, const StepSpec* step,
                  const StepOutcome& outcome);
  void OnTaskEnd(Program* program);
  void OnCallback(const device::pending_callback& callback) override;
  // ForceTeardown. 0, or -ESRCH when the mm is dead already.
  int Teardown(MmRef* ref, bool force);
  // The first half of a FORCE: the mm has no users any more. The caller then
  // has some task run ExitForced(). Requires: mm_users above 0.
  void RevokeUsers(MmRef* ref);
  // A signal when the task has taken `lock` locks of its mm_lock. Returns the
  // rule's id; 0 when it was sent at once because the task is past that.
  uint32_t SignalAtLock(sched::TaskRecord* task, int number, uint64_t lock);

  // --- Running --------------------------------------------------------------
  // Steps the world; at the end of a finished run checks what must hold then.
  sched::RunStop Run(sched::Strategy* strategy, uint64_t max_steps);
  // The checks of a finished run: every start has its end, every registered
  // notifier of a dead mm was released.
  void CheckFinished();

  // Violations so far, oldest first, at most sched::kMaxViolations of them.
  std::vector<trace::Violation> Violations() const;

 private:
  static void DisconnectHook(sched::World* world, uint32_t notifier);
  static void StepPointsHook(sched::World* world);
  // What a step of the running task is about.
  faults::PointPlace PlaceOf(const sched::TaskRecord& task) const;
  static void TeardownHook(sched::World* world, uint32_t mm, bool force);
  static trace::ObjKey SpteOwnerHook(sched::World* world, const mm::page* p);
  MmRef* RefOf(uint32_t mm_id) const;
  void KillOwners(MmRef* ref);
  void NoteRevoked(MmRef* ref);

  const notifier::Protocol& protocol_;
  std::unique_ptr<sched::World> world_;
  MachineListener* listener_ = nullptr;
  bool stop_at_callbacks_ = false;
  bool scripted_drivers_ = false;
  std::map<std::string, MmRef*, std::less<>> mms_;
  std::map<std::string, FileRef*, std::less<>> files_;
  std::map<std::string, device::device*, std::less<>> devices_;
  std::map<std::string, EventRef*, std::less<>> events_;
  std::map<std::string, Program*, std::less<>> tasks_;
  std::set<std::string> titles_;
  std::map<std::pair<uint32_t, std::string>, int> labels_;  // by number
  std::map<uint32_t, int> label_counts_;
  std::vector<StepSpec*> spare_steps_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_MACHINE_H_
