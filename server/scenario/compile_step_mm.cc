// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on an address space, files and references to an mm.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {

using base::InvalidFieldError;
using v1::Step;

namespace {

absl::Status CheckOneRight(bool read_only, bool no_access,
                           const std::string& field) {
  if (read_only && no_access) {
    return InvalidFieldError(field, "FIELD_OUT_OF_RANGE",
                             "no_access excludes read_only");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StepCompiler::SetMmap(const Step::Mmap& op) {
  RETURN_IF_ERROR(SetMm(op.mm(), "mmap.mm"));
  RETURN_IF_ERROR(op.populate() ? SetPageRange(op.range(), "mmap.range")
                                : SetRange(op.range(), "mmap.range"));
  if (op.backing_case() == Step::Mmap::BACKING_NOT_SET) {
    return InvalidFieldError(Path("mmap.backing"), "FIELD_MISSING",
                             "say whether the pages are anonymous or a file's");
  }
  RETURN_IF_ERROR(
      CheckOneRight(op.read_only(), op.no_access(), Path("mmap.no_access")));
  out_->flag = op.read_only();
  out_->no_access = op.no_access();
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

absl::Status StepCompiler::SetTouch(const Step::Touch& op) {
  if (op.value() < 0 || op.value() > 255) {
    return InvalidFieldError(Path("touch.value"), "FIELD_OUT_OF_RANGE",
                             "a byte is in [0, 255]");
  }
  out_->flag = op.write();
  out_->a = static_cast<uint64_t>(op.value());
  RETURN_IF_ERROR(SetMm(op.mm(), "touch.mm"));
  return SetPageRange(op.range(), "touch.range");
}

absl::Status StepCompiler::SetMprotect(const Step::Mprotect& op) {
  RETURN_IF_ERROR(CheckOneRight(op.read_only(), op.no_access(),
                                Path("mprotect.no_access")));
  out_->flag = op.read_only();
  out_->no_access = op.no_access();
  RETURN_IF_ERROR(SetMm(op.mm(), "mprotect.mm"));
  return SetRange(op.range(), "mprotect.range");
}

absl::Status StepCompiler::SetMadvise(const Step::Madvise& op) {
  if (!Step::Madvise::Advice_IsValid(op.advice())) {
    return InvalidFieldError(Path("madvise.advice"), "FIELD_OUT_OF_RANGE",
                             "advice is one of ADVICE_*");
  }
  const bool unset = op.advice() == Step::Madvise::ADVICE_UNSPECIFIED;
  out_->a = static_cast<uint64_t>(unset ? Step::Madvise::ADVICE_DONTNEED
                                        : op.advice());
  RETURN_IF_ERROR(SetMm(op.mm(), "madvise.mm"));
  return SetRange(op.range(), "madvise.range");
}

absl::Status StepCompiler::SetMremap(const Step::Mremap& op) {
  constexpr int64_t kMaxPages = int64_t{1} << 35;
  if (op.new_size_pages() < 1 || op.new_size_pages() > kMaxPages) {
    return InvalidFieldError(Path("mremap.new_size_pages"),
                             "FIELD_OUT_OF_RANGE",
                             "the new length is at least one page");
  }
  if (op.new_address() % mm::kPageSize != 0) {
    return InvalidFieldError(Path("mremap.new_address"), "RANGE_MALFORMED",
                             "an address is a multiple of 4096");
  }
  out_->a = static_cast<uint64_t>(op.new_size_pages()) * mm::kPageSize;
  out_->b = op.new_address();
  out_->flag = op.dontunmap();
  RETURN_IF_ERROR(SetMm(op.mm(), "mremap.mm"));
  return SetRange(op.range(), "mremap.range");
}

absl::Status StepCompiler::SetBrk(const Step::Brk& op) {
  if (op.end() % mm::kPageSize != 0 || op.end() > mm::kTaskSize) {
    return InvalidFieldError(Path("brk.end"), "RANGE_MALFORMED",
                             "the end is a multiple of 4096, at most 2^47");
  }
  out_->a = op.end();
  return SetMm(op.mm(), "brk.mm");
}

// An mm that the step will make.
absl::Status StepCompiler::SetNewMm(const std::string& id,
                                    std::string_view path) {
  if (!IsValidId(id)) {
    return InvalidFieldError(Path(path), "NAME_MALFORMED",
                             "an id matches [a-z][a-z0-9_-]{0,62}");
  }
  out_->child = machine_->DeclareMm(id);
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
      return SetTouch(step.touch());
    case Step::kMprotect:
      out_->kind = StepKind::kMprotect;
      return SetMprotect(step.mprotect());
    case Step::kMadvise:
      out_->kind = StepKind::kMadvise;
      return SetMadvise(step.madvise());
    case Step::kMremap:
      out_->kind = StepKind::kMremap;
      return SetMremap(step.mremap());
    case Step::kBrk:
      out_->kind = StepKind::kBrk;
      return SetBrk(step.brk());
    case Step::kFork:
      out_->kind = StepKind::kFork;
      RETURN_IF_ERROR(SetMm(step.fork().mm(), "fork.mm"));
      return SetNewMm(step.fork().child(), "fork.child");
    case Step::kExec:
      out_->kind = StepKind::kExec;
      RETURN_IF_ERROR(SetMm("", "exec"));
      RETURN_IF_ERROR(SetNewMm(step.exec().mm(), "exec.mm"));
      program_->next_own = out_->child;
      return absl::OkStatus();
    case Step::kAccessRemoteVm:
      out_->kind = StepKind::kAccessRemoteVm;
      out_->flag = step.access_remote_vm().write();
      RETURN_IF_ERROR(
          SetMm(step.access_remote_vm().mm(), "access_remote_vm.mm"));
      return SetAddress(step.access_remote_vm().address(),
                        "access_remote_vm.address");
    default:
      return CompileFileOp(step);
  }
}

absl::Status StepCompiler::CompileReferenceOp(const Step& step) {
  switch (step.op_case()) {
    case Step::kMmget:
      out_->kind = StepKind::kMmget;
      return SetMm(step.mmget().mm(), "mmget.mm");
    case Step::kMmgetNotZero:
      out_->kind = StepKind::kMmgetNotZero;
      return SetMm(step.mmget_not_zero().mm(), "mmget_not_zero.mm");
    case Step::kMmput:
      out_->kind = StepKind::kMmput;
      out_->flag = step.mmput().async();
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
