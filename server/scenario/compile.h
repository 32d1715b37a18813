// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// compile.h: from API messages to what runs.
//
// Ids become references, numbers are checked against their documented ranges,
// and nothing is changed in the machine unless the whole message is right:
// first everything is checked, then it is made. Errors name the field
// (base::InvalidFieldError, paths like `step.munmap.range.end`), a missing
// thing is NOT_FOUND with the reason of its kind, and what this server cannot
// simulate is INVALID_ARGUMENT with UNSUPPORTED_SETTING.
//
// Threads: as the machine.

#ifndef MMFAULT_SERVER_SCENARIO_COMPILE_H_
#define MMFAULT_SERVER_SCENARIO_COMPILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/registry.h"
#include "mmfault/v1/fault.pb.h"
#include "mmfault/v1/resources.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "mmfault/v1/step.pb.h"
#include "server/scenario/machine.h"

namespace mmfault::scenario {

// Upper bounds of one world; server/host/limits.h fills it.
struct Bounds {
  int64_t max_mms = 64;
  int64_t max_vmas = 1 << 20;
  int64_t max_tasks = sched::kMaxTasks;
  int64_t max_notifiers = 1024;
  bool may_crash = false;  // rules may say `crash`
};

// RESOURCE_EXHAUSTED (MEMORY_EXHAUSTED) unless the machine has its memory.
absl::Status CheckReserved(const Machine& machine);

// Settings to options, defaults filled in. The seed must be drawn already.
absl::StatusOr<sched::WorldOptions> CompileSettings(
    const v1::WorldSettings& settings);

// Checks a step and appends it to a program. `field` is the path of the step in
// the request, for error messages. An `mm` left empty means `default_mm` when
// there is one, else the task's own.
absl::Status AppendStep(Machine* machine, Program* program,
                        const v1::Step& step, std::string_view field,
                        MmRef* default_mm = nullptr);

// Makes an mm, a file, a notifier, a task with its steps.
absl::Status AddMm(Machine* machine, const v1::MmSetup& setup,
                   int64_t least_users, const Bounds& bounds,
                   std::string_view field);
absl::Status AddFile(Machine* machine, const v1::FileSetup& setup,
                     std::string_view field);
// A device's behaviour; events and mms that it names are declared.
absl::StatusOr<device::Behaviour> CompileBehaviour(
    Machine* machine, const v1::ModelledDevice& model, std::string_view field);
// The form of a notifier, if the protocol has it.
absl::StatusOr<notifier::Kind> CompileKind(const notifier::Protocol& protocol,
                                           v1::Notifier::Kind kind,
                                           std::string_view field);
absl::Status AddNotifier(Machine* machine, const v1::NotifierSetup& setup,
                         const Bounds& bounds, std::string_view field);
// `task_id` overrides setup.id() when not empty.
absl::StatusOr<Program*> AddTask(Machine* machine, const v1::TaskSetup& setup,
                                 const Bounds& bounds, std::string_view field);

// The path of a field in another: `fault.rules[0].trigger`.
std::string Join(std::string_view a, std::string_view b);

// OK where a step is called so; else INVALID_ARGUMENT (UNSUPPORTED_SETTING)
// with the nearest name.
absl::Status CheckOperation(const std::string& name, const std::string& field);

// A rule ready to be armed in the machine's world. `client` is what
// sched::TaskRecord::client says of the client that the rule names; 0 where
// there are no clients.
absl::StatusOr<faults::Rule> CompileRule(const Machine& machine,
                                         const v1::FaultRule& rule,
                                         std::string_view field,
                                         uint32_t client = 0);
// Arms a rule; returns its id in the world's registry.
absl::StatusOr<uint32_t> ArmRule(Machine* machine, const v1::FaultRule& rule,
                                 std::string_view field);
// RESOURCE_EXHAUSTED (QUOTA_EXCEEDED): Registry::Arm() had no room.
absl::Status NoRoomForRule(const Machine& machine);

// Everything a scenario sets up: files, mms, notifiers, tasks, faults. Not its
// sweeps. With `all_remote`, every notifier is a remote one.
absl::Status SetUp(Machine* machine, const v1::Scenario& scenario,
                   const Bounds& bounds, bool all_remote);

// How a step ended, as the API says it.
v1::StepResult ToProto(const StepOutcome& outcome);
// The same into a message that is empty.
void FillResult(const StepOutcome& outcome, v1::StepResult* result);
// A violation with its explanation, names filled in.
v1::Violation ToProto(const Machine& machine,
                      const trace::Violation& violation);

// Callback events of the API and methods of the engine.
v1::CallbackEvent ToProto(notifier::Method method);
// 0 (no method) for an event that this server does not send.
uint32_t MethodBit(v1::CallbackEvent event);

// `[a-z][a-z0-9_-]{0,62}`, the form of every id.
bool IsValidId(std::string_view id);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_COMPILE_H_
