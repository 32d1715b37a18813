// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/world_view.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/host/callback_message.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"
#include "server/kernel/lockdep.h"
#include "server/kernel/signal.h"
#include "server/mm/page_table.h"
#include "server/scenario/to_proto.h"

namespace mmfault::host {
namespace {

using notifier::Registration;
using sched::TaskState;

constexpr size_t kShownLocks = 16;

v1::Mm::ExitPhase ToProto(mm::ExitPhase phase) {
  switch (phase) {
    case mm::ExitPhase::kLive:
      return v1::Mm::EXIT_PHASE_LIVE;
    case mm::ExitPhase::kReleasing:
      return v1::Mm::EXIT_PHASE_RELEASING;
    case mm::ExitPhase::kUnmapping:
      return v1::Mm::EXIT_PHASE_UNMAPPING;
    case mm::ExitPhase::kFreeing:
      return v1::Mm::EXIT_PHASE_FREEING;
    case mm::ExitPhase::kDead:
      return v1::Mm::EXIT_PHASE_DEAD;
  }
  return v1::Mm::EXIT_PHASE_UNSPECIFIED;
}

std::string RefId(const HostedWorld& world, const scenario::MmRef* ref) {
  for (const auto& [id, known] : world.machine().mms()) {
    if (known == ref) {
      return id;
    }
  }
  return "";
}

bool IsLinkedTo(const device::device& dev, const mm::mm_struct* mm) {
  return !dev.mn.object.freed() &&
         dev.mn.registration == Registration::kRegistered && dev.mn.mm == mm;
}

// In walk order: designs put the newest first.
std::vector<std::string> LinkedNotifiers(const HostedWorld& world,
                                         const mm::mm_struct* mm) {
  std::vector<std::pair<uint64_t, std::string>> found;
  for (const auto& [id, dev] : world.machine().devices()) {
    if (IsLinkedTo(*dev, mm)) {
      found.emplace_back(~dev->mn.registered_step.get(), id);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> ids;
  ids.reserve(found.size());
  for (auto& [step, id] : found) {
    ids.push_back(std::move(id));
  }
  return ids;
}

// Who is inside mm_lock: a task in a registration that holds locks of the
// classes that only mm_lock holds many of.
std::string LockedBy(const HostedWorld& world, const mm::mm_struct* mm) {
  for (const auto& [id, program] : world.machine().tasks()) {
    const sched::TaskRecord* task = program->task;
    const TaskEntry* entry =
        const_cast<HostedWorld&>(world).tasks().Of(program);
    if (task == nullptr || entry == nullptr || entry->given.empty()) {
      continue;
    }
    const scenario::StepSpec& step = *entry->given.front();
    const bool registers = step.kind == scenario::StepKind::kRegister ||
                           step.kind == scenario::StepKind::kUnregister;
    const mm::mm_struct* target = step.mm != nullptr ? scenario::MmOf(step.mm)
                                  : step.dev != nullptr ? step.dev->mn.mm.get()
                                                        : nullptr;
    const uint32_t held =
        kernel::HeldOfClass(*task, kernel::LockClass::kMapping) +
        kernel::HeldOfClass(*task, kernel::LockClass::kAnonVma);
    if (registers && target == mm && held != 0) {
      return id;
    }
  }
  return "";
}

v1::Task::State StateOf(const HostedWorld& world,
                        const sched::TaskRecord& task) {
  if (task.state == TaskState::kDead) {
    return v1::Task::STATE_DEAD;
  }
  if ((world.machine().world().state().enabled >> task.slot & 1) != 0) {
    return v1::Task::STATE_RUNNABLE;
  }
  if (task.state == TaskState::kParked) {
    return v1::Task::STATE_WAITING_FOR_STEPS;
  }
  return task.op_kind == trace::OpKind::kHold ? v1::Task::STATE_HELD
                                              : v1::Task::STATE_BLOCKED;
}

void AddSignals(uint64_t mask, google::protobuf::RepeatedField<int32_t>* out) {
  for (; mask != 0; mask &= mask - 1) {
    out->Add(std::countr_zero(mask) + 1);
  }
}

std::string BlockedOn(HostedWorld& world, const sched::TaskRecord& task) {
  if (task.op_kind == trace::OpKind::kCallbackReturn) {
    return "ack of " +
           scenario::ObjectName(world.machine(), trace::ObjKey(task.op_obj));
  }
  if (task.op_kind == trace::OpKind::kHold) {
    return task.op_where.get();
  }
  return scenario::ObjectName(world.machine(), trace::ObjKey(task.op_obj));
}

void ShowRecord(HostedWorld& world, const sched::TaskRecord& task,
                v1::Task* out) {
  out->set_state(StateOf(world, task));
  out->set_step_count(static_cast<int64_t>(task.step_count.get()));
  if (out->state() == v1::Task::STATE_BLOCKED ||
      out->state() == v1::Task::STATE_HELD) {
    out->set_blocked_on(BlockedOn(world, task));
  }
  for (std::string& lock : HeldLocks(world.machine(), task, kShownLocks)) {
    out->add_held_locks(std::move(lock));
  }
  out->set_held_lock_count(task.locks_held);
  if (out->state() != v1::Task::STATE_WAITING_FOR_STEPS) {
    out->add_stack(task.op_where.get());
  }
  AddSignals(task.sig_pending, out->mutable_pending_signals());
  AddSignals(task.sig_blocked, out->mutable_signals()->mutable_blocked());
  AddSignals(task.sig_ignored, out->mutable_signals()->mutable_ignored());
  AddSignals(task.sig_handled, out->mutable_signals()->mutable_handled());
  out->set_capable(!task.no_capability);
}

// What a call under way makes of the notifier.
v1::Notifier::State StateIn(scenario::StepKind kind) {
  switch (kind) {
    case scenario::StepKind::kRegister:
    case scenario::StepKind::kGet:
    case scenario::StepKind::kInsert:
      return v1::Notifier::STATE_REGISTERING;
    case scenario::StepKind::kUnregister:
    case scenario::StepKind::kPut:
    case scenario::StepKind::kRemove:
      return v1::Notifier::STATE_UNREGISTERING;
    default:
      return v1::Notifier::STATE_UNSPECIFIED;
  }
}

void SetKind(const device::device& dev, v1::Notifier* out) {
  switch (dev.kind) {
    case notifier::Kind::kList:
      out->set_kind(v1::Notifier::KIND_LIST);
      break;
    case notifier::Kind::kGetPut:
      out->set_kind(v1::Notifier::KIND_GET_PUT);
      out->set_users(dev.mn.users);
      break;
    case notifier::Kind::kInterval:
      out->set_kind(v1::Notifier::KIND_INTERVAL);
      if (dev.interval.mm != nullptr) {
        out->mutable_range()->set_start(dev.interval.start);
        out->mutable_range()->set_end(dev.interval.last + 1);
      }
      break;
  }
}

v1::Notifier::State StateOf(const HostedWorld& world,
                            const device::device& dev) {
  if (dev.mn.object.freed()) {
    return v1::Notifier::STATE_FREED;
  }
  for (const auto& [id, program] : world.machine().tasks()) {
    const TaskEntry* entry =
        const_cast<HostedWorld&>(world).tasks().Of(program);
    const sched::TaskRecord* task = program->task;
    if (entry == nullptr || task == nullptr || entry->given.empty() ||
        entry->given.front()->dev != &dev ||
        program->next_step == entry->given.front()) {
      continue;
    }
    const v1::Notifier::State passing = StateIn(entry->given.front()->kind);
    if (passing != v1::Notifier::STATE_UNSPECIFIED) {
      return passing;
    }
  }
  if (dev.mn.registration == Registration::kPut) {
    return v1::Notifier::STATE_UNREGISTERING;
  }
  if (dev.mn.registration != Registration::kRegistered) {
    return v1::Notifier::STATE_UNREGISTERED;
  }
  return dev.mn.release_count != 0 ? v1::Notifier::STATE_RELEASED
                                   : v1::Notifier::STATE_REGISTERED;
}

}  // namespace

std::string MmId(const HostedWorld& world, const mm::mm_struct* mm) {
  return mm == nullptr ? "-" : world.machine().NameOf(mm->object.id);
}

v1::Mm ViewMm(HostedWorld& world, const std::string& id,
              const scenario::MmRef& ref) {
  v1::Mm out;
  out.set_name(world.name() + "/mms/" + id);
  const mm::mm_struct* mm = scenario::MmOf(&ref);
  out.set_forced(ref.forced);
  if (mm == nullptr) {
    out.set_exit_phase(v1::Mm::EXIT_PHASE_DEAD);
    return out;
  }
  out.set_mm_users(mm->mm_users.counter);
  out.set_mm_count(mm->mm_count.counter);
  out.set_map_count(static_cast<int64_t>(mm->map_count.get()));
  out.set_exit_phase(mm->object.freed() ? v1::Mm::EXIT_PHASE_DEAD
                                        : ToProto(mm->exit_phase));
  for (std::string& notifier : LinkedNotifiers(world, mm)) {
    out.add_notifiers(std::move(notifier));
  }
  out.set_locked_by(LockedBy(world, mm));
  const scenario::MmRef* parent = world.ParentOf(&ref);
  if (parent != nullptr) {
    out.set_parent(RefId(world, parent));
  }
  return out;
}

v1::Vma ViewVma(HostedWorld& world, const mm::vm_area_struct& vma) {
  v1::Vma out;
  out.set_start(vma.vm_start);
  out.set_end(vma.vm_end);
  const mm::address_space* file = vma.vm_file;
  if (file == nullptr) {
    out.mutable_anonymous();
  } else {
    v1::FileBacking* backing = out.mutable_file();
    backing->set_file(world.machine().NameOf(file->object.id));
    backing->set_offset_pages(static_cast<int64_t>(vma.vm_pgoff.get()));
    backing->set_shared((vma.vm_flags & mm::VM_SHARED) != 0);
  }
  out.set_read_only((vma.vm_flags & mm::VM_WRITE) == 0);
  out.set_anon_vma(vma.anon_vma != nullptr);
  int64_t present = 0;
  for (uint64_t at = mm::NextMapped(vma.vm_mm, vma.vm_start, vma.vm_end);
       at < vma.vm_end;
       at = mm::NextMapped(vma.vm_mm, at + mm::kPageSize, vma.vm_end)) {
    ++present;
  }
  out.set_present_page_count(present);
  return out;
}

v1::Task ViewTask(HostedWorld& world, const TaskEntry& entry) {
  v1::Task out = entry.last_view;
  out.set_name(world.name() + "/tasks/" + entry.id);
  if (entry.program != nullptr) {
    const scenario::MmRef* own = entry.program->own;
    if (own != nullptr) {
      out.set_mm(RefId(world, own));
    }
    const sched::TaskRecord* task = entry.program->task;
    if (task != nullptr) {
      ShowRecord(world, *task, &out);
    }
  }
  out.set_step_index(entry.done_count);
  out.set_given_step_count(entry.given_count);
  out.clear_results();
  for (const scenario::StepOutcome& outcome : entry.results) {
    *out.add_results() = scenario::ToProto(outcome);
  }
  out.clear_deliveries();
  for (const v1::SignalDelivery& delivery : entry.deliveries) {
    *out.add_deliveries() = delivery;
  }
  return out;
}

v1::Notifier ViewNotifier(HostedWorld& world, const std::string& id,
                          const device::device& dev) {
  v1::Notifier out;
  out.set_name(world.name() + "/mms/" + MmId(world, dev.mn.mm) + "/notifiers/" +
               id);
  SetKind(dev, &out);
  out.set_state(StateOf(world, dev));
  out.set_client(world.ClientOf(&dev));
  std::vector<v1::CallbackCount> counts;
  for (size_t method = 1; method < dev.deliveries.size(); ++method) {
    if (dev.deliveries[method] == 0) {
      continue;
    }
    v1::CallbackCount& count = counts.emplace_back();
    count.set_event(scenario::ToProto(static_cast<notifier::Method>(method)));
    count.set_count(dev.deliveries[method]);
    count.set_nonzero_count(dev.nonzero[method]);
  }
  std::sort(counts.begin(), counts.end(),
            [](const auto& a, const auto& b) { return a.event() < b.event(); });
  for (v1::CallbackCount& count : counts) {
    *out.add_callback_counts() = std::move(count);
  }
  out.set_open_section_count(dev.mn.open_total);
  out.set_secondary_mapping_count(static_cast<int64_t>(dev.spte_count.get()));
  return out;
}

v1::Event ViewEvent(HostedWorld& world, const EventRing::Entry& entry) {
  const bool known =
      entry.violation >= 0 &&
      static_cast<size_t>(entry.violation) < world.violations().size();
  if (entry.client != nullptr) {
    v1::Event out;
    out.set_kind(v1::Event::KIND_CLIENT);
    out.set_step(static_cast<int64_t>(entry.event.step));
    out.set_virtual_time_ns(static_cast<int64_t>(entry.event.time_ns));
    out.set_object(entry.client->client);
    out.set_detail(entry.client->detail);
    return out;
  }
  trace::Event event = entry.event;
  event.task = std::max(0, event.task);
  v1::Event out = scenario::ToProto(world.machine(), event);
  // The slot may have another task by now.
  out.set_task(entry.task_id == 0 ? "" : world.machine().NameOf(entry.task_id));
  if (entry.violation >= 0) {
    out.set_kind(v1::Event::KIND_VIOLATION);
    out.set_detail(known ? world.violations()[entry.violation].explanation()
                         : "");
  }
  return out;
}

v1::Violation ViewViolation(HostedWorld& world,
                            const trace::Violation& violation) {
  v1::Violation out = scenario::ToProto(world.machine(), violation);
  for (const auto& [id, dev] : world.machine().devices()) {
    const std::string client = world.ClientOf(dev);
    if (!client.empty() && (violation.by == dev->mn.object.key() ||
                            violation.obj == dev->mn.object.key())) {
      absl::StrAppend(out.mutable_explanation(), " Client ", client,
                      " answers for ", id, ".");
    }
  }
  const EventRing& ring = world.events();
  std::vector<uint64_t> steps;
  if (violation.other_step != 0) {
    steps.push_back(violation.other_step);
  }
  steps.push_back(violation.step);
  for (const uint64_t step : steps) {
    const uint64_t number = ring.FirstOfStep(step);
    if (number < ring.end() && ring.at(number).event.step == step) {
      *out.add_events() = ViewEvent(world, ring.at(number));
    }
  }
  if (out.events_size() != 0) {
    out.set_function(out.events(out.events_size() - 1).function());
  }
  return out;
}

const scenario::MmRef* HostedWorld::ParentOf(const scenario::MmRef* ref) const {
  const auto it = forks_.find(ref);
  return it == forks_.end() ? nullptr : it->second;
}

v1::World::State HostedWorld::StateNow() const {
  const sched::World& world = machine_->world();
  if (world.runnable() != 0) {
    return v1::World::STATE_RUNNABLE;
  }
  if (!outstanding_.empty()) {
    return v1::World::STATE_WAITING_FOR_ACK;
  }
  bool stuck = false;
  for (uint64_t rest = world.state().alive; rest != 0; rest &= rest - 1) {
    const sched::TaskRecord& task = world.task(std::countr_zero(rest));
    if (task.op_kind == trace::OpKind::kHold) {
      return v1::World::STATE_HELD;
    }
    if (task.op_kind == trace::OpKind::kSleep) {
      return v1::World::STATE_RUNNABLE;
    }
    stuck |= task.state == TaskState::kAlive && !task.kthread;
  }
  return stuck ? v1::World::STATE_DEADLOCKED : v1::World::STATE_IDLE;
}

v1::World HostedWorld::View() const {
  const sched::World& world = machine_->world();
  v1::World out;
  out.set_name(name());
  *out.mutable_settings() = plan_.settings;
  out.set_state(StateNow());
  out.set_step_count(static_cast<int64_t>(step()));
  out.set_virtual_time_ns(static_cast<int64_t>(world.state().time_ns.get()));
  out.set_event_hash(scenario::HashText(world.event_hash()));
  out.set_state_hash(scenario::HashText(world.StateHash()));
  out.set_violation_count(violation_count());
  for (const auto& [number, callback] : outstanding_) {
    out.set_outstanding_callback_count(out.outstanding_callback_count() +
                                       (callback.answered ? 0 : 1));
  }
  {
    const std::lock_guard<std::mutex> lock(clients_mutex_);
    for (const std::string& client : client_order_) {
      out.add_clients(client);
    }
  }
  out.set_decision_count(strategy_->decision_count() + admitted_count_);
  out.set_generation(generation_);
  *out.mutable_create_time() = host::ToProto(create_time_);
  out.set_arena_bytes(static_cast<int64_t>(world.arena().heap_used()));
  return out;
}

}  // namespace mmfault::host
