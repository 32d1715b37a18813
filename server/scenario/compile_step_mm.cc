// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on an address space, files and references to an mm.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using base::InvalidFieldError;
using v1::Step;

absl::Status StepCompiler::SetMmap(const Step::Mmap& op) {
  RETURN_IF_ERROR(SetMm(op.mm(), "mmap.mm"));
  RETURN_IF_ERROR(op.populate() ? SetPageRange(op.range(), "mmap.range")
                                : SetRange(op.range(), "mmap.range"));
  if (op.backing_case() == Step::Mmap::BACKING_NOT_SET) {
    return InvalidFieldError(Path("mmap.backing"), "FIELD_MISSING",
                             "say whether the pages are anonymous or a file's");
  }
  out_->flag = op.read_only();
  out_->populate = op.populate();
  if (op.has_file()) {
    RETURN_IF_ERROR(SetFile(op.file().file(), "mmap.file.file"));
    if (op.file().offset_pages() < 0) {
      return InvalidFieldError(Path("mmap.file.offset_pages"),
                               "FIELD_OUT_OF_RANGE", "an offset is >= 0");
    }
    out_->shared = op.file().shared();
    out_->a = static_cast<uint64_t>(op.file().offset_pages());
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::CompileMmOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kMmap:
      out_->kind = StepKind::kMmap;
      return SetMmap(step.mmap());
    case Step::kMunmap:
      out_->kind = StepKind::kMunmap;
      RETURN_IF_ERROR(SetMm(step.munmap().mm(), "munmap.mm"));
      return SetRange(step.munmap().range(), "munmap.range");
    case Step::kTouch:
      out_->kind = StepKind::kTouch;
      out_->flag = step.touch().write();
      RETURN_IF_ERROR(SetMm(step.touch().mm(), "touch.mm"));
      return SetPageRange(step.touch().range(), "touch.range");
    case Step::kMprotect:
      out_->kind = StepKind::kMprotect;
      out_->flag = step.mprotect().read_only();
      RETURN_IF_ERROR(SetMm(step.mprotect().mm(), "mprotect.mm"));
      return SetRange(step.mprotect().range(), "mprotect.range");
    case Step::kMadvise:
      out_->kind = StepKind::kMadvise;
      RETURN_IF_ERROR(SetMm(step.madvise().mm(), "madvise.mm"));
      return SetRange(step.madvise().range(), "madvise.range");
    case Step::kFork:
      out_->kind = StepKind::kFork;
      RETURN_IF_ERROR(SetMm(step.fork().mm(), "fork.mm"));
      if (!IsValidId(step.fork().child())) {
        return InvalidFieldError(Path("fork.child"), "NAME_MALFORMED",
                                 "an id matches [a-z][a-z0-9_-]{0,62}");
      }
      out_->child = machine_->DeclareMm(step.fork().child());
      return absl::OkStatus();
    case Step::kTruncate:
      out_->kind = StepKind::kTruncate;
      if (step.truncate().size_pages() < 0) {
        return InvalidFieldError(Path("truncate.size_pages"),
                                 "FIELD_OUT_OF_RANGE", "a size is >= 0");
      }
      out_->a = static_cast<uint64_t>(step.truncate().size_pages());
      return SetFile(step.truncate().file(), "truncate.file");
    case Step::kReclaim:
      out_->kind = StepKind::kReclaim;
      RETURN_IF_ERROR(SetMm(step.reclaim().mm(), "reclaim.mm"));
      return SetAddress(step.reclaim().address(), "reclaim.address");
    case Step::kMmget:
      out_->kind = StepKind::kMmget;
      return SetMm(step.mmget().mm(), "mmget.mm");
    case Step::kMmgetNotZero:
      out_->kind = StepKind::kMmgetNotZero;
      return SetMm(step.mmget_not_zero().mm(), "mmget_not_zero.mm");
    case Step::kMmput:
      out_->kind = StepKind::kMmput;
      return SetMm(step.mmput().mm(), "mmput.mm");
    case Step::kMmgrab:
      out_->kind = StepKind::kMmgrab;
      return SetMm(step.mmgrab().mm(), "mmgrab.mm");
    case Step::kMmdrop:
      out_->kind = StepKind::kMmdrop;
      return SetMm(step.mmdrop().mm(), "mmdrop.mm");
    case Step::kForceTeardown:
      out_->kind = StepKind::kForceTeardown;
      out_->flag = step.force_teardown().kind() == v1::TEARDOWN_KIND_FORCE;
      return SetMm(step.force_teardown().mm(), "force_teardown.mm");
    default:
      return CompileDriverOp(step);
  }
}

}  // namespace mmfault::scenario
