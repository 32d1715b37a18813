// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Step messages to StepSpecs: what every step has, and the names of things.

#include "server/scenario/step_compiler.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kMaxRepeat = 1000000000;
constexpr size_t kMaxTitleBytes = 200;
constexpr uint64_t kMaxTouchedPages = uint64_t{1} << 20;

}  // namespace

using base::InvalidFieldError;
using v1::Step;

absl::Status StepCompiler::SetCodes(
    const google::protobuf::RepeatedField<int32_t>& from, std::string_view path,
    Codes* codes) {
  if (from.size() > kMaxCodes) {
    return InvalidFieldError(Path(path), "FIELD_OUT_OF_RANGE",
                             "at most 6 return codes can be named here");
  }
  for (const int32_t rc : from) {
    codes->rc[codes->count++] = rc;
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetTitle(const std::string& title,
                                    std::string_view path) {
  if (title.empty()) {
    return absl::OkStatus();
  }
  out_->title =
      title.size() <= kMaxTitleBytes ? machine_->Title(title) : nullptr;
  if (out_->title == nullptr) {
    return InvalidFieldError(
        Path(path), "FIELD_OUT_OF_RANGE",
        "at most 16384 different titles of at most 200 bytes in a world");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::CompileCommon(const Step& step) {
  RETURN_IF_ERROR(SetTitle(step.title(), "title"));
  if (!Step::AwaitSignal_IsValid(step.await_signal())) {
    return InvalidFieldError(Path("await_signal"), "FIELD_OUT_OF_RANGE",
                             "await_signal is one of AWAIT_SIGNAL_*");
  }
  out_->await_signal = static_cast<uint8_t>(step.await_signal());
  RETURN_IF_ERROR(SetCodes(step.expect_rc(), "expect_rc", &out_->expect_rc));
  if (step.repeat() < 0 || step.repeat() > kMaxRepeat) {
    return InvalidFieldError(
        Path("repeat"), "FIELD_OUT_OF_RANGE",
        "repeat must be in [1, 1000000000], or 0 for once");
  }
  out_->repeat = step.repeat() == 0 ? 1 : static_cast<uint64_t>(step.repeat());
  out_->storm = step.storm();
  if (step.has_only_if()) {
    if (step.only_if().step().empty() || step.only_if().rc().empty()) {
      return InvalidFieldError(Path("only_if"), "FIELD_MISSING",
                               "only_if needs a step's label and an rc");
    }
    out_->only_label = machine_->Label(program_, step.only_if().step());
    RETURN_IF_ERROR(
        SetCodes(step.only_if().rc(), "only_if.rc", &out_->only_rc));
  }
  if (!step.label().empty()) {
    out_->label = machine_->Label(program_, step.label());
  }
  if ((step.has_only_if() && out_->only_label < 0) ||
      (!step.label().empty() && out_->label < 0)) {
    return InvalidFieldError(Path("label"), "FIELD_OUT_OF_RANGE",
                             "a task can use at most 32 labels");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetMm(const std::string& id, std::string_view path) {
  if (!id.empty()) {
    out_->mm = machine_->FindMm(id);
    if (out_->mm == nullptr) {
      return base::MissingResourceError(
          id, "MM_NOT_FOUND",
          "no mm \"" + id + "\" in this world (field " + Path(path) + ")");
    }
    return absl::OkStatus();
  }
  out_->mm = default_mm_;
  if (out_->mm == nullptr) {
    out_->mm = program_->next_own != nullptr ? program_->next_own.get()
                                             : program_->own.get();
  }
  if (out_->mm == nullptr && machine_->mms().size() == 1) {
    out_->mm = machine_->mms().begin()->second;
  }
  if (out_->mm == nullptr) {
    return InvalidFieldError(
        Path(path), "FIELD_MISSING",
        "the task has no mm of its own and the world has not exactly one: say "
        "which mm is meant");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetDevice(const std::string& id,
                                     std::string_view path, bool may_create,
                                     notifier::Kind kind) {
  if (id.empty()) {
    return InvalidFieldError(Path(path), "FIELD_MISSING",
                             "say which notifier is meant");
  }
  out_->dev = machine_->FindDevice(id);
  if (out_->dev == nullptr && may_create && IsValidId(id)) {
    out_->dev = machine_->CreateDevice(id, device::Behaviour(), false, kind);
  }
  if (out_->dev == nullptr) {
    return base::MissingResourceError(
        id, "NOTIFIER_NOT_FOUND",
        "no notifier \"" + id + "\" in this world (field " + Path(path) + ")");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetTask(const std::string& id,
                                   std::string_view path) {
  if (id.empty()) {
    return absl::OkStatus();  // the task itself
  }
  out_->task = machine_->FindTask(id);
  if (out_->task == nullptr) {
    return base::MissingResourceError(
        id, "TASK_NOT_FOUND",
        "no task \"" + id + "\" in this world (field " + Path(path) + ")");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetFile(const std::string& id,
                                   std::string_view path) {
  out_->file = machine_->FindFile(id);
  if (out_->file == nullptr) {
    return base::MissingResourceError(
        id, "FILE_NOT_FOUND",
        "no file \"" + id + "\" in this world (field " + Path(path) + ")");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetRange(const v1::AddressRange& range,
                                    std::string_view path) {
  const bool to_the_end = range.end() == UINT64_MAX;
  const uint64_t end = to_the_end ? mm::kTaskSize : range.end();
  if (range.start() % mm::kPageSize != 0 || end % mm::kPageSize != 0 ||
      range.start() >= end || end > mm::kTaskSize) {
    return InvalidFieldError(
        Path(path), "RANGE_MALFORMED",
        "a range is [start, end) in multiples of 4096, not empty, below 2^47");
  }
  out_->start = range.start();
  out_->end = end;
  return absl::OkStatus();
}

absl::Status StepCompiler::SetPageRange(const v1::AddressRange& range,
                                        std::string_view path) {
  RETURN_IF_ERROR(SetRange(range, path));
  if ((out_->end - out_->start) / mm::kPageSize > kMaxTouchedPages) {
    return InvalidFieldError(
        Path(path), "FIELD_OUT_OF_RANGE",
        "at most 1048576 pages can be touched in one step");
  }
  return absl::OkStatus();
}

absl::Status StepCompiler::SetAddress(uint64_t address, std::string_view path) {
  if (address >= mm::kTaskSize) {
    return InvalidFieldError(Path(path), "RANGE_MALFORMED",
                             "an address is below 2^47");
  }
  out_->start = address / mm::kPageSize * mm::kPageSize;
  out_->end = out_->start + mm::kPageSize;
  return absl::OkStatus();
}

absl::Status StepCompiler::CompileOp(const Step& step) {
  return CompileMmOp(step);
}

bool IsValidId(std::string_view id) {
  if (id.empty() || id.size() > 63 || id[0] < 'a' || id[0] > 'z') {
    return false;
  }
  for (const char c : id) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
    if (!ok) {
      return false;
    }
  }
  return true;
}

absl::Status AppendStep(Machine* machine, Program* program,
                        const v1::Step& step, std::string_view field,
                        MmRef* default_mm) {
  StepSpec* spec = machine->NewStep(StepKind::kYieldCpu);
  absl::Status status;
  {
    sched::World::Scope scope(&machine->world());
    status =
        StepCompiler(machine, program, std::string(field), spec, default_mm)
            .Compile(step);
    if (!status.ok()) {
      machine->world().Delete(spec);
    }
  }
  RETURN_IF_ERROR(status);
  machine->Append(program, spec);
  return absl::OkStatus();
}

}  // namespace mmfault::scenario
