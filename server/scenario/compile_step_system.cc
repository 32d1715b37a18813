// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What the system does to address spaces: its threads, and /proc.

#include "server/mm/task_mmu.h"
#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using base::InvalidFieldError;
using v1::Step;

absl::Status StepCompiler::SetCollapseFile(const Step::CollapseFile& op) {
  if (op.first_page() < 0) {
    return InvalidFieldError(Path("collapse_file.first_page"),
                             "FIELD_OUT_OF_RANGE", "a page's number is >= 0");
  }
  out_->a = static_cast<uint64_t>(op.first_page());
  return SetFile(op.file(), "collapse_file.file");
}

absl::Status StepCompiler::SetClearRefs(const Step::ClearRefs& op) {
  if (!Step::ClearRefs::Kind_IsValid(op.kind())) {
    return InvalidFieldError(Path("clear_refs.kind"), "FIELD_OUT_OF_RANGE",
                             "kind is one of KIND_*");
  }
  out_->flag = op.kind() == Step::ClearRefs::KIND_SOFT_DIRTY;
  return SetMm(op.mm(), "clear_refs.mm");
}

absl::Status StepCompiler::CompileSystemOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kMovePages:
      out_->kind = StepKind::kMovePages;
      RETURN_IF_ERROR(SetMm(step.move_pages().mm(), "move_pages.mm"));
      return SetPageRange(step.move_pages().range(), "move_pages.range");
    case Step::kKsmScan:
      out_->kind = StepKind::kKsmScan;
      return absl::OkStatus();
    case Step::kClearRefs:
      out_->kind = StepKind::kClearRefs;
      return SetClearRefs(step.clear_refs());
    case Step::kProcessMrelease:
      out_->kind = StepKind::kProcessMrelease;
      return SetMm(step.process_mrelease().mm(), "process_mrelease.mm");
    case Step::kOomReap:
      out_->kind = StepKind::kOomReap;
      return SetMm(step.oom_reap().mm(), "oom_reap.mm");
    case Step::kCollapseFile:
      out_->kind = StepKind::kCollapseFile;
      return SetCollapseFile(step.collapse_file());
    default:
      return CompileReferenceOp(step);
  }
}

}  // namespace mmfault::scenario
