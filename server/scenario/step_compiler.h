// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// step_compiler.h: what compile_step*.cc share; see compile.h.
//
// One compiler per step: checks the message and fills a StepSpec. The groups of
// operations are tried in turn, as their numbers in step.proto are grouped:
// address spaces, drivers, tasks.

#ifndef MMFAULT_SERVER_SCENARIO_STEP_COMPILER_H_
#define MMFAULT_SERVER_SCENARIO_STEP_COMPILER_H_

#include <string>
#include <string_view>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {

// The steps' names for things, resolved against a machine.
class StepCompiler {
 public:
  StepCompiler(Machine* machine, Program* program, std::string field,
               StepSpec* out, MmRef* default_mm)
      : machine_(machine),
        program_(program),
        field_(std::move(field)),
        out_(out),
        default_mm_(default_mm) {}

  absl::Status Compile(const v1::Step& step) {
    RETURN_IF_ERROR(CompileCommon(step));
    return CompileOp(step);
  }

 private:
  std::string Path(std::string_view rest) const {
    return field_ + "." + std::string(rest);
  }

  absl::Status CompileCommon(const v1::Step& step);
  absl::Status CompileOp(const v1::Step& step);
  absl::Status CompileMmOp(const v1::Step& step);
  absl::Status CompileFileOp(const v1::Step& step);
  absl::Status CompileSystemOp(const v1::Step& step);
  absl::Status CompileReferenceOp(const v1::Step& step);
  absl::Status CompileDriverOp(const v1::Step& step);
  absl::Status CompileSubscriptionOp(const v1::Step& step);
  absl::Status CompileTaskOp(const v1::Step& step);

  absl::Status SetCodes(const google::protobuf::RepeatedField<int32_t>& from,
                        std::string_view path, Codes* codes);
  absl::Status SetTitle(const std::string& title, std::string_view path);
  absl::Status SetMm(const std::string& id, std::string_view path);
  absl::Status SetDevice(const std::string& id, std::string_view path,
                         bool may_create = false,
                         notifier::Kind kind = notifier::Kind::kList);
  // One that is, or becomes, of that kind, which the protocol must have.
  absl::Status SetDeviceOf(const std::string& id, std::string_view path,
                           notifier::Kind kind, bool may_create = false);
  absl::Status SetInsert(const v1::Step::Insert& op);
  absl::Status SetConfigure(const v1::Step::Configure& op);
  absl::Status SetTask(const std::string& id, std::string_view path);
  absl::Status SetFile(const std::string& id, std::string_view path);
  absl::Status SetRange(const v1::AddressRange& range, std::string_view path);
  absl::Status SetPageRange(const v1::AddressRange& range,
                            std::string_view path);
  absl::Status SetAddress(uint64_t address, std::string_view path);
  absl::Status SetMmap(const v1::Step::Mmap& op);
  absl::Status SetMprotect(const v1::Step::Mprotect& op);
  absl::Status SetMadvise(const v1::Step::Madvise& op);
  absl::Status SetMremap(const v1::Step::Mremap& op);
  absl::Status SetBrk(const v1::Step::Brk& op);
  absl::Status SetNewMm(const std::string& id, std::string_view path);
  absl::Status SetTruncate(const v1::Step::Truncate& op);
  absl::Status SetPunchHole(const v1::Step::PunchHole& op);
  absl::Status SetTouch(const v1::Step::Touch& op);
  absl::Status SetClearRefs(const v1::Step::ClearRefs& op);
  absl::Status SetCollapseFile(const v1::Step::CollapseFile& op);
  absl::Status SetJoin(const v1::Step::Join& op);
  absl::Status SetMark(const v1::Step::Mark& op);
  absl::Status SetSignal(const v1::Step::Signal& op);
  absl::Status SetMask(const google::protobuf::RepeatedField<int32_t>& numbers,
                       std::string_view path, uint64_t* mask);

  Machine* machine_;
  Program* program_;
  std::string field_;
  StepSpec* out_;
  MmRef* default_mm_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_STEP_COMPILER_H_
