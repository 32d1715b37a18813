// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A driver's operations.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using v1::Step;

absl::Status StepCompiler::CompileDriverOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kRegister:
      out_->kind = StepKind::kRegister;
      out_->flag = step.register_().locked();
      out_->unchecked = step.register_().unchecked();
      RETURN_IF_ERROR(SetMm(step.register_().mm(), "register.mm"));
      return SetDeviceOf(step.register_().notifier(), "register.notifier",
                         notifier::Kind::kList, true);
    case Step::kUnregister:
      out_->kind = StepKind::kUnregister;
      out_->flag = step.unregister().locked();
      out_->unchecked = step.unregister().unchecked();
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
      out_->flag = step.free().unload();
      return SetDevice(step.free().notifier(), "free.notifier");
    default:
      return CompileSubscriptionOp(step);
  }
}

}  // namespace mmfault::scenario
