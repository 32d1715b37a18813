// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world.h: one simulated machine: tasks, a scheduler, a clock, and their arena.
//
// A world runs on one OS thread at a time and is a function of its options and
// of the decisions made for it. Simulated code has no clock, thread, heap or
// random number of its own: it asks the world.
//
// One step: a task is chosen among runnable(); the effect of the op that it
// published happens; it computes until it publishes the next one. With undo on,
// Step() first saves the stepping task's frames and marks the log, so Undo()
// restores exactly the bytes of before.
//
// Threads: none of this is thread-safe. Enter the world (World::Scope) on the
// thread that steps it; the primitives find it through the thread.

#ifndef MMFAULT_SERVER_SCHED_WORLD_H_
#define MMFAULT_SERVER_SCHED_WORLD_H_

#include <bit>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faults/registry.h"
#include "server/base/check.h"
#include "server/base/prng.h"
#include "server/sched/arena.h"
#include "server/sched/decision.h"
#include "server/sched/object.h"
#include "server/sched/observer.h"
#include "server/sched/store_buffer.h"
#include "server/sched/strategy.h"
#include "server/sched/task.h"
#include "server/sched/task_record.h"
#include "server/trace/event.h"
#include "server/trace/method_call.h"
#include "server/trace/undo_log.h"

namespace mmfault::sched {

enum class LockKind : uint8_t { kSpin = 0, kMutex = 1 };
// In which order one task's stores become visible (sched/store_buffer.h).
enum class MemoryOrder : uint8_t { kSc = 0, kPso = 1 };
enum class KaddrOrder : uint8_t { kCreation = 0, kShuffled = 1 };

// Planted mistakes that a world can have (kernel/mutant.h), at most.
inline constexpr int kMaxMutants = 256;

struct WorldOptions {
  uint64_t seed = 1;
  int cpu_count = 0;                     // 0: one CPU per task
  LockKind rmap_lock = LockKind::kSpin;  // i_mmap_lock and anon_vma->lock
  KaddrOrder kaddr_order = KaddrOrder::kCreation;
  MemoryOrder memory_order = MemoryOrder::kSc;
  bool capable = true;  // tasks have the capability that -EPERM asks for
  uint64_t vma_threshold = 1024;   // seed_threshold: more VMAs need it
  uint64_t max_map_count = 65530;  // the kernel's DEFAULT_MAX_MAP_COUNT
  size_t reserve_bytes = size_t{4} << 30;
  // Decisions beside the schedule (kernel/choice.h). Allocations that may fail:
  // each is a choice until so many have.
  uint32_t max_failures = 0;
  // Sleeping for a time is only a point where others may run; the clock stands
  // still, so that timers are as early and as late as can be.
  bool free_timers = false;
  bool may_crash = false;            // fault rules may end the process
  std::bitset<kMaxMutants> mutants;  // kernel::Mutant; none is set by default
};

inline constexpr int kMaxViolations = 16;

// A fault rule that has acted, for the violations that come after it.
struct FiredRule {
  trace::Cell<uint32_t> rule;  // its id in the registry; 0: none
  trace::Cell<uint32_t> task;  // whose pass it was: an object id
  trace::Cell<uint64_t> step;  // of the first time
};
inline constexpr int kMaxFiredRules = 16;

// Passes of an armed point at which its rules do nothing but count, known
// beforehand: `left` of `quota` are still to come, and those that have been are
// not in the rules' counters yet.
struct QuietGate {
  trace::Cell<uint64_t> left;
  trace::Cell<uint64_t> quota;
};

// Root of the arena: everything about the machine that is not an object.
struct WorldState {
  trace::Cell<uint64_t> step_count;
  trace::Cell<uint64_t> event_hash;
  trace::Cell<uint64_t> enabled;   // tasks whose op may execute
  trace::Cell<uint64_t> alive;     // tasks that have not ended
  trace::Cell<uint64_t> cpu_gate;  // tasks kept off a CPU by a non-preemptible
  trace::Cell<uint32_t> next_id;
  trace::Cell<uint64_t> time_ns;
  trace::Cell<bool> capable;              // what a new task begins with
  trace::Cell<bool> forced;               // ForceTeardown(FORCE) has been used
  trace::Cell<uint32_t> dead_tasks;       // stopped by a kernel BUG
  trace::Cell<uint32_t> violation_count;  // may exceed kMaxViolations
  trace::Cell<uint64_t> violated;         // a bit per checker
  trace::Cell<uint32_t> failures_left;    // see WorldOptions::max_failures
  std::array<trace::Violation, kMaxViolations> violations;
  // By the time they first acted, the newest of them.
  std::array<FiredRule, kMaxFiredRules> fired_rules;
  std::array<QuietGate, faults::kPointCount> quiet;  // by point
  WaitSet storers;             // tasks whose next step is a buffered store
  trace::Cell<void*> kernel;   // kernel::KernelState
  trace::Cell<void*> machine;  // mm::MmState
  trace::Cell<void*> devices;  // state of device/
  std::array<TaskRecord, kMaxTasks> tasks;
};

using TaskEntry = Task<> (*)(void* arg);

// Why Run() came back.
enum class RunStop : uint8_t {
  kFinished,  // every task has exited or is parked
  kDeadlock,  // some task can never run again
  kHeld,      // only tasks held at a fault point could run
  kOutside,   // only an answer from outside can enable a task
  kStepBudget,
  kAtPoint,  // a rule asked to stop here
};

class World : private faults::DecisionSource {
 public:
  explicit World(const WorldOptions& options);
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Makes this world the thread's. Scopes nest and restore.
  class Scope {
   public:
    explicit Scope(World* world);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    World* previous_;
    trace::UndoLog* previous_log_;
  };

  // False where the machine could not reserve `reserve_bytes`: then the world
  // can only be destroyed.
  bool reserved() const { return arena_.reserved(); }

  const WorldOptions& options() const { return options_; }
  // Whether stores may be pending.
  bool pso() const { return options_.memory_order == MemoryOrder::kPso; }
  WorldState& state() { return *state_; }
  const WorldState& state() const { return *state_; }
  Arena& arena() { return arena_; }
  const Arena& arena() const { return arena_; }
  faults::Registry& faults() { return faults_; }
  const faults::Registry& faults() const { return faults_; }

  // --- Objects -------------------------------------------------------------

  // A zeroed object with a header. Null when the arena is spent.
  template <typename T>
  T* New(trace::ObjType type) {
    auto* object = static_cast<T*>(arena_.Allocate(sizeof(T)));
    if (object != nullptr) {
      InitObject(&object->object, type);
    }
    return object;
  }
  // Marks the object dead and gives its memory to the quarantine.
  template <typename T>
  void Delete(T* object) {
    if (pso()) [[unlikely]] {
      SettleMemory(this, object, sizeof(T));
    }
    object->object.life = Life::kFreed;
    arena_.Free(object, sizeof(T));
  }
  void InitObject(Object* object, trace::ObjType type);
  uint32_t NextId();

  // The simulated address of an object, by id: what the kernel would compare.
  uint64_t kaddr(uint32_t id) const;

  // Names given by users, for stories only; not simulated state.
  void SetName(uint32_t id, std::string name);
  std::string NameOf(trace::ObjKey key) const;
  // Null when it was given no name.
  const std::string* FindName(uint32_t id) const;
  bool HasName(uint32_t id) const { return names_.contains(id); }

  // --- Tasks ---------------------------------------------------------------

  // Creates a task that will run entry(arg); null when all slots are taken.
  TaskRecord* Spawn(TaskEntry entry, void* arg);
  // Takes back a Spawn; the task must not have run.
  void Unspawn(TaskRecord* task);
  // Frees an exited task's slot; one that holds locks keeps it, so that no
  // later task is taken for their owner.
  void Reap(TaskRecord* task);
  TaskRecord& task(int slot) { return state_->tasks[slot]; }
  const TaskRecord& task(int slot) const { return state_->tasks[slot]; }
  TaskRecord* current() { return &state_->tasks[current_]; }
  int current_slot() const { return current_; }

  // Slots that tasks may have; the rest is for stores.
  int task_slots() const { return pso() ? kMaxTasks - kStoreSlots : kMaxTasks; }
  // The record of a slot that will hold a store. For sched/store_buffer.cc.
  TaskRecord& ClaimStoreSlot(int slot);

  // Slots that may be stepped now: tasks, and stores that may become visible.
  uint64_t runnable() const {
    return state_->enabled & ~static_cast<uint64_t>(state_->cpu_gate);
  }

  // Executes one step of a runnable task. `answer`: which alternative it takes,
  // below possible(slot).
  void Step(int slot, uint8_t answer = 0);
  void Step(Decision decision) { Step(decision.task, decision.answer); }
  // How many ways the task's next step can go: 1 unless it is a choice.
  int alternatives(int slot) const {
    const TaskRecord& task = state_->tasks[slot];
    return task.op_kind == trace::OpKind::kChoice
               ? static_cast<int>(task.op_arg & 0xff)
               : 1;
  }
  // The same, with those that nobody takes unless he is told to
  // (kernel::Again).
  int possible(int slot) const {
    const TaskRecord& task = state_->tasks[slot];
    return task.op_kind == trace::OpKind::kChoice
               ? static_cast<int>((task.op_arg & 0xff) + (task.op_arg >> 8))
               : 1;
  }
  // Inside a step: the alternative that was decided.
  uint8_t answer() const { return answer_; }

  // Steps until nothing can move, the budget is spent, or a stop is asked for.
  // Reports a deadlock as a violation.
  RunStop Run(Strategy* strategy, uint64_t max_steps);

  // A hold of some duration ends when virtual time has passed. Whether Run()
  // lets it pass for that alone, as at first, or leaves it to PassHold(): then
  // somebody outside may still resume the task.
  void SetHoldsWait(bool wait) { holds_wait_ = wait; }
  // The earliest time at which a hold ends by itself; 0 when none will.
  uint64_t NextHoldEnd() const;
  // Nothing can run: time passes to where a sleep or a hold ends. False when
  // that is nowhere. Between steps.
  bool PassHold();

  // Called by a fault rule or by the host: Run() returns after this step.
  void RequestStop() { stop_requested_ = true; }

  // --- For primitives, inside a step ---------------------------------------

  // Publishes the running task's next op and ends the step.
  void Publish(const trace::Op& op, WaitSet* waits = nullptr,
               ReadyFn ready = nullptr, void* target = nullptr,
               uint64_t arg = 0);
  // Recomputes which of the waiting tasks are enabled.
  void Reevaluate(const WaitSet& waits) {
    uint64_t tasks = waits.tasks;
    while (tasks != 0) {
      ReevaluateTask(std::countr_zero(tasks));
      tasks &= tasks - 1;
    }
  }
  void ReevaluateTask(int slot);
  // preempt_disable()/enable() of the running task on its CPU.
  void AddPreempt(int delta);
  // A kernel BUG: the running task dies where it is and keeps its locks.
  void KillCurrent();

  // ForceTeardown of an mm, asked for by a fault rule. The layer that knows
  // mms installs the function; without one the request is ignored.
  using TeardownFn = void (*)(World* world, uint32_t mm, bool force);
  void SetTeardown(TeardownFn teardown) { teardown_ = teardown; }
  void RequestTeardown(uint32_t mm, bool force) {
    if (teardown_ != nullptr) {
      teardown_(this, mm, force);
    }
  }

  // The stream of the client that answers for a notifier is to end, says a
  // fault rule. As the teardown; a world without clients ignores it.
  using DisconnectFn = void (*)(World* world, uint32_t notifier);
  void SetDisconnect(DisconnectFn disconnect) { disconnect_ = disconnect; }
  void RequestDisconnect(uint32_t notifier) {
    if (disconnect_ != nullptr) {
      disconnect_(this, notifier);
    }
  }

  // Passes the points that every step passes, in a task's step and before its
  // effect. As the teardown; without one they are not passed.
  using StepFn = void (*)(World* world);
  void SetStepPoints(StepFn step_points) { step_points_ = step_points; }

  // What conditions of fault rules ask of an mm, by id. Installed by the layer
  // that knows mms; without one no mm has a value.
  using MmValueFn = std::optional<int64_t> (*)(const World& world, uint32_t mm,
                                               faults::Variable variable);
  void SetMmValue(MmValueFn mm_value) { mm_value_ = mm_value; }

  // Tells the sink. Called by kernel::send_sig().
  void TellSignal(const trace::SignalSent& sent) {
    if (sink_ != nullptr) [[unlikely]] {
      sink_->OnSignal(sent);
    }
  }

  // Whoever is outside: receives what leaves the world. Not simulated state.
  void SetOutside(void* outside) { outside_ = outside; }
  void* outside() const { return outside_; }

  void Report(const trace::Violation& violation);
  // Folds a result into the event hash and tells the sink.
  void Emit(trace::Event event);

  // A pass of an armed point that is known to do nothing; false when the point
  // has to be evaluated.
  [[gnu::always_inline]] bool PassQuietly(faults::Point point) {
    QuietGate& gate = state_->quiet[static_cast<size_t>(point)];
    const uint64_t left = gate.left;
    if (left == 0) {
      return false;
    }
    gate.left = left - 1;
    return true;
  }

  // Has faults() note which points are passed from here on, at no cost to those
  // that were. Outside a step.
  void WatchPoints();

  // Evaluates an armed point for the running task. `acting` is set to the rule
  // that is the action's reason, 0 for none.
  faults::Action EvaluatePoint(faults::Point point,
                               const faults::PointPlace& place,
                               uint32_t* acting);

  // --- Undo, snapshots, hashes ---------------------------------------------

  // With undo on, every step can be taken back. Turning it off forgets.
  void SetUndo(bool on);
  // Takes back the last step. Requires undo and a step to take back.
  void UndoStep();
  size_t undo_depth() const { return undo_steps_.size(); }
  // Bytes of old state kept for undoing: what the steps wrote, and their
  // frames.
  size_t undo_bytes() const {
    return undo_log_.BytesSince(0) + undo_frames_.size();
  }
  void UndoTo(size_t depth);
  // Calls fn(address, size) for all that was written since undo step `depth`
  // began, frames left out. Addresses may come more than once.
  template <typename Fn>
  void ForEachWriteSince(size_t depth, Fn fn) const {
    if (depth < undo_steps_.size()) {
      undo_log_.ForEachSince(undo_steps_[depth].mark, fn);
    }
  }

  // A copy of the used part of the arena.
  struct Snapshot {
    std::vector<std::byte> root;
    std::vector<std::vector<std::byte>> frames;
    std::vector<std::byte> heap;
    size_t own_used = 0;  // as Arena::own_used()
    faults::CounterId counter_count = 0;
  };
  Snapshot Save() const;
  void Restore(const Snapshot& snapshot);

  uint64_t event_hash() const { return state_->event_hash; }
  // A hash of every byte of simulated state; means something in one build and
  // process only.
  uint64_t StateHash() const;

  // --- Story ---------------------------------------------------------------
  void SetSink(trace::EventSink* sink) { sink_ = sink; }
  bool has_sink() const { return sink_ != nullptr; }
  // Who is told of notifier methods; null, as at first: nobody.
  void SetMethodObserver(trace::MethodObserver* observer) {
    method_observer_ = observer;
  }
  trace::MethodObserver* method_observer() const { return method_observer_; }

  // Who looks on; null, as at first: nobody.
  void SetObserver(WorldObserver* observer) { observer_ = observer; }

  // Hit counters of fault rules (faults::DecisionSource).
  faults::DecisionSource& decisions() { return *this; }
  const faults::DecisionSource& decisions() const { return *this; }

  // Frame windows (sched/task.h).
  void* AllocateFrame(size_t size);
  void FreeFrame(void* frame, size_t size);
  void SetLeaf(std::coroutine_handle<> handle) {
    current()->leaf = handle.address();
  }

 private:
  struct RuleCounter {
    trace::Cell<uint64_t> hits;
    trace::Cell<uint64_t> fires;
    trace::Cell<uint64_t> last_step;
    trace::Cell<faults::Point> point;
  };
  // They come in chunks, so that arming leaves the heap's small blocks to those
  // who get them when nothing is armed.
  static constexpr size_t kCountersInChunk = 128;
  struct UndoRecord {
    size_t mark;
    int slot;
    uint64_t frame_bytes;
    size_t frame_offset;  // into undo_frames_
  };

  faults::CounterId NewCounter(faults::Point point) override;
  void FreeCounter(faults::CounterId counter) override;
  void BeforeChange(faults::Point point) override;
  uint64_t CountHit(faults::CounterId counter) override;
  void CountFire(faults::CounterId counter) override;
  uint64_t Hits(faults::CounterId counter) const override;
  uint64_t Fires(faults::CounterId counter) const override;
  uint64_t LastFireStep(faults::CounterId counter) const override;
  std::optional<int64_t> Value(
      faults::Variable variable,
      const faults::PointContext& context) const override;
  uint64_t Draw(uint64_t point, uint64_t scope, uint64_t hit) const override;

  RuleCounter& CounterOf(faults::CounterId counter) const {
    return counters_[(counter - 1) / kCountersInChunk]
                    [(counter - 1) % kCountersInChunk];
  }
  void SettleQuiet(faults::Point point);
  void NoteFired(uint32_t rule);
  void SaveFrames(int slot);
  void ForgetNewNames();
  void BeginStep(TaskRecord& task);
  bool Begin(TaskRecord& task);
  void TellStep();
  void TellPass(faults::Point point, const faults::Action& action);
  void ResumeUntilYield(TaskRecord& task);
  void ReachEnd(TaskRecord& task);
  void EndCurrent(TaskState state);
  void RecomputeCpuGate();
  uint64_t WakeTime(const TaskRecord& task, bool holds) const;
  bool AdvanceClock(bool holds);
  RunStop ClassifyStop();
  uint64_t DeadlockedTasks() const;
  bool DeadlockKnown() const;

  WorldOptions options_;
  Arena arena_;
  WorldState* state_;
  faults::Registry faults_;
  std::vector<RuleCounter*> counters_;  // chunks
  faults::CounterId counter_count_ = 0;
  std::vector<faults::CounterId> free_counters_;
  int current_ = 0;
  uint8_t answer_ = 0;
  // Task slots from here on were never written. The first is what current()
  // means while no task has run.
  int task_slots_used_ = 1;
  bool yielded_ = false;
  bool stop_requested_ = false;
  bool holds_wait_ = false;
  trace::EventSink* sink_ = nullptr;
  trace::MethodObserver* method_observer_ = nullptr;
  WorldObserver* observer_ = nullptr;
  TeardownFn teardown_ = nullptr;
  DisconnectFn disconnect_ = nullptr;
  StepFn step_points_ = nullptr;
  MmValueFn mm_value_ = nullptr;
  void* outside_ = nullptr;
  trace::UndoLog undo_log_;
  bool undo_ = false;
  std::vector<UndoRecord> undo_steps_;
  std::vector<std::byte> undo_frames_;
  std::map<uint32_t, std::string> names_;
};

// The world that this thread has entered, and its running task.
inline thread_local World* thread_world = nullptr;
inline World* ThisWorld() { return thread_world; }
inline TaskRecord* Current() { return thread_world->current(); }

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_WORLD_H_
