// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A driver's operations.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using base::InvalidFieldError;
using v1::Step;

absl::Status StepCompiler::CompileDriverOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kRegister:
      out_->kind = StepKind::kRegister;
      RETURN_IF_ERROR(SetMm(step.register_().mm(), "register.mm"));
      return SetDevice(step.register_().notifier(), "register.notifier", true);
    case Step::kUnregister:
      out_->kind = StepKind::kUnregister;
      return SetDevice(step.unregister().notifier(), "unregister.notifier");
    case Step::kLookUp:
      out_->kind = StepKind::kLookUp;
      out_->flag = step.look_up().write();
      RETURN_IF_ERROR(SetDevice(step.look_up().notifier(), "look_up.notifier"));
      return SetAddress(step.look_up().address(), "look_up.address");
    case Step::kEstablish:
      out_->kind = StepKind::kEstablish;
      out_->flag = step.establish().write();
      out_->has_page = step.establish().has_page();
      out_->a = static_cast<uint64_t>(step.establish().page().pfn());
      out_->b = static_cast<uint64_t>(step.establish().page().generation());
      RETURN_IF_ERROR(
          SetDevice(step.establish().notifier(), "establish.notifier"));
      return SetAddress(step.establish().address(), "establish.address");
    case Step::kDeviceAccess:
      out_->kind = StepKind::kDeviceAccess;
      out_->flag = step.device_access().write();
      RETURN_IF_ERROR(
          SetDevice(step.device_access().notifier(), "device_access.notifier"));
      return SetAddress(step.device_access().address(),
                        "device_access.address");
    case Step::kDrop:
      out_->kind = StepKind::kDrop;
      RETURN_IF_ERROR(SetDevice(step.drop().notifier(), "drop.notifier"));
      out_->end = mm::kTaskSize;
      return step.drop().has_range()
                 ? SetRange(step.drop().range(), "drop.range")
                 : absl::OkStatus();
    case Step::kFree:
      out_->kind = StepKind::kFree;
      return SetDevice(step.free().notifier(), "free.notifier");
    case Step::kGet:
    case Step::kPut:
    case Step::kInsert:
    case Step::kRemove:
    case Step::kReadBegin:
    case Step::kReadRetry:
    case Step::kSynchronize:
      return InvalidFieldError(
          field_, "UNSUPPORTED_SETTING",
          "this server has list notifiers only: get/put and interval "
          "notifiers are not simulated yet");
    default:
      return CompileTaskOp(step);
  }
}

}  // namespace mmfault::scenario
