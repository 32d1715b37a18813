// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// replay_command.cc: `mmfault replay` and `mmfault minimize`.

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "clients/cli/capsule_file.h"
#include "clients/cli/commands.h"
#include "clients/cli/event_text.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/output.h"
#include "clients/cli/progress.h"
#include "clients/cli/run_job.h"
#include "clients/cli/scenario_files.h"
#include "server/report/gtest.h"
#include "server/report/story.h"

namespace mmfault::cli {
namespace {

using Stub = v1::RunService::Stub;

struct ReplayFlags {
  std::string file;
  ExecutionFlags execution;
  report::StoryView view;
  std::string gtest_file;
  std::string capsule_file;
};

// A run of one execution, with its story.
struct Told {
  v1::Run run;
  v1::Capsule capsule;
  std::vector<v1::Event> events;
};

bool FetchStory(Context& context, client::Session& session, Told* told) {
  v1::FetchTraceRequest request;
  request.set_name(told->run.name());
  grpc::ClientContext call;
  const auto reader = session.runs().FetchTrace(&call, request);
  v1::FetchTraceResponse response;
  while (reader->Read(&response)) {
    for (const v1::Event& event : response.events()) {
      told->events.push_back(event);
    }
    if (response.has_capsule()) told->capsule = response.capsule();
  }
  const grpc::Status status = reader->Finish();
  return status.ok() || context.Fail(status);
}

// Runs the request's one execution and fetches its story. A run that failed has
// said why.
bool Execute(Context& context, const v1::CreateRunRequest& request,
             Told* told) {
  client::Session* session = context.Connect();
  if (session == nullptr) return false;
  const auto created =
      session->Call(session->runs(), &Stub::CreateRun, request);
  if (!created.ok()) return context.Fail(created.status);
  Progress progress;
  const auto run = FollowRun(*session, created.value.run().name(), progress,
                             [](const v1::CaseResult&) {});
  if (!run.ok()) return context.Fail(run.status);
  told->run = run.value;
  if (!told->run.failure().empty()) {
    return context.FailInfrastructure(told->run.failure());
  }
  return FetchStory(context, *session, told);
}

std::vector<v1::Violation> ViolationsOf(const v1::Run& run) {
  std::vector<v1::Violation> out;
  for (const v1::CaseResult& result : run.results()) {
    out.insert(out.end(), result.violations().begin(),
               result.violations().end());
  }
  return out;
}

std::string Heading(const Told& told) {
  const v1::Capsule& capsule = told.capsule;
  return capsule.scenario().id() + " under " + capsule.protocol() + ", " +
         std::to_string(told.events.empty() ? 0 : told.events.back().step()) +
         " steps\n";
}

bool WriteTo(Context& context, const std::string& path,
             const std::string& text) {
  return path.empty() || WriteFile(path, text) ||
         context.FailInfrastructure(path + ": cannot be written");
}

void Print(Context& context, const Told& told, const report::StoryView& view) {
  if (context.is_json()) {
    std::cout << ToJson(told.run);
    return;
  }
  const std::vector<v1::Violation> violations = ViolationsOf(told.run);
  std::cout << Heading(told)
            << report::RenderStory(told.events, violations, view) << "\n";
  for (const v1::Violation& violation : violations) {
    std::cout << ViolationText(violation);
  }
  if (violations.empty()) std::cout << "nothing is broken\n";
}

bool Replay(Context& context, const ReplayFlags& flags) {
  v1::CreateRunRequest request;
  std::string error;
  if (!ReadCapsule(flags.file, flags.execution, request.mutable_capsule(),
                   &error)) {
    return context.FailUsage(error);
  }
  request.set_until_step(flags.view.until_step);
  Told told;
  if (!Execute(context, request, &told)) return false;
  if (!flags.view.break_on.empty() &&
      !report::HasStop(told.events, flags.view.break_on)) {
    return context.FailUsage("--break-on " + flags.view.break_on +
                                 ": no step of this execution is that",
                             "--full shows all steps: a function, an object or "
                             "a verb of theirs");
  }
  Print(context, told, flags.view);
  if (!WriteTo(context, flags.capsule_file, CapsuleText(told.capsule)) ||
      (!flags.gtest_file.empty() &&
       !WriteTo(
           context, flags.gtest_file,
           report::RenderGtest(told.capsule, CapsuleText(told.capsule))))) {
    return false;
  }
  context.exit_code =
      ViolationsOf(told.run).empty() ? ExitCodeFor(told.run) : kExitUnmet;
  return true;
}

bool Minimize(Context& context, const ReplayFlags& flags) {
  v1::CreateRunRequest request;
  std::string error;
  if (!ReadCapsule(flags.file, flags.execution, request.mutable_capsule(),
                   &error)) {
    return context.FailUsage(error);
  }
  request.set_minimize(true);
  Told told;
  if (!Execute(context, request, &told)) return false;
  if (!context.is_json() && told.run.results_size() > 0) {
    std::cout << report::RenderMinimize(told.run.results(0).minimize()) << "\n";
  }
  Print(context, told, flags.view);
  if (!WriteTo(context, flags.capsule_file, CapsuleText(told.capsule))) {
    return false;
  }
  if (!flags.capsule_file.empty() && !context.is_json()) {
    std::cout << "  next: mmfault replay " << flags.capsule_file << "\n";
  }
  context.exit_code = kExitUnmet;
  return true;
}

void AddExecutionOptions(CLI::App& command, ReplayFlags& flags) {
  command
      .add_option("FILE", flags.file,
                  "A capsule, or a scenario with the options of a replay line")
      ->required();
  command.add_option("--protocol", flags.execution.protocol,
                     "With a scenario: the protocol");
  command.add_option("--decisions", flags.execution.decisions,
                     "With a scenario: who runs, as in 0:12,1:3,1=1");
  command.add_option("--seed", flags.execution.seed,
                     "With a scenario: the seed of a random execution");
  command.add_option("--sweep", flags.execution.sweep,
                     "With a scenario: the sweep's hit, as K/HIT");
  command.add_option("--mutant", flags.execution.mutants,
                     "With a scenario: plants a mistake; may be repeated");
  command.add_option("--fault", flags.execution.faults,
                     "With a scenario: arms a rule, as 'POINT: TRIGGER'; may "
                     "be repeated");
  command.add_flag("--full", flags.view.full, "Every step");
}

}  // namespace

void AddReplayCommand(CLI::App& app, Context& context) {
  CLI::App* replay = app.add_subcommand(
      "replay", "Repeat one execution and tell its story, a column a task");
  auto flags = std::make_shared<ReplayFlags>();
  AddExecutionOptions(*replay, *flags);
  replay->add_option("--until", flags->view.until_step, "End before this step")
      ->check(CLI::NonNegativeNumber);
  replay->add_option("--break-on", flags->view.break_on,
                     "End at the first step in this function, on this object "
                     "or with this verb");
  replay->add_option("--capsule", flags->capsule_file,
                     "Writes the execution as a capsule");
  replay->add_option("--gtest", flags->gtest_file,
                     "Writes a GoogleTest that fails the same way");
  replay->callback([flags, &context] { Replay(context, *flags); });
}

void AddMinimizeCommand(CLI::App& app, Context& context) {
  CLI::App* minimize = app.add_subcommand(
      "minimize",
      "Look for the smallest execution that breaks the same promise");
  auto flags = std::make_shared<ReplayFlags>();
  AddExecutionOptions(*minimize, *flags);
  minimize->add_option("--capsule", flags->capsule_file,
                       "Writes the smaller execution as a capsule");
  minimize->callback([flags, &context] { Minimize(context, *flags); });
}

}  // namespace mmfault::cli
