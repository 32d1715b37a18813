// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/to_proto.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "faults/points.h"
#include "faults/trigger/trigger.h"
#include "server/check/explain.h"
#include "server/kernel/lock.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {
namespace {

using notifier::Method;
using trace::OpKind;

v1::Event::Kind KindOf(const trace::Op& op) {
  switch (op.kind) {
    case OpKind::kStart:
      return v1::Event::KIND_TASK;
    case OpKind::kCallBegin:
    case OpKind::kCallEnd:
      return v1::Event::KIND_OPERATION;
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kReadLock:
    case OpKind::kReadUnlock:
    case OpKind::kDowngrade:
    case OpKind::kTryLock:
      return v1::Event::KIND_LOCK;
    case OpKind::kReadSection:
    case OpKind::kReadSectionEnd:
    case OpKind::kGracePeriodBegin:
    case OpKind::kGracePeriodEnd:
      return v1::Event::KIND_RCU;
    case OpKind::kRefGet:
    case OpKind::kRefGetNotZero:
    case OpKind::kRefPut:
    case OpKind::kRefDec:
      return op.obj.type() == trace::ObjType::kPage ? v1::Event::KIND_PAGE
                                                    : v1::Event::KIND_COUNT;
    case OpKind::kSignalSend:
    case OpKind::kSignalTest:
      return v1::Event::KIND_SIGNAL;
    case OpKind::kAlloc:
    case OpKind::kFree:
      return v1::Event::KIND_ALLOCATION;
    case OpKind::kCallback:
    case OpKind::kCallbackReturn:
      return v1::Event::KIND_CALLBACK;
    case OpKind::kHold:
      return v1::Event::KIND_FAULT;
    case OpKind::kRead:
    case OpKind::kWrite:
    case OpKind::kRmw:
    case OpKind::kStoreVisible:
      if (op.obj.type() == trace::ObjType::kPte) {
        return v1::Event::KIND_PTE;
      }
      return op.obj.type() == trace::ObjType::kDevice ? v1::Event::KIND_DEVICE
                                                      : v1::Event::KIND_MEMORY;
    default:
      return v1::Event::KIND_SCHEDULE;
  }
}

void AddRevokedPins(const Machine& machine, v1::Violation* out) {
  for (const auto& [id, ref] : machine.mms()) {
    for (const RevokedPins& pins : ref->revoked) {
      if (pins.count != 0) {
        const std::string task =
            pins.task_id == 0 ? "nobody" : machine.NameOf(pins.task_id);
        out->add_revoked_pins(task + ": " + std::to_string(pins.count));
      }
    }
  }
}

// Those that had acted by that step.
void AddFiredRules(const Machine& machine, uint64_t step, v1::Violation* out) {
  const sched::World& world = machine.world();
  for (const sched::FiredRule& fired : world.state().fired_rules) {
    const faults::Rule* rule =
        fired.rule == 0 ? nullptr : world.faults().FindAny(fired.rule);
    if (rule != nullptr && fired.step <= step) {
      v1::FiredFault* fault = out->add_faults_fired();
      fault->set_point(std::string(faults::InfoOf(rule->point).name));
      fault->set_trigger(faults::PrintTrigger({rule->terms}));
      fault->set_task(machine.NameOf(fired.task));
      fault->set_step(static_cast<int64_t>(fired.step));
    }
  }
}

}  // namespace

std::string HashText(uint64_t hash) {
  char text[20];
  std::snprintf(text, sizeof text, "%016" PRIx64, hash);
  return text;
}

// The field of an mm that a key stands for (mm_types.h).
const char* PartOf(trace::ObjKey key) {
  static constexpr std::array kParts = {"", ".mm_users", ".mm_count", ".mmap"};
  const bool named =
      key.type() == trace::ObjType::kMm && key.part() < kParts.size();
  return named ? kParts[key.part()] : "";
}

std::string ObjectName(const Machine& machine, trace::ObjKey key) {
  if (key.type() == trace::ObjType::kMemory) {
    return "memory#" + std::to_string(key.id());
  }
  const bool named = machine.world().HasName(key.id());
  if (key.type() == trace::ObjType::kLock && !named) {
    const auto lock_class = static_cast<kernel::LockClass>(key.part());
    return std::string(kernel::LockClassName(lock_class)) + "#" +
           std::to_string(key.id());
  }
  return machine.world().NameOf(key) + PartOf(key);
}

v1::Event ToProto(const Machine& machine, const trace::Event& event) {
  v1::Event out;
  out.set_step(static_cast<int64_t>(event.step));
  out.set_kind(KindOf(event.op));
  const uint32_t task_id = machine.world().task(event.task).object.id;
  out.set_task(machine.NameOf(task_id));
  out.set_function(event.op.where);
  out.set_object(ObjectName(machine, event.op.obj));
  out.set_detail(trace::OpKindName(event.op.kind));
  out.set_rc(static_cast<int32_t>(event.value));
  out.set_virtual_time_ns(static_cast<int64_t>(event.time_ns));
  out.set_start(event.start);
  out.set_end(event.end);
  return out;
}

void FillResult(const StepOutcome& outcome, v1::StepResult* result) {
  result->set_rc(outcome.rc);
  result->set_begin_step(static_cast<int64_t>(outcome.begin_step));
  result->set_end_step(static_cast<int64_t>(outcome.end_step));
  result->set_fault_count(static_cast<int32_t>(outcome.fault_count));
  result->set_violation_count(static_cast<int32_t>(outcome.violation_count));
  result->set_skipped(outcome.skipped);
  result->set_died(outcome.died);
  if (outcome.page_pfn != 0) {
    result->mutable_page()->set_pfn(static_cast<int64_t>(outcome.page_pfn));
    result->mutable_page()->set_generation(
        static_cast<int64_t>(outcome.page_generation));
  }
  result->set_seq(static_cast<int64_t>(outcome.seq));
  result->set_vma_visit_count(static_cast<int64_t>(outcome.vma_visit_count));
  result->set_unchecked_vma_visit_max(
      static_cast<int64_t>(outcome.unchecked_vma_visit_max));
}

v1::StepResult ToProto(const StepOutcome& outcome) {
  v1::StepResult result;
  FillResult(outcome, &result);
  return result;
}

v1::Violation ToProto(const Machine& machine,
                      const trace::Violation& violation) {
  v1::Violation out;
  out.set_checker(trace::CheckerName(violation.checker));
  out.set_step(static_cast<int64_t>(violation.step));
  const auto name = [&machine](trace::ObjKey key) {
    return ObjectName(machine, key);
  };
  if (violation.task_id != 0) {
    out.add_tasks(machine.NameOf(violation.task_id));
  }
  if (violation.other_task_id != 0) {
    out.add_tasks(machine.NameOf(violation.other_task_id));
  }
  out.set_explanation(check::Explain(violation, name));
  for (const std::string& number : check::CatalogueOf(violation)) {
    out.add_catalogue(number);
  }
  if (violation.cause == trace::Cause::kGoesRound) {
    v1::Violation::Loop& loop = *out.mutable_loop();
    loop.set_step_count(static_cast<int64_t>(violation.a));
    loop.set_round_count(static_cast<int64_t>(violation.b));
    loop.set_begin_step(
        static_cast<int64_t>(violation.step - violation.a * violation.b + 1));
  }
  out.set_forced(violation.forced != 0);
  if (violation.forced != 0) {
    AddRevokedPins(machine, &out);
  }
  if (violation.obj.type() != trace::ObjType::kNone) {
    out.add_objects(name(violation.obj));
  }
  if (violation.by.type() != trace::ObjType::kNone) {
    out.add_objects(name(violation.by));
  }
  AddFiredRules(machine, violation.step, &out);
  return out;
}

v1::CallbackEvent ToProto(Method method) {
  switch (method) {
    case Method::kInvalidateRangeStart:
      return v1::CALLBACK_EVENT_INVALIDATE_RANGE_START;
    case Method::kInvalidateRangeEnd:
      return v1::CALLBACK_EVENT_INVALIDATE_RANGE_END;
    case Method::kInvalidatePage:
      return v1::CALLBACK_EVENT_INVALIDATE_PAGE;
    case Method::kRelease:
      return v1::CALLBACK_EVENT_RELEASE;
    case Method::kClearFlushYoung:
      return v1::CALLBACK_EVENT_CLEAR_FLUSH_YOUNG;
    case Method::kInvalidateRange:
      return v1::CALLBACK_EVENT_INVALIDATE_RANGE;
    case Method::kChangePte:
      return v1::CALLBACK_EVENT_CHANGE_PTE;
    case Method::kClearYoung:
      return v1::CALLBACK_EVENT_CLEAR_YOUNG;
    case Method::kTestYoung:
      return v1::CALLBACK_EVENT_TEST_YOUNG;
    case Method::kIntervalInvalidate:
      return v1::CALLBACK_EVENT_INTERVAL_INVALIDATE;
    case Method::kFreeNotifier:
      return v1::CALLBACK_EVENT_FREE_NOTIFIER;
    default:
      // Calls that no client answers.
      return v1::CALLBACK_EVENT_UNSPECIFIED;
  }
}

uint32_t MethodBit(v1::CallbackEvent event) {
  for (int i = 1; i < notifier::kMethodCount; ++i) {
    if (ToProto(static_cast<Method>(i)) == event) {
      return 1U << i;
    }
  }
  return 0;
}

}  // namespace mmfault::scenario
