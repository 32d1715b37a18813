// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Step messages to StepSpecs.

#include <string>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {
namespace {

using base::InvalidFieldError;
using v1::Step;

constexpr int64_t kMaxRepeat = 1000000000;
constexpr uint64_t kMaxTouchedPages = uint64_t{1} << 20;

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

  absl::Status Compile(const Step& step) {
    RETURN_IF_ERROR(CompileCommon(step));
    return CompileOp(step);
  }

 private:
  std::string Path(std::string_view rest) const {
    return field_ + "." + std::string(rest);
  }

  absl::Status CompileCommon(const Step& step);
  absl::Status CompileOp(const Step& step);
  absl::Status CompileDriverOp(const Step& step);
  absl::Status CompileTaskOp(const Step& step);

  absl::Status SetCodes(const google::protobuf::RepeatedField<int32_t>& from,
                        std::string_view path, Codes* codes);
  absl::Status SetMm(const std::string& id, std::string_view path);
  absl::Status SetDevice(const std::string& id, std::string_view path,
                         bool may_create = false);
  absl::Status SetTask(const std::string& id, std::string_view path);
  absl::Status SetFile(const std::string& id, std::string_view path);
  absl::Status SetRange(const v1::AddressRange& range, std::string_view path);
  absl::Status SetPageRange(const v1::AddressRange& range,
                            std::string_view path);
  absl::Status SetAddress(uint64_t address, std::string_view path);
  absl::Status SetMmap(const Step::Mmap& op);
  absl::Status SetSignal(const Step::Signal& op);
  absl::Status SetMask(const google::protobuf::RepeatedField<int32_t>& numbers,
                       std::string_view path, uint64_t* mask);

  Machine* machine_;
  Program* program_;
  std::string field_;
  StepSpec* out_;
  MmRef* default_mm_;
};

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

absl::Status StepCompiler::CompileCommon(const Step& step) {
  RETURN_IF_ERROR(SetCodes(step.expect_rc(), "expect_rc", &out_->expect_rc));
  if (step.repeat() < 0 || step.repeat() > kMaxRepeat) {
    return InvalidFieldError(
        Path("repeat"), "FIELD_OUT_OF_RANGE",
        "repeat must be in [1, 1000000000], or 0 for once");
  }
  out_->repeat = step.repeat() == 0 ? 1 : static_cast<uint64_t>(step.repeat());
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
  out_->mm = default_mm_ != nullptr ? default_mm_ : program_->own.get();
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
                                     std::string_view path, bool may_create) {
  if (id.empty()) {
    return InvalidFieldError(Path(path), "FIELD_MISSING",
                             "say which notifier is meant");
  }
  out_->dev = machine_->FindDevice(id);
  if (out_->dev == nullptr && may_create && IsValidId(id)) {
    out_->dev = machine_->CreateDevice(id, device::Behaviour(), false);
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

absl::Status StepCompiler::CompileOp(const Step& step) {
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
      return absl::OkStatus();
    }
    default:
      return InvalidFieldError(field_, "STEP_MALFORMED",
                               "the step says nothing to do: set one of op");
  }
}

}  // namespace

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
