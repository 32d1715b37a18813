// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on tasks: signals, rights, order.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using base::InvalidFieldError;
using v1::Step;

absl::Status StepCompiler::SetSignal(const Step::Signal& op) {
  RETURN_IF_ERROR(SetTask(op.task(), "signal.task"));
  if (op.number() < 1 || op.number() > 64) {
    return InvalidFieldError(Path("signal.number"), "SIGNAL_OUT_OF_RANGE",
                             "a signal's number is in [1, 64]");
  }
  if (op.at_lock() < 0) {
    return InvalidFieldError(Path("signal.at_lock"), "FIELD_OUT_OF_RANGE",
                             "at_lock is >= 1, or 0 for at once");
  }
  out_->a = static_cast<uint64_t>(op.number());
  out_->b = static_cast<uint64_t>(op.at_lock());
  return absl::OkStatus();
}

absl::Status StepCompiler::SetJoin(const Step::Join& op) {
  if (op.task().empty()) {
    return InvalidFieldError(Path("join.task"), "FIELD_MISSING",
                             "say which task is waited for");
  }
  RETURN_IF_ERROR(SetTask(op.task(), "join.task"));
  if (out_->task == program_) {
    return InvalidFieldError(Path("join.task"), "STEP_MALFORMED",
                             "a task cannot wait for its own end");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetMark(const Step::Mark& op) {
  if (op.text().empty()) {
    return InvalidFieldError(Path("mark.text"), "FIELD_MISSING",
                             "say what the mark says");
  }
  out_->a = static_cast<uint64_t>(static_cast<int64_t>(op.value()));
  return SetTitle(op.text(), "mark.text");
}

absl::Status StepCompiler::SetMask(
    const google::protobuf::RepeatedField<int32_t>& numbers,
    std::string_view path, uint64_t* mask) {
  for (const int32_t number : numbers) {
    if (number < 1 || number > 64 || number == 9) {
      return InvalidFieldError(
          Path(path), "SIGNAL_OUT_OF_RANGE",
          "a signal's number is in [1, 64], and not 9 (SIGKILL)");
    }
    *mask |= uint64_t{1} << (number - 1);
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::CompileTaskOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kExit:
      out_->kind = StepKind::kExit;
      return absl::OkStatus();
    case Step::kSignal:
      out_->kind = StepKind::kSignal;
      return SetSignal(step.signal());
    case Step::kSetSignal:
      out_->kind = StepKind::kSetSignal;
      RETURN_IF_ERROR(
          SetMask(step.set_signal().blocked(), "set_signal.blocked", &out_->a));
      RETURN_IF_ERROR(
          SetMask(step.set_signal().ignored(), "set_signal.ignored", &out_->b));
      return SetMask(step.set_signal().handled(), "set_signal.handled",
                     &out_->c);
    case Step::kSetCapability:
      out_->kind = StepKind::kSetCapability;
      out_->flag = step.set_capability().granted();
      return SetTask(step.set_capability().task(), "set_capability.task");
    case Step::kYieldCpu:
      out_->kind = StepKind::kYieldCpu;
      return absl::OkStatus();
    case Step::kSleep:
      out_->kind = StepKind::kSleep;
      if (step.sleep().duration_ns() < 0) {
        return InvalidFieldError(Path("sleep.duration_ns"),
                                 "FIELD_OUT_OF_RANGE", "a duration is >= 0");
      }
      out_->a = static_cast<uint64_t>(step.sleep().duration_ns());
      return absl::OkStatus();
    case Step::kPost:
    case Step::kWaitFor: {
      const bool post = step.op_case() == Step::kPost;
      out_->kind = post ? StepKind::kPost : StepKind::kWaitFor;
      const std::string& name =
          post ? step.post().event() : step.wait_for().event();
      if (!IsValidId(name)) {
        return InvalidFieldError(Path(post ? "post.event" : "wait_for.event"),
                                 "NAME_MALFORMED",
                                 "an event's name matches "
                                 "[a-z][a-z0-9_-]{0,62}");
      }
      out_->event = machine_->DeclareEvent(name);
      out_->flag = !post && step.wait_for().uninterruptible();
      return absl::OkStatus();
    }
    case Step::kJoin:
      out_->kind = StepKind::kJoin;
      return SetJoin(step.join());
    case Step::kMark:
      out_->kind = StepKind::kMark;
      return SetMark(step.mark());
    default:
      return InvalidFieldError(field_, "STEP_MALFORMED",
                               "the step says nothing to do: set one of op");
  }
}

}  // namespace mmfault::scenario
