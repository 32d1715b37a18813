// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_command.cc: `mmfault sweep SCENARIO...` and `mmfault merge JOURNAL...`.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "clients/cli/commands.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/progress.h"
#include "clients/cli/report_format.h"
#include "clients/cli/scenario_files.h"
#include "clients/cli/shard.h"
#include "clients/cli/sweep_journal.h"
#include "server/report/sweep.h"

namespace mmfault::cli {
namespace {

struct ReportFlags {
  std::string format;  // text, json, html; empty: by file or --output
  std::string out;     // empty: standard output
  std::string junit;   // empty: none
};

struct SweepFlags {
  std::vector<std::string> paths;
  std::vector<std::string> protocols;
  std::vector<std::string> mutants;
  std::vector<std::string> points;
  std::vector<std::string> actions;
  std::vector<std::string> tasks;
  std::vector<std::string> operations;
  int64_t seed = 0;
  int64_t schedule_count = 0;
  int64_t max_hit = 0;
  int64_t pair_count = 0;
  int64_t swarm_count = 0;
  bool all_families = false;
  int workers = 1;
  std::string strategy;  // empty: the scenarios' own
  std::string shard;
  std::string journal;
  ReportFlags report;
};

v1::SweepRequest RequestFrom(const SweepFlags& flags, const Shard& shard,
                             const std::vector<ScenarioFile>& files) {
  v1::SweepRequest request;
  for (const ScenarioFile& file : files) {
    v1::ScenarioSource& source = *request.add_scenarios();
    source.set_text(file.text);
    source.set_file(file.path);
  }
  v1::RunOptions& options = *request.mutable_options();
  for (const std::string& protocol : flags.protocols) {
    options.add_protocols(protocol);
  }
  for (const std::string& mutant : flags.mutants) options.add_mutants(mutant);
  options.set_seed(flags.seed);
  if (!flags.strategy.empty()) {
    options.mutable_explore()->set_strategy(flags.strategy);
  }
  options.set_shard_index(shard.index);
  options.set_shard_count(shard.count);
  options.set_workers(flags.workers);
  v1::SweepOptions& sweep = *request.mutable_sweep();
  for (const std::string& point : flags.points) sweep.add_points(point);
  for (const std::string& action : flags.actions) sweep.add_actions(action);
  for (const std::string& task : flags.tasks) sweep.add_tasks(task);
  for (const std::string& operation : flags.operations) {
    sweep.add_operations(operation);
  }
  sweep.set_schedule_count(flags.schedule_count);
  sweep.set_max_hit(flags.max_hit);
  sweep.set_pair_count(flags.pair_count);
  sweep.set_swarm_count(flags.swarm_count);
  sweep.set_all_families(flags.all_families);
  return request;
}

std::string Render(const std::string& format, const report::Sweep& sweep) {
  if (format == "html") return report::RenderSweepHtml(sweep);
  if (format == "json") return report::RenderSweepJson(sweep);
  return report::RenderSweepText(sweep);
}

int ExitCodeOf(report::Standing standing) {
  switch (standing) {
    case report::Standing::kMet:
      return kExitOk;
    case report::Standing::kUnmet:
      return kExitUnmet;
    case report::Standing::kInconclusive:
      return kExitInconclusive;
  }
  return kExitInfrastructure;
}

bool Report(Context& context, const ReportFlags& flags, report::Sweep sweep) {
  report::Sort(&sweep);
  const std::string text =
      Render(ReportFormat(context, flags.format, flags.out), sweep);
  const std::vector<report::SweepTable> tables = report::TablesOf(sweep);
  if (flags.out.empty()) {
    std::cout << text << std::flush;
  } else if (!WriteFile(flags.out, text)) {
    return context.FailInfrastructure(flags.out + ": cannot be written");
  } else if (!context.is_json()) {
    report::SweepTotals totals;
    for (const report::SweepTable& table : tables) totals.Add(table.totals);
    std::cout << TotalsText(totals) << "\n";
  }
  if (!flags.junit.empty() &&
      !WriteFile(flags.junit, report::RenderSweepJunit(sweep))) {
    return context.FailInfrastructure(flags.junit + ": cannot be written");
  }
  context.exit_code = ExitCodeOf(report::StandingOf(tables));
  return true;
}

// Takes what one message has; false when the journal cannot be written.
bool Take(const v1::SweepResponse& response, SweepJournal& journal,
          report::Sweep* sweep, Progress& progress) {
  bool written = true;
  if (response.has_started_case()) {
    sweep->cases.push_back(response.started_case());
    written = journal.Add(response.started_case());
  }
  for (const v1::SweepCell& cell : response.cells()) {
    sweep->cells.push_back(cell);
    written = written && journal.Add(cell);
  }
  const v1::SweepCase& now = sweep->cases.back();
  progress.ShowText(now.scenario() + " under " + now.protocol() + ", " +
                    std::to_string(sweep->cells.size()) + " cells");
  return written;
}

// What is behind the last cell that is known.
void GoOnBehind(const report::Sweep& known, v1::SweepRequest* request) {
  if (known.cells.empty()) return;
  *request->mutable_after() = known.cells.back();
  request->mutable_after()->clear_findings();
}

// Reads the stream to its end, or to a Ctrl-C. False when it failed.
bool Follow(Context& context, client::Session& session,
            const v1::SweepRequest& request, SweepJournal& journal,
            report::Sweep* sweep) {
  grpc::ClientContext call;
  const auto reader = session.runs().Sweep(&call, request);
  const InterruptWatch interrupt([&call] { call.TryCancel(); });
  Progress progress;
  v1::SweepResponse response;
  bool written = true;
  while (written && reader->Read(&response)) {
    written = Take(response, journal, sweep, progress);
  }
  progress.Clear();
  if (!written) call.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!written) return context.FailInfrastructure("the journal: write failed");
  const bool cut = status.error_code() == grpc::StatusCode::CANCELLED &&
                   InterruptWatch::Happened();
  return status.ok() || cut || context.Fail(status);
}

bool SweepScenarios(Context& context, const SweepFlags& flags) {
  Shard shard;
  std::string error;
  const Environment environment = [](const char* name) {
    return std::getenv(name);
  };
  std::vector<ScenarioFile> files;
  if (!ResolveShard(flags.shard, environment, &shard, &error) ||
      !ReadScenarioFiles(flags.paths, &files, &error)) {
    return context.FailUsage(error);
  }
  if (!TouchShardStatusFile(environment)) {
    return context.FailInfrastructure(
        "the file of TEST_SHARD_STATUS_FILE cannot be written");
  }
  v1::SweepRequest request = RequestFrom(flags, shard, files);
  report::Sweep sweep;
  SweepJournal journal;
  if (!flags.journal.empty() &&
      !journal.Open(flags.journal, request, &sweep, &error)) {
    return context.FailUsage(error);
  }
  sweep.shard_index = shard.index;
  sweep.shard_count = shard.count;
  GoOnBehind(sweep, &request);
  client::Session* session = context.Connect();
  return session != nullptr &&
         Follow(context, *session, request, journal, &sweep) &&
         Report(context, flags.report, std::move(sweep));
}

// The parts of one sweep, each exactly once.
bool MergeJournals(const std::vector<std::string>& paths, report::Sweep* whole,
                   std::string* error) {
  std::string digest;
  std::vector<bool> seen;
  for (const std::string& path : paths) {
    JournalContent part;
    if (!ReadJournal(path, &part, error)) return false;
    const report::Sweep& sweep = part.sweep;
    if (digest.empty()) {
      digest = part.digest;
      seen.resize(static_cast<size_t>(sweep.shard_count));
    }
    const bool same = part.digest == digest &&
                      static_cast<size_t>(sweep.shard_count) == seen.size() &&
                      sweep.shard_index >= 0 &&
                      sweep.shard_index < sweep.shard_count;
    if (!same || seen[static_cast<size_t>(sweep.shard_index)]) {
      *error = path +
               (same ? ": this shard is there twice" : " is of another sweep");
      return false;
    }
    seen[static_cast<size_t>(sweep.shard_index)] = true;
    whole->cases.insert(whole->cases.end(), sweep.cases.begin(),
                        sweep.cases.end());
    whole->cells.insert(whole->cells.end(), sweep.cells.begin(),
                        sweep.cells.end());
  }
  const auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end()) {
    *error = "shard " + std::to_string(missing - seen.begin()) + "/" +
             std::to_string(seen.size()) + " is missing";
    return false;
  }
  return true;
}

bool Merge(Context& context, const std::vector<std::string>& paths,
           const ReportFlags& flags) {
  report::Sweep whole;
  std::string error;
  if (!MergeJournals(paths, &whole, &error)) return context.FailUsage(error);
  return Report(context, flags, std::move(whole));
}

void AddReportOptions(CLI::App& command, ReportFlags& flags) {
  command
      .add_option("--format", flags.format,
                  "text, json or html; without it, as the file's name ends, or "
                  "as --output says")
      ->check(CLI::IsMember({"text", "json", "html"}));
  command.add_option("--out", flags.out, "Writes the matrix there");
  command.add_option("--junit", flags.junit,
                     "Writes a JUnit XML file, a test case a cell");
}

void AddWhat(CLI::App& sweep, SweepFlags& flags) {
  sweep
      .add_option("PATH", flags.paths,
                  "Scenario files, or directories of *.textproto")
      ->required();
  sweep.add_option("--protocol", flags.protocols,
                   "Protocol or family, or `all`, instead of the scenarios' "
                   "own; may be repeated");
  sweep.add_option("--mutant", flags.mutants,
                   "Plants a mistake in the protocol; may be repeated");
  sweep.add_option("--point", flags.points,
                   "Points, by name or its beginning, like notifier/register; "
                   "may be repeated");
  sweep.add_option("--action", flags.actions,
                   "error, signal, teardown, drop_capability, or an action as "
                   "rules have it, like signal(SIGUSR1); may be repeated");
  sweep.add_option("--task", flags.tasks,
                   "Faults act on this task only, and its passes are counted; "
                   "may be repeated, for cells of their own");
  sweep.add_option("--operation", flags.operations,
                   "The same for a kind of step, like register or munmap");
}

void AddHowFar(CLI::App& sweep, SweepFlags& flags) {
  const auto number = [&sweep](const char* name, int64_t& value,
                               const char* text) {
    sweep.add_option(name, value, text)->check(CLI::NonNegativeNumber);
  };
  number("--seed", flags.seed,
         "Seed of every cell; 0: the scenarios' own, or 1");
  number("--schedules", flags.schedule_count, "Executions of each cell; 0: 10");
  number("--max-hit", flags.max_hit, "The last pass tried at a point; 0: 400");
  number("--pairs", flags.pair_count, "At most so many pairs of faults a case");
  number("--swarm", flags.swarm_count,
         "So many random subsets of fault families a case, instead of single "
         "faults");
  sweep.add_flag("--all-families", flags.all_families,
                 "Swarms have all families on: what swarms are measured "
                 "against");
  sweep
      .add_option("--workers", flags.workers,
                  "Threads of the server that share the cells; what comes out "
                  "is the same for any number")
      ->check(CLI::PositiveNumber);
  sweep.add_option("--strategy", flags.strategy,
                   "How each cell is searched, as in `run`: random, pct, pos; "
                   "or every interleaving: auto, dpor, dfs, stateful, bounded");
  sweep.add_option("--shard", flags.shard,
                   "Runs part I of N of the cells, as I/N, I from 0");
  sweep.add_option("--resume", flags.journal,
                   "Keeps finished cells in this file, and goes on behind "
                   "those that are there");
}

}  // namespace

void AddSweepCommands(CLI::App& app, Context& context) {
  CLI::App* sweep = app.add_subcommand("sweep",
                                       "Inject every fault that scenarios can "
                                       "meet, one at a time, and show what "
                                       "came of each");
  auto flags = std::make_shared<SweepFlags>();
  AddWhat(*sweep, *flags);
  AddHowFar(*sweep, *flags);
  AddReportOptions(*sweep, flags->report);
  sweep->callback([flags, &context] { SweepScenarios(context, *flags); });

  CLI::App* merge = app.add_subcommand(
      "merge", "Put the journals of a sweep's shards together");
  auto paths = std::make_shared<std::vector<std::string>>();
  auto report = std::make_shared<ReportFlags>();
  merge->add_option("JOURNAL", *paths, "What --resume of each shard has kept")
      ->required();
  AddReportOptions(*merge, *report);
  merge->callback(
      [paths, report, &context] { Merge(context, *paths, *report); });
}

}  // namespace mmfault::cli
