// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_commands.cc: `mmfault world`.

#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/event_text.h"
#include "clients/cli/names.h"
#include "clients/cli/scenario_files.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::WorldService::Stub;

struct WorldFlags {
  std::string name;
  std::string scenario;
  std::string drive_mode;
  std::string rmap_lock;
  v1::CreateWorldRequest create;
  v1::AdvanceWorldRequest advance;
  int64_t from_step = 0;
  int64_t step_count = 0;
  std::string until_point;
  std::string until_task;
  bool follows = false;
};

std::string StateWord(const v1::World& world) {
  return Lower(v1::World::State_Name(world.state()), "STATE_");
}

std::string ModeWord(const v1::World& world) {
  return Lower(v1::DriveMode_Name(world.settings().drive_mode()),
               "DRIVE_MODE_");
}

std::string WorldText(const v1::World& world) {
  Table table({"world:", world.name()});
  table.Add({"protocol:", world.settings().protocol()});
  table.Add({"drive mode:", ModeWord(world)});
  table.Add({"seed:", std::to_string(world.settings().seed())});
  table.Add({"state:", StateWord(world)});
  table.Add({"steps:", std::to_string(world.step_count())});
  table.Add({"violations:", std::to_string(world.violation_count())});
  table.Add({"clients:", JoinedOf(world.clients())});
  table.Add({"event hash:", world.event_hash()});
  return table.ToString();
}

std::string WorldTable(const v1::ListWorldsResponse& response) {
  Table table(
      {"WORLD", "PROTOCOL", "MODE", "STATE", "STEPS", "VIOLATIONS", "CLIENTS"});
  for (const v1::World& world : response.worlds()) {
    table.Add(
        {LastPart(world.name()), world.settings().protocol(), ModeWord(world),
         StateWord(world), std::to_string(world.step_count()),
         std::to_string(world.violation_count()), JoinedOf(world.clients())});
  }
  return table.ToString();
}

// What one does with a new world: give it an mm, or let its tasks run.
std::string NextCommand(const v1::World& world, bool has_tasks) {
  if (!has_tasks) return "mm create";
  return world.settings().drive_mode() == v1::DRIVE_MODE_LOCKSTEP
             ? "world advance"
             : "world watch";
}

bool ReadScenario(Context& context, WorldFlags& flags) {
  std::string text;
  std::string error;
  if (!ReadFile(flags.scenario, &text)) {
    return context.FailUsage(flags.scenario + ": cannot be read");
  }
  return ParseText(flags.scenario, text, flags.create.mutable_scenario(),
                   &error) ||
         context.FailUsage(error);
}

void Create(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::WorldSettings& settings = *flags.create.mutable_settings();
  if (!flags.scenario.empty() && !ReadScenario(context, flags)) return;
  if (flags.drive_mode == "lockstep") {
    settings.set_drive_mode(v1::DRIVE_MODE_LOCKSTEP);
  } else if (flags.drive_mode == "free_running") {
    settings.set_drive_mode(v1::DRIVE_MODE_FREE_RUNNING);
  }
  if (flags.rmap_lock == "mutex") settings.set_rmap_lock(v1::RMAP_LOCK_MUTEX);
  CallAndPrint(context, *session, session->worlds(), &Stub::CreateWorld,
               flags.create, [&flags](const v1::CreateWorldResponse& response) {
                 const v1::World& world = response.world();
                 return WorldText(world) + "next: mmfault " +
                        NextCommand(world, !flags.scenario.empty()) + " " +
                        LastPart(world.name()) + "\n";
               });
}

void Get(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::GetWorldRequest request;
  request.set_name(WorldName(flags.name));
  CallAndPrint(context, *session, session->worlds(), &Stub::GetWorld, request,
               [](const v1::GetWorldResponse& response) {
                 return WorldText(response.world());
               });
}

void Delete(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::DeleteWorldRequest request;
  request.set_name(WorldName(flags.name));
  CallAndPrint(context, *session, session->worlds(), &Stub::DeleteWorld,
               request,
               Saying<v1::DeleteWorldResponse>("deleted " + request.name()));
}

void Reset(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::ResetWorldRequest request;
  request.set_name(WorldName(flags.name));
  request.set_seed(flags.create.settings().seed());
  CallAndPrint(context, *session, session->worlds(), &Stub::ResetWorld, request,
               [](const v1::ResetWorldResponse& response) {
                 return WorldText(response.world());
               });
}

std::string AdvanceText(const v1::AdvanceWorldResponse& response) {
  std::string text =
      Lower(v1::AdvanceWorldResponse::Outcome_Name(response.outcome()),
            "OUTCOME_") +
      " after " + std::to_string(response.step_count()) + " steps, at step " +
      std::to_string(response.step()) + "\n";
  if (!response.point().empty()) {
    text += "  " + response.task() + " stands at " + response.point() + "\n";
  }
  for (const v1::OutstandingCallback& callback : response.outstanding()) {
    text += "  callback " + std::to_string(callback.callback_number()) + " (" +
            Lower(v1::CallbackEvent_Name(callback.event()), "CALLBACK_EVENT_") +
            ") of " + callback.notifier() + " waits for client " +
            callback.client() + "\n";
  }
  for (const v1::Violation& violation : response.violations()) {
    text += ViolationText(violation);
  }
  return text;
}

void Advance(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  flags.advance.set_name(WorldName(flags.name));
  if (flags.step_count > 0) flags.advance.set_step_count(flags.step_count);
  if (!flags.until_point.empty()) {
    flags.advance.mutable_until_point()->set_point(flags.until_point);
    flags.advance.mutable_until_point()->set_task(flags.until_task);
  }
  CallAndPrint(context, *session, session->worlds(), &Stub::AdvanceWorld,
               flags.advance, AdvanceText);
}

void Violations(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::ListViolationsRequest request;
  request.set_parent(WorldName(flags.name));
  ListAndPrint(context, *session, session->worlds(), &Stub::ListViolations,
               request, [](const v1::ListViolationsResponse& response) {
                 std::string text;
                 for (const v1::Violation& violation : response.violations()) {
                   text += ViolationText(violation);
                 }
                 return text.empty() ? std::string("no violations\n") : text;
               });
}

void Watch(Context& context, WorldFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::WatchEventsRequest request;
  request.set_name(WorldName(flags.name));
  request.set_from_step(flags.from_step);
  request.set_no_follow(!flags.follows);
  grpc::ClientContext call;
  const auto reader = session->worlds().WatchEvents(&call, request);
  v1::WatchEventsResponse response;
  while (reader->Read(&response)) {
    if (context.is_json()) {
      std::cout << ToJson(response) << std::flush;
      continue;
    }
    for (const v1::Event& event : response.events()) {
      std::cout << EventLine(event);
    }
    std::cout << std::flush;
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) context.Fail(status);
}

using Flags = std::shared_ptr<WorldFlags>;
using Action = void (*)(Context&, WorldFlags&);

// A subcommand with the world's name as its argument.
CLI::App* Add(CLI::App* world, Context& context, const char* verb,
              const char* text, const Flags& flags, Action action) {
  CLI::App* command = world->add_subcommand(verb, text);
  if (std::string(verb) != "create") {
    command->add_option("WORLD", flags->name, "The world")->required();
  }
  command->callback([flags, action, &context] { action(context, *flags); });
  return command;
}

void AddSeed(CLI::App* command, const Flags& flags) {
  command->add_option_function<int64_t>(
      "--seed",
      [flags](int64_t seed) {
        flags->create.mutable_settings()->set_seed(seed);
      },
      "Seed of every draw; 0: the server draws one");
}

void AddCreate(CLI::App* world, Context& context) {
  auto flags = std::make_shared<WorldFlags>();
  CLI::App* create =
      Add(world, context, "create", "Create a world", flags, Create);
  create->add_option_function<std::string>(
      "--id",
      [flags](const std::string& id) { flags->create.set_world_id(id); },
      "Its id");
  create->add_option_function<std::string>(
      "--protocol",
      [flags](const std::string& id) {
        flags->create.mutable_settings()->set_protocol(id);
      },
      "Its protocol, like 6.1");
  create->add_option("--scenario", flags->scenario,
                     "Files, mms, notifiers, tasks and rules to start with");
  create->add_option("--drive-mode", flags->drive_mode, "Who moves it")
      ->check(CLI::IsMember({"lockstep", "free_running"}));
  create->add_option("--rmap-lock", flags->rmap_lock, "What rmap locks are")
      ->check(CLI::IsMember({"spin", "mutex"}));
  create->add_option_function<int>(
      "--cpus",
      [flags](int count) {
        flags->create.mutable_settings()->set_cpu_count(count);
      },
      "Simulated CPUs; 0: one per task");
  AddSeed(create, flags);
}

void AddAdvance(CLI::App* world, Context& context) {
  auto flags = std::make_shared<WorldFlags>();
  CLI::App* advance =
      Add(world, context, "advance", "Move a lockstep world until it is idle",
          flags, Advance);
  advance->add_option("--steps", flags->step_count, "At most so many steps");
  advance->add_option("--until-point", flags->until_point,
                      "Until a task stands at this point");
  advance->add_option("--task", flags->until_task,
                      "With --until-point: this task");
}

}  // namespace

void AddWorldCommands(CLI::App& app, Context& context) {
  CLI::App* world = app.add_subcommand("world", "Simulated machines");
  world->require_subcommand(1);
  AddCreate(world, context);
  Add(world, context, "get", "Show a world", std::make_shared<WorldFlags>(),
      Get);
  world->add_subcommand("list", "List worlds")->callback([&context] {
    client::Session* session = context.ConnectToServer("a world");
    if (session == nullptr) return;
    ListAndPrint(context, *session, session->worlds(), &Stub::ListWorlds,
                 v1::ListWorldsRequest(), WorldTable);
  });
  Add(world, context, "delete", "Delete a world",
      std::make_shared<WorldFlags>(), Delete);
  AddAdvance(world, context);
  auto reset = std::make_shared<WorldFlags>();
  AddSeed(Add(world, context, "reset", "Put a world back to its start", reset,
              Reset),
          reset);
  Add(world, context, "violations", "List what checkers reported",
      std::make_shared<WorldFlags>(), Violations);
  auto watch = std::make_shared<WorldFlags>();
  CLI::App* watching =
      Add(world, context, "watch", "Print events", watch, Watch);
  watching->add_option("--from", watch->from_step,
                       "First step; -1: from now on");
  watching->add_flag("--follow", watch->follows, "Wait for more");
}

}  // namespace mmfault::cli
