// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_commands.cc: `mmfault run`, its subcommands, and `mmfault explore`.

#include <iostream>
#include <memory>

#include "clients/cli/capsule_file.h"
#include "clients/cli/commands.h"
#include "clients/cli/event_text.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/names.h"
#include "clients/cli/output.h"
#include "clients/cli/run_command.h"
#include "clients/cli/run_job.h"
#include "clients/cli/unary.h"
#include "server/report/text.h"

namespace mmfault::cli {
namespace {

using Stub = v1::RunService::Stub;

std::string RunTable(const v1::ListRunsResponse& response) {
  Table table({"RUN", "STATE", "OUTCOME", "CASES", "SCHEDULES", "SEED"});
  for (const v1::Run& run : response.runs()) {
    table.Add({LastPart(run.name()),
               Lower(v1::Run::State_Name(run.state()), "STATE_"),
               Lower(v1::Run::Outcome_Name(run.outcome()), "OUTCOME_"),
               std::to_string(run.done_case_count()) + "/" +
                   std::to_string(run.case_count()),
               std::to_string(run.schedule_count()),
               std::to_string(run.options().seed())});
  }
  return table.ToString();
}

void ListRuns(Context& context) {
  client::Session* session = context.ConnectToServer("a run");
  if (session == nullptr) return;
  ListAndPrint(context, *session, session->runs(), &Stub::ListRuns,
               v1::ListRunsRequest(), RunTable);
}

// Calls a method that takes a run's name.
template <typename Request, typename Response, typename Text>
void CallOnRun(Context& context, const std::string& name,
               grpc::Status (Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*),
               const Text& text) {
  client::Session* session = context.ConnectToServer("a run");
  if (session == nullptr) return;
  Request request;
  request.set_name(RunName(name));
  CallAndPrint(context, *session, session->runs(), method, request, text);
}

void GetRun(Context& context, const std::string& name) {
  CallOnRun(context, name, &Stub::GetRun, [](const v1::GetRunResponse& answer) {
    return report::RenderText(answer.run());
  });
}

void CancelRun(Context& context, const std::string& name) {
  CallOnRun(context, name, &Stub::CancelRun,
            Saying<v1::CancelRunResponse>("cancelled " + RunName(name)));
}

void DeleteRun(Context& context, const std::string& name) {
  CallOnRun(context, name, &Stub::DeleteRun,
            Saying<v1::DeleteRunResponse>("deleted " + RunName(name)));
}

struct TraceFlags {
  std::string run;
  int64_t case_index = 0;
  int64_t violation_index = 0;
  std::string capsule_file;
};

void FetchTrace(Context& context, const TraceFlags& flags) {
  client::Session* session = context.ConnectToServer("a run");
  if (session == nullptr) return;
  v1::FetchTraceRequest request;
  request.set_name(RunName(flags.run));
  request.set_case_index(flags.case_index);
  request.set_violation_index(flags.violation_index);
  grpc::ClientContext call;
  const auto reader = session->runs().FetchTrace(&call, request);
  v1::FetchTraceResponse response;
  while (reader->Read(&response)) {
    if (context.is_json()) {
      std::cout << ToJson(response);
    } else {
      if (response.has_violation()) {
        std::cout << ViolationText(response.violation()) << "\n";
      }
      for (const v1::Event& event : response.events()) {
        std::cout << EventLine(event);
      }
    }
    if (response.has_capsule() && !flags.capsule_file.empty() &&
        !WriteFile(flags.capsule_file, CapsuleText(response.capsule()))) {
      context.FailInfrastructure(flags.capsule_file + ": cannot be written");
      return;
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) context.Fail(status);
}

void AddScenarioOptions(CLI::App& run, RunFlags& flags) {
  run.add_option("PATH", flags.paths,
                 "Scenario files, or directories of *.textproto");
  run.add_option("--protocol", flags.protocols,
                 "Protocol or family, or `all`, instead of the scenarios' own; "
                 "may be repeated");
  run.add_option("--seed", flags.seed, "Seed of every search; 0: their own");
  run.add_option("--schedules", flags.schedule_count,
                 "Executions for each case; 0: the scenarios' own")
      ->check(CLI::NonNegativeNumber);
  run.add_flag("--remote", flags.is_remote,
               "Another process answers every notifier, over gRPC");
  run.add_option("--junit", flags.junit, "Writes a JUnit XML file");
  run.add_option("--capsules", flags.capsule_dir,
                 "Writes a capsule for each violation into this directory, "
                 "SCENARIO-PROTOCOL-CHECKER.mmfault");
  CLI::Option* matrix =
      run.add_flag("--matrix", flags.is_matrix,
                   "Prints protocols x catalogue entries instead of cases");
  run.add_option("--matrix-format", flags.matrix_format,
                 "text, json or html; without it, as the file's name ends, or "
                 "as --output says")
      ->check(CLI::IsMember({"text", "json", "html"}))
      ->needs(matrix);
  run.add_option("--matrix-file", flags.matrix_file,
                 "Writes the matrix there, and prints the cases as ever")
      ->needs(matrix);
  run.add_option("--shard", flags.shard,
                 "Runs part I of N of the cases, as I/N, I from 0");
  run.add_option("--workers", flags.workers,
                 "Threads that share the executions of a case; what comes out "
                 "is the same for any number")
      ->check(CLI::NonNegativeNumber);
  run.add_flag("--recheck", flags.is_recheck,
               "Runs each case twice; not met when the event hashes differ");
  run.add_option("--mutant", flags.mutants,
                 "Plants a mistake in the protocol; may be repeated");
  run.add_option("--fault", flags.faults,
                 "Arms a rule, as 'POINT [task=ID] [operation=STEP] ...: "
                 "TRIGGER'; may be repeated");
  run.add_flag("--require-fired", flags.require_fired,
               "A case with a rule that never acted is not met");
  run.add_option("--strategy", flags.strategy,
                 "random, pct, pos; or every interleaving: auto, dpor, dfs, "
                 "stateful, bounded");
  run.add_option("--steps", flags.step_budget,
                 "With --strategy: steps an exhaustive search may take")
      ->check(CLI::NonNegativeNumber);
  run.add_option("--preemptions", flags.preemption_bound,
                 "With --strategy bounded: most preemptions")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void AddRunCommands(CLI::App& app, Context& context) {
  CLI::App* run = app.add_subcommand("run", "Run scenarios, look at runs");
  auto flags = std::make_shared<RunFlags>();
  AddScenarioOptions(*run, *flags);
  run->require_subcommand(0, 1);
  run->callback([run, flags, &context] {
    if (run->get_subcommands().empty()) RunScenarios(context, *flags);
  });

  run->add_subcommand("list", "List the server's runs")->callback([&context] {
    ListRuns(context);
  });
  using Action = void (*)(Context&, const std::string&);
  const auto add = [run, &context](const char* verb, const char* text,
                                   Action action) {
    CLI::App* command = run->add_subcommand(verb, text);
    auto name = std::make_shared<std::string>();
    command->add_option("RUN", *name, "The run")->required();
    command->callback([name, action, &context] { action(context, *name); });
  };
  add("get", "Show a run and its results", GetRun);
  add("cancel", "End a run early", CancelRun);
  add("delete", "Forget a run", DeleteRun);

  CLI::App* trace =
      run->add_subcommand("trace", "Show the events of a violation");
  auto trace_flags = std::make_shared<TraceFlags>();
  trace->add_option("RUN", trace_flags->run, "The run")->required();
  trace->add_option("--case", trace_flags->case_index, "Which case, from 0");
  trace->add_option("--violation", trace_flags->violation_index,
                    "Which of its violations, from 0");
  trace->add_option("--capsule", trace_flags->capsule_file,
                    "Writes what `mmfault replay` takes");
  trace->callback(
      [trace_flags, &context] { FetchTrace(context, *trace_flags); });
}

void AddExploreCommand(CLI::App& app, Context& context) {
  CLI::App* explore = app.add_subcommand(
      "explore",
      "Try every interleaving of scenarios; exits with 1 when a "
      "promise is broken in any");
  auto flags = std::make_shared<RunFlags>();
  AddScenarioOptions(*explore, *flags);
  explore->callback([flags, &context] { ExploreScenarios(context, *flags); });
}

}  // namespace mmfault::cli
