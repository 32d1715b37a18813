// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A driver's operations on shared subscriptions and on intervals.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {
namespace {

using base::InvalidFieldError;
using notifier::Kind;
using v1::Step;

const char* KindText(Kind kind) {
  switch (kind) {
    case Kind::kList:
      return "a LIST notifier";
    case Kind::kGetPut:
      return "a GET_PUT notifier";
    case Kind::kInterval:
      return "an INTERVAL notifier";
  }
  return "";
}

}  // namespace

absl::Status StepCompiler::SetDeviceOf(const std::string& id,
                                       std::string_view path, Kind kind,
                                       bool may_create) {
  const notifier::Protocol& protocol = machine_->protocol();
  if (!notifier::Has(protocol, kind)) {
    return InvalidFieldError(
        Path(path), "UNSUPPORTED_SETTING",
        "protocol " + std::string(protocol.id) + " has no such notifiers");
  }
  RETURN_IF_ERROR(SetDevice(id, path, may_create, kind));
  if (out_->dev->kind != kind) {
    return InvalidFieldError(Path(path), "UNSUPPORTED_SETTING",
                             "\"" + id + "\" is " + KindText(out_->dev->kind) +
                                 "; this operation is for " + KindText(kind));
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetInsert(const Step::Insert& op) {
  if (op.length() < 0) {
    return InvalidFieldError(Path("insert.length"), "FIELD_OUT_OF_RANGE",
                             "a length is >= 0");
  }
  out_->start = op.start();
  out_->a = static_cast<uint64_t>(op.length());
  RETURN_IF_ERROR(SetMm(op.mm(), "insert.mm"));
  return SetDeviceOf(op.notifier(), "insert.notifier", Kind::kInterval, true);
}

absl::Status StepCompiler::SetConfigure(const Step::Configure& op) {
  RETURN_IF_ERROR(SetDevice(op.notifier(), "configure.notifier"));
  ASSIGN_OR_RETURN(
      const device::Behaviour behaviour,
      CompileBehaviour(machine_, op.modelled(), Path("configure.modelled")));
  sched::World::Scope scope(&machine_->world());
  auto* ref = machine_->world().New<BehaviourRef>(trace::ObjType::kNone);
  if (ref == nullptr) {
    return base::QuotaError(field_, "QUOTA_EXCEEDED", "max_arena_bytes", 0,
                            "the world's memory is spent");
  }
  trace::LogRange(&ref->behaviour, sizeof ref->behaviour);
  ref->behaviour = behaviour;
  out_->behaviour = ref;
  return absl::OkStatus();
}

absl::Status StepCompiler::CompileSubscriptionOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kGet:
      out_->kind = StepKind::kGet;
      RETURN_IF_ERROR(SetMm(step.get().mm(), "get.mm"));
      return SetDeviceOf(step.get().notifier(), "get.notifier", Kind::kGetPut,
                         true);
    case Step::kPut:
      out_->kind = StepKind::kPut;
      return SetDeviceOf(step.put().notifier(), "put.notifier", Kind::kGetPut);
    case Step::kInsert:
      out_->kind = StepKind::kInsert;
      return SetInsert(step.insert());
    case Step::kRemove:
      out_->kind = StepKind::kRemove;
      out_->unchecked = step.remove().unchecked();
      return SetDeviceOf(step.remove().notifier(), "remove.notifier",
                         Kind::kInterval);
    case Step::kReadBegin:
      out_->kind = StepKind::kReadBegin;
      return SetDeviceOf(step.read_begin().notifier(), "read_begin.notifier",
                         Kind::kInterval);
    case Step::kReadRetry:
      out_->kind = StepKind::kReadRetry;
      out_->a = static_cast<uint64_t>(step.read_retry().seq());
      return SetDeviceOf(step.read_retry().notifier(), "read_retry.notifier",
                         Kind::kInterval);
    case Step::kSynchronize:
      out_->kind = StepKind::kSynchronize;
      return absl::OkStatus();
    case Step::kConfigure:
      out_->kind = StepKind::kConfigure;
      return SetConfigure(step.configure());
    case Step::kHasNotifiers:
      out_->kind = StepKind::kHasNotifiers;
      return SetMm(step.has_notifiers().mm(), "has_notifiers.mm");
    default:
      return CompileTaskOp(step);
  }
}

}  // namespace mmfault::scenario
