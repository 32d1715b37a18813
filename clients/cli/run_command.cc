// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_command.cc: `mmfault run FILE...`.

#include "clients/cli/run_command.h"

#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>

#include "clients/cli/capsule_dir.h"
#include "clients/cli/driver_process.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/fault_flag.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/output.h"
#include "clients/cli/progress.h"
#include "clients/cli/report_format.h"
#include "clients/cli/run_job.h"
#include "clients/cli/shard.h"
#include "server/report/junit.h"
#include "server/report/matrix.h"
#include "server/report/text.h"
#include "server/report/wording.h"

namespace mmfault::cli {
namespace {

// A driver has come and gone in milliseconds; whoever waits longer than this
// waits for one that is not coming.
constexpr int kClientWaitSeconds = 60;

v1::RunOptions OptionsFrom(const RunFlags& flags, const Shard& shard) {
  v1::RunOptions options;
  for (const std::string& protocol : flags.protocols) {
    options.add_protocols(protocol);
  }
  for (const std::string& mutant : flags.mutants) options.add_mutants(mutant);
  options.set_seed(flags.seed);
  options.set_remote(flags.is_remote);
  options.set_require_fired(flags.require_fired);
  options.mutable_client_wait()->set_seconds(kClientWaitSeconds);
  options.set_shard_index(shard.index);
  options.set_shard_count(shard.count);
  options.set_workers(flags.workers);
  options.set_recheck(flags.is_recheck);
  if (flags.schedule_count != 0) {
    options.mutable_explore()->set_schedule_count(flags.schedule_count);
  }
  if (!flags.strategy.empty()) {
    v1::Explore& explore = *options.mutable_explore();
    explore.set_strategy(flags.strategy);
    explore.set_search_step_budget(flags.step_budget);
    explore.set_preemption_bound(flags.preemption_bound);
    explore.set_exhaust(flags.is_exhaustive);
  }
  return options;
}

report::TableLayout LayoutFor(const std::vector<ScenarioFile>& files) {
  report::TableLayout layout{.scenario_width = 8, .protocol_width = 14};
  for (const ScenarioFile& file : files) {
    layout.scenario_width =
        std::max(layout.scenario_width, static_cast<int>(file.Stem().size()));
  }
  return layout;
}

// A malformed file has its own form of error: FILE:LINE:COLUMN: what.
bool FailCreate(Context& context, const grpc::Status& status) {
  const client::ErrorDetails details = client::DetailsOf(status);
  const auto at = [&details](const char* key) {
    const auto found = details.metadata.find(key);
    return found == details.metadata.end() ? std::string() : found->second;
  };
  if (details.reason != "SCENARIO_MALFORMED" || at("line").empty()) {
    return context.Fail(status);
  }
  const std::string place =
      at("file") + ":" + at("line") + ":" + at("column") + ":";
  std::string message = status.error_message();
  if (!message.starts_with(place)) message = place + " " + message;
  context.exit_code = kExitUsage;
  std::cerr << message << "\n";
  return false;
}

// Runs these files as one run, writes its capsules and adds what came out to
// `whole`.
bool RunFiles(Context& context, client::Session& session,
              const std::vector<ScenarioFile>& files,
              const v1::RunOptions& options, const std::string& capsule_dir,
              const std::function<void(const v1::CaseResult&)>& on_case,
              v1::Run* whole) {
  v1::CreateRunRequest request;
  *request.mutable_options() = options;
  for (const ScenarioFile& file : files) {
    v1::ScenarioSource& source = *request.add_scenarios();
    source.set_text(file.text);
    source.set_file(file.path);
  }
  const auto created =
      session.Call(session.runs(), &v1::RunService::Stub::CreateRun, request);
  if (!created.ok()) return FailCreate(context, created.status);
  const std::string& name = created.value.run().name();
  std::unique_ptr<DriverProcess> driver;
  // A scenario without notifiers waits for nobody.
  if (created.value.run().state() == v1::Run::STATE_WAITING_FOR_CLIENTS) {
    std::string error;
    driver = DriverProcess::Start(context.address(), name, files.front().path,
                                  &error);
    if (driver == nullptr) return context.FailInfrastructure(error);
  }
  Progress progress;
  const auto run = FollowRun(session, name, progress, on_case);
  if (!run.ok()) return context.Fail(run.status);
  MergeRun(run.value, whole);
  if (driver != nullptr && driver->Wait() != kExitOk) {
    return context.FailInfrastructure("the driver process has failed");
  }
  return capsule_dir.empty() ||
         WriteCapsules(context, session, run.value, capsule_dir);
}

// With remote notifiers each file is a run of its own: a notifier is bound once
// in a run, and each scenario has its own drivers.
std::vector<std::vector<ScenarioFile>> Batches(
    const RunFlags& flags, const std::vector<ScenarioFile>& files) {
  if (!flags.is_remote) return {files};
  std::vector<std::vector<ScenarioFile>> batches;
  batches.reserve(files.size());
  for (const ScenarioFile& file : files) batches.push_back({file});
  return batches;
}

// What `explore` was asked: was anything found, and is that all there is?
int ExploreExitCode(const v1::Run& run) {
  const int code = ExitCodeFor(run);
  if (code == kExitInfrastructure) return code;
  bool cut = false;
  for (const v1::CaseResult& result : run.results()) {
    if (result.violating_schedule_count() > 0) return kExitUnmet;
    cut = cut || !result.inconclusive_cause().empty() ||
          result.cut_schedule_count() > 0;
  }
  return cut ? kExitInconclusive : kExitOk;
}

std::string MatrixFormat(const Context& context, const RunFlags& flags) {
  return ReportFormat(context, flags.matrix_format, flags.matrix_file);
}

// Whether standard output is for the matrix and nothing else.
bool MatrixAlone(const Context& context, const RunFlags& flags) {
  return flags.is_matrix && flags.matrix_file.empty() &&
         (context.is_json() || MatrixFormat(context, flags) != "text");
}

std::string RenderMatrix(const std::string& format, const v1::Run& run) {
  const report::Matrix matrix = report::MatrixOf(run);
  if (format == "html") return report::RenderMatrixHtml(matrix);
  if (format == "json") return report::RenderMatrixJson(matrix);
  return report::RenderMatrixText(matrix);
}

bool PrintMatrix(Context& context, const RunFlags& flags, const v1::Run& run) {
  if (!flags.is_matrix) return true;
  const std::string text = RenderMatrix(MatrixFormat(context, flags), run);
  if (flags.matrix_file.empty()) {
    std::cout << text;
    return true;
  }
  return WriteFile(flags.matrix_file, text) ||
         context.FailInfrastructure(flags.matrix_file + ": cannot be written");
}

// A case's lines, unless the matrix takes their place; one that is not met is
// told in any case.
void PrintCase(const Context& context, const RunFlags& flags,
               const v1::CaseResult& result,
               const report::TableLayout& layout) {
  if (context.is_json() || MatrixAlone(context, flags)) return;
  if (flags.is_matrix && flags.matrix_file.empty() &&
      report::StandingOf(result) == report::Standing::kMet) {
    return;
  }
  std::cout << report::RenderCase(result, layout) << std::flush;
}

bool Finish(Context& context, const RunFlags& flags, const v1::Run& run) {
  if (!PrintMatrix(context, flags, run)) return false;
  if (!MatrixAlone(context, flags)) {
    std::cout << (context.is_json() ? ToJson(run) : report::RenderFooter(run))
              << std::flush;
  }
  if (!flags.junit.empty() &&
      !WriteFile(flags.junit, report::RenderJunit(run))) {
    return context.FailInfrastructure(flags.junit + ": cannot be written");
  }
  context.exit_code =
      flags.is_exhaustive ? ExploreExitCode(run) : ExitCodeFor(run);
  return true;
}

}  // namespace

bool RunScenarios(Context& context, const RunFlags& flags) {
  if (flags.paths.empty()) {
    return context.FailUsage(
        "run: name scenario files, or directories of *.textproto",
        "`mmfault init` writes an example to run");
  }
  Shard shard;
  std::string error;
  const Environment environment = [](const char* name) {
    return std::getenv(name);
  };
  if (!ResolveShard(flags.shard, environment, &shard, &error)) {
    return context.FailUsage(error);
  }
  std::vector<ScenarioFile> files;
  if (!ReadScenarioFiles(flags.paths, &files, &error)) {
    return context.FailUsage(error);
  }
  if (!TouchShardStatusFile(environment)) {
    return context.FailInfrastructure(
        "the file of TEST_SHARD_STATUS_FILE cannot be written");
  }
  v1::RunOptions options = OptionsFrom(flags, shard);
  for (const std::string& fault : flags.faults) {
    if (!ParseFaultFlag(fault, options.add_faults(), &error)) {
      return context.FailUsage(error);
    }
  }
  client::Session* session = context.Connect(flags.is_remote);
  if (session == nullptr) return false;

  const report::TableLayout layout = LayoutFor(files);
  // Printed with the first case: a run that is refused has no table.
  bool header_due =
      !context.is_json() && (!flags.is_matrix || !flags.matrix_file.empty());
  const auto on_case = [&](const v1::CaseResult& result) {
    if (header_due) {
      std::cout << report::RenderHeader(layout);
      header_due = false;
    }
    PrintCase(context, flags, result, layout);
  };
  v1::Run whole;
  for (const std::vector<ScenarioFile>& batch : Batches(flags, files)) {
    if (!RunFiles(context, *session, batch, options, flags.capsule_dir, on_case,
                  &whole)) {
      return false;
    }
    if (InterruptWatch::Happened()) break;
    // One seed for all, the first that the server drew.
    options.set_seed(whole.options().seed());
  }
  return Finish(context, flags, whole);
}

bool ExploreScenarios(Context& context, const RunFlags& flags) {
  RunFlags explore = flags;
  explore.is_exhaustive = true;
  if (explore.strategy.empty()) explore.strategy = "auto";
  return RunScenarios(context, explore);
}

}  // namespace mmfault::cli
