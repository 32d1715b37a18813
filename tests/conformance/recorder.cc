// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/recorder.h"

#include <cctype>
#include <cstdlib>
#include <string_view>

#include "server/kernel/signal.h"

namespace mmfault::conformance {
namespace {

using mm::mm_struct;
using scenario::Program;
using scenario::StepKind;
using scenario::StepSpec;

// A callback about memory around the window, of which there is no row.
constexpr size_t kOutside = SIZE_MAX;

// A driver's step: the kernel's name of the function, and whether it returns
// nothing there.
struct ApiCall {
  const char* name = nullptr;
  bool is_void = false;
};

ApiCall ApiOf(const StepSpec& step) {
  switch (step.kind) {
    case StepKind::kRegister:
      return {step.flag ? "__mmu_notifier_register" : "mmu_notifier_register"};
    case StepKind::kUnregister:
      return {"mmu_notifier_unregister", true};
    case StepKind::kGet:
      return {"mmu_notifier_get"};
    case StepKind::kPut:
      return {"mmu_notifier_put", true};
    case StepKind::kInsert:
      return {"mmu_interval_insert"};
    case StepKind::kRemove:
      return {"mmu_interval_remove", true};
    case StepKind::kReadBegin:
      return {"mmu_interval_read_begin", true};
    case StepKind::kReadRetry:
      return {"mmu_interval_read_retry"};
    case StepKind::kSynchronize:
      return {"mmu_notifier_synchronize", true};
    case StepKind::kMmput:
      return {step.title, true};
    default:
      return {};
  }
}

// Steps whose range in a recording is that of the call; the others have a
// label there.
bool HasRange(StepKind kind) {
  switch (kind) {
    case StepKind::kMmap:
    case StepKind::kMunmap:
    case StepKind::kTouch:
    case StepKind::kMprotect:
    case StepKind::kMadvise:
    case StepKind::kMsync:
    case StepKind::kMovePages:
    case StepKind::kInsert:
      return true;
    default:
      return false;
  }
}

// Steps in which a task waits for another, or for a grace period.
bool MaySleep(StepKind kind) {
  switch (kind) {
    case StepKind::kWaitFor:
    case StepKind::kJoin:
    case StepKind::kSleep:
    case StepKind::kUnregister:
    case StepKind::kRemove:
    case StepKind::kReadBegin:
    case StepKind::kSynchronize:
      return true;
    default:
      return false;
  }
}

int64_t SignalsOf(const sched::TaskRecord& task) {
  return (kernel::signal_pending(task) ? 1 : 0) +
         (kernel::fatal_signal_pending(task) ? 2 : 0);
}

std::string Lock(const mm_struct& mm) {
  if (mm.mmap_sem.readers != 0) {
    return "R";
  }
  return mm.mmap_sem.owner != 0 ? "W" : "-";
}

// `p`, `c3` -> `P`, `C`; others as they are.
std::string ActorName(std::string_view id) {
  const bool numbered =
      id.find_first_not_of("0123456789", 1) == std::string_view::npos;
  if (!numbered) {
    return std::string(id.substr(0, id.find('/')));
  }
  return {static_cast<char>(std::toupper(id[0]))};
}

// The sequence that a call returned or was asked about.
int64_t SequenceOf(const Program& program, const StepSpec& step, int rc) {
  switch (step.kind) {
    case StepKind::kInsert:
      return rc == 0
                 ? static_cast<int64_t>(step.dev->interval.invalidate_seq.get())
                 : 0;
    case StepKind::kReadBegin:
    case StepKind::kReadRetry:
      return static_cast<int64_t>(program.last_seq.get());
    default:
      return 0;
  }
}

}  // namespace

void Recorder::Reset() {
  rows_.clear();
  actors_.clear();
  loose_.clear();
  seen_.clear();
  killed_by_.clear();
  allocated_.clear();
  allocation_count_ = 0;
  window_ = 0;
  window_pages_ = 0;
}

int64_t Recorder::PageOf(uint64_t address) const {
  return static_cast<int64_t>(address - window_) /
         static_cast<int64_t>(mm::kPageSize);
}

void Recorder::SetStepRange(const StepSpec& step, Row* row) const {
  const bool bytes = step.kind == StepKind::kInsert;
  row->range_binds = HasRange(step.kind);
  row->start = PageOf(step.start);
  row->end = PageOf(bytes ? step.start + step.a : step.end);
}

Recorder::Actor& Recorder::ActorOf(const Program& program) {
  Actor& actor = actors_[program.object.id];
  if (actor.name.empty()) {
    for (const auto& [id, known] : machine_->tasks()) {
      if (known == &program) {
        actor.name = ActorName(id);
      }
    }
  }
  return actor;
}

mm_struct* Recorder::MmOfStep(const Program& program,
                              const StepSpec& step) const {
  switch (step.kind) {
    case StepKind::kSynchronize:
      return nullptr;
    case StepKind::kUnregister:
    case StepKind::kPut:
    case StepKind::kRemove:
    case StepKind::kReadBegin:
    case StepKind::kReadRetry:
      return step.dev->mn.mm;
    case StepKind::kRegister:
    case StepKind::kGet:
    case StepKind::kInsert:
    case StepKind::kHasNotifiers:
    case StepKind::kMmput:
    case StepKind::kMmdrop:
      return scenario::MmOf(step.mm);
    default:
      break;
  }
  const scenario::MmRef* own = program.own;
  if (own == nullptr && !machine_->mms().empty()) {
    own = machine_->mms().begin()->second;
  }
  return own == nullptr ? nullptr : scenario::MmOf(own);
}

std::string Recorder::NotifierName(uint32_t object_id) const {
  const auto allocated = allocated_.find(object_id);
  if (allocated != allocated_.end()) {
    return "G" + std::to_string(allocated->second);
  }
  const std::string id = machine_->NameOf(object_id);
  const std::string name = id.substr(0, id.find('-'));
  return name.size() == 1 ? ActorName(name) : name;
}

// The module holds a count of its own while it unregisters or puts a user, and
// exit_mm() holds one for the mm that the task still runs on.
int64_t Recorder::Pins(const Actor& actor) {
  if (actor.step == nullptr) {
    return 1;
  }
  return actor.step->kind == StepKind::kUnregister ||
                 actor.step->kind == StepKind::kMmput
             ? 1
             : 0;
}

void Recorder::NoteSleep(const Actor& actor) {
  const mm_struct* mm =
      actor.own == nullptr ? nullptr : scenario::MmOf(actor.own);
  if (mm != nullptr) {
    loose_.insert(mm->object.id);
  }
}

void Recorder::NoteSeen(const mm_struct* mm, Row* row) {
  if (!seen_.emplace(mm->object.id, mm).second) {
    return;
  }
  for (const auto& [id, other] : seen_) {
    if (other->object.id != id || other->mm_users.counter == 0) {
      row->gone.push_back(id);
    }
  }
}

Row Recorder::NewRow(const Actor& actor, const char* kind, std::string call,
                     const mm_struct* mm) {
  Row row;
  row.actor = actor.name;
  row.kind = kind;
  row.call = std::move(call);
  row.time_ns = kernel::ThisWorld()->state().time_ns;
  if (mm != nullptr) {
    const bool own = actor.own != nullptr && scenario::MmOf(actor.own) == mm;
    if (!own) {
      loose_.insert(mm->object.id);
    }
    NoteSeen(mm, &row);
    row.count_exact = !loose_.contains(mm->object.id);
    row.mm = mm->object.id;
    row.mm_users = mm->mm_users.counter;
    row.mm_count = mm->mm_count.counter;
    row.mmap_lock = mm->object.freed() ? "-" : Lock(*mm);
  }
  return row;
}

void Recorder::OnMark(const StepSpec& step, Actor* actor) {
  const std::string_view text = step.title;
  constexpr std::string_view kRename = "actor ";
  if (text.starts_with(kRename)) {
    actor->name = text.substr(kRename.size());
    return;
  }
  constexpr std::string_view kWindow = "window ";
  if (text.starts_with(kWindow)) {
    window_ = std::strtoull(step.title + kWindow.size(), nullptr, 16);
    window_pages_ = static_cast<int64_t>(step.a);
    return;
  }
  Row row = NewRow(*actor, "mark", std::string(text), actor->mm);
  row.rc = static_cast<int64_t>(step.a);
  const auto killed = killed_by_.find(actor->joined);
  if (text == "waited" && killed != killed_by_.end()) {
    row.rc = 128 + killed->second;
  }
  rows_.push_back(std::move(row));
}

void Recorder::OnStepBegin(const Program& program, const StepSpec& step) {
  Actor& actor = ActorOf(program);
  const sched::TaskRecord& task = *kernel::Current();
  actor.step = &step;
  actor.own = program.own;
  if (step.await_signal != 0) {
    NoteSleep(actor);
  }
  actor.mm = MmOfStep(program, step);
  actor.mm_id = actor.mm == nullptr ? -1 : int64_t{actor.mm->object.id};
  if (step.kind == StepKind::kMark) {
    OnMark(step, &actor);
    return;
  }
  if (step.kind == StepKind::kMmdrop && step.title != nullptr) {
    rows_.push_back(NewRow(actor, "api", step.title, actor.mm));
    return;
  }
  if (step.await_signal != 0) {
    rows_.push_back(NewRow(actor, "mark", "signal_state_reached", actor.mm));
    rows_.back().x = SignalsOf(task);
  }
  const ApiCall api = ApiOf(step);
  const char* name = api.name != nullptr ? api.name : step.title;
  if (name == nullptr || step.kind == StepKind::kReadRetry) {
    return;
  }
  Row row = NewRow(actor, "enter", name, actor.mm);
  if (api.name == nullptr) {
    SetStepRange(step, &row);
  } else if (step.dev != nullptr && step.kind != StepKind::kGet) {
    row.notifier = NotifierName(step.dev->mn.object.id);
  }
  if (step.kind == StepKind::kInsert) {
    SetStepRange(step, &row);
  }
  if (step.kind == StepKind::kPut) {
    row.x = step.dev->mn.users;
  } else if (step.kind == StepKind::kRegister || step.kind == StepKind::kGet ||
             step.kind == StepKind::kInsert) {
    row.x = SignalsOf(task);
  }
  rows_.push_back(std::move(row));
}

void Recorder::OnStepDone(const Program& program, const StepSpec& step,
                          const scenario::StepOutcome& outcome) {
  Actor& actor = ActorOf(program);
  actor.step = nullptr;
  if (outcome.skipped) {
    return;
  }
  if (MaySleep(step.kind)) {
    NoteSleep(actor);
  }
  if (step.kind == StepKind::kJoin) {
    actor.joined = step.task;
  }
  if (step.kind == StepKind::kSignal && step.task != nullptr &&
      outcome.rc == 0) {
    killed_by_[step.task] = static_cast<int>(step.a);
  }
  if (step.kind == StepKind::kHasNotifiers) {
    rows_.push_back(NewRow(actor, "mark", "state", actor.mm));
    rows_.back().x = outcome.rc;
    return;
  }
  const ApiCall api = ApiOf(step);
  const char* name = api.name != nullptr ? api.name : step.title;
  if (name == nullptr || step.kind == StepKind::kMark ||
      step.kind == StepKind::kMmdrop) {
    return;
  }
  Row row = NewRow(actor, api.name != nullptr ? "api" : "exit", name, actor.mm);
  row.mm = actor.mm_id;
  if (!api.is_void) {
    row.rc = outcome.rc;
  }
  if (api.name == nullptr || step.kind == StepKind::kInsert) {
    SetStepRange(step, &row);
  }
  if (api.name != nullptr && step.dev != nullptr) {
    row.notifier = NotifierName(step.dev->mn.object.id);
  }
  if (step.kind == StepKind::kGet) {
    row.notifier = outcome.rc == 0 ? row.notifier : "-";
    row.x = outcome.rc == 0 ? step.dev->mn.users.get() : 0;
  } else {
    row.x = SequenceOf(program, step, outcome.rc);
  }
  if (step.kind == StepKind::kAccessRemoteVm && outcome.rc == 0) {
    row.rc = 1;  // the bytes that a write to /proc/pid/mem wrote
  }
  rows_.push_back(std::move(row));
}

void Recorder::OnTaskEnd(const Program& program) {
  if (!kernel::fatal_signal_pending(*kernel::Current())) {
    killed_by_.erase(&program);
  }
}

void Recorder::OnMethod(const trace::MethodCall& call) {
  const sched::TaskRecord& task = *kernel::Current();
  const auto* program = static_cast<const Program*>(task.program.get());
  Actor* actor = nullptr;
  if (program != nullptr) {
    actor = &ActorOf(*program);
  } else {
    actor = &actors_[task.object.id];
    actor->name = "kworker";
  }
  if (call.returned) {
    OnReturn(call, actor);
  } else {
    OnEntry(call, actor);
  }
}

void Recorder::OnEntry(const trace::MethodCall& call, Actor* actor) {
  const std::string_view method = call.method;
  const auto* mm = static_cast<const mm_struct*>(call.mm);
  Row row = NewRow(
      *actor, "cb",
      method == "invalidate" ? "interval_invalidate" : std::string(method), mm);
  if (call.object_id != 0) {
    row.notifier = NotifierName(call.object_id);
  }
  if (actor->name != "kworker") {
    row.mm_count += Pins(*actor);
  }
  if (call.event >= 0) {
    row.event = mm::EventName(static_cast<mm::Event>(call.event));
    row.blockable = call.blockable;
  }
  if (call.end != 0 && call.end != UINT64_MAX) {
    row.start = PageOf(call.start);
    row.end = PageOf(call.end);
  }
  row.atomic = call.atomic ? 1 : 0;
  row.vma = call.vma ? 1 : 0;
  row.x = static_cast<int64_t>(call.cur_seq);
  const bool outside =
      row.start.has_value() && (*row.end <= 0 || *row.start >= window_pages_);
  actor->callbacks.push_back(outside ? kOutside : rows_.size());
  if (!outside) {
    rows_.push_back(std::move(row));
  }
}

void Recorder::OnReturn(const trace::MethodCall& call, Actor* actor) {
  const size_t at = actor->callbacks.back();
  actor->callbacks.pop_back();
  if (at == kOutside) {
    return;
  }
  Row& row = rows_[at];
  if (call.has_rc) {
    row.rc = call.rc;
  }
  if (row.call == "alloc_notifier") {
    row.notifier = "-";
    if (call.rc == 0) {
      allocated_[call.object_id] = allocation_count_++;
      row.notifier = NotifierName(call.object_id);
    }
  }
}

}  // namespace mmfault::conformance
