// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on files and on single pages.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using base::InvalidFieldError;
using v1::Step;

absl::Status StepCompiler::SetTruncate(const Step::Truncate& op) {
  if (op.size_pages() < 0) {
    return InvalidFieldError(Path("truncate.size_pages"), "FIELD_OUT_OF_RANGE",
                             "a size is >= 0");
  }
  if (op.tail_bytes() < 0 ||
      op.tail_bytes() >= static_cast<int32_t>(mm::kPageSize)) {
    return InvalidFieldError(Path("truncate.tail_bytes"), "FIELD_OUT_OF_RANGE",
                             "a tail has 0 to 4095 bytes");
  }
  // A partial page is a page: it stays in the cache and mapped.
  out_->a = static_cast<uint64_t>(op.size_pages()) + (op.tail_bytes() != 0);
  return SetFile(op.file(), "truncate.file");
}

absl::Status StepCompiler::SetPunchHole(const Step::PunchHole& op) {
  if (op.first_page() < 0 || op.page_count() < 1) {
    return InvalidFieldError(
        Path("punch_hole"), "FIELD_OUT_OF_RANGE",
        "a hole begins at page 0 or later and has at least one page");
  }
  out_->a = static_cast<uint64_t>(op.first_page());
  out_->b = static_cast<uint64_t>(op.page_count());
  return SetFile(op.file(), "punch_hole.file");
}

absl::Status StepCompiler::CompileFileOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kTruncate:
      out_->kind = StepKind::kTruncate;
      return SetTruncate(step.truncate());
    case Step::kPunchHole:
      out_->kind = StepKind::kPunchHole;
      return SetPunchHole(step.punch_hole());
    case Step::kWriteback:
      out_->kind = StepKind::kWriteback;
      return SetFile(step.writeback().file(), "writeback.file");
    case Step::kMsync:
      out_->kind = StepKind::kMsync;
      RETURN_IF_ERROR(SetMm(step.msync().mm(), "msync.mm"));
      return SetRange(step.msync().range(), "msync.range");
    case Step::kReclaim:
      out_->kind = StepKind::kReclaim;
      RETURN_IF_ERROR(SetMm(step.reclaim().mm(), "reclaim.mm"));
      return SetAddress(step.reclaim().address(), "reclaim.address");
    default:
      return CompileSystemOp(step);
  }
}

}  // namespace mmfault::scenario
