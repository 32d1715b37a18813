// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_commands.cc: `mmfault fault`.

#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::FaultService::Stub;

struct FaultFlags {
  std::string parent;
  std::string prefix;
  std::string id;
  std::string client;
  v1::FaultRule rule;
  bool validates_only = false;
  int64_t hit = 0;
  double timeout_seconds = 0;
};

std::string PointTable(const v1::ListFaultPointsResponse& response) {
  Table table({"POINT", "ACTIONS", "STANDS FOR"});
  for (const v1::FaultPoint& point : response.points()) {
    table.Add({point.point(), JoinedOf(point.actions()), point.description()});
  }
  return table.ToString();
}

std::string RulesText(const v1::Fault& fault) {
  std::vector<std::string> rules;
  for (const v1::FaultRule& rule : fault.rules()) {
    rules.push_back(rule.point() + ": " + rule.trigger());
  }
  return Joined(rules, "; ");
}

template <typename Faults>
std::string FaultTable(const Faults& faults) {
  Table table({"FAULT", "FIRED", "PASSED", "RULES"});
  for (const v1::Fault& fault : faults) {
    int64_t fired = 0;
    int64_t passed = 0;
    for (const int64_t count : fault.fire_counts()) fired += count;
    for (const int64_t count : fault.hit_counts()) passed += count;
    table.Add({fault.name(), std::to_string(fired), std::to_string(passed),
               RulesText(fault)});
  }
  return table.ToString();
}

std::string HoldTable(const v1::ListHoldsResponse& response) {
  Table table({"HOLD", "TASK", "POINT", "LOCKS HELD"});
  for (const v1::Hold& hold : response.holds()) {
    table.Add(
        {hold.name(), hold.task(), hold.point(), JoinedOf(hold.held_locks())});
  }
  return table.ToString();
}

void ListPoints(Context& context, const FaultFlags& flags) {
  // The catalogue is the same everywhere; only counts belong to a world.
  client::Session* session = flags.parent.empty()
                                 ? context.Connect()
                                 : context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::ListFaultPointsRequest request;
  if (!flags.parent.empty()) request.set_parent(WorldName(flags.parent));
  request.set_prefix(flags.prefix);
  ListAndPrint(context, *session, session->faults(), &Stub::ListFaultPoints,
               request, PointTable);
}

void Arm(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::ArmFaultRequest request;
  request.set_parent(WorldName(flags.parent));
  request.set_fault_id(flags.id);
  request.set_validate_only(flags.validates_only);
  request.mutable_fault()->set_client(flags.client);
  *request.mutable_fault()->add_rules() = flags.rule;
  CallAndPrint(context, *session, session->faults(), &Stub::ArmFault, request,
               [&flags](const v1::ArmFaultResponse& response) {
                 const v1::Fault& fault = response.fault();
                 if (flags.validates_only) {
                   return "valid: " + RulesText(fault) + "\n";
                 }
                 return "armed " + fault.name() + ": " + RulesText(fault) +
                        "\nnext: mmfault fault wait " + flags.parent + " " +
                        flags.rule.point() + "\n";
               });
}

void Disarm(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a fault");
  if (session == nullptr) return;
  v1::DisarmFaultRequest request;
  request.set_name(ChildName(flags.parent, "faults"));
  CallAndPrint(context, *session, session->faults(), &Stub::DisarmFault,
               request, [](const v1::DisarmFaultResponse& response) {
                 return FaultTable(response.faults());
               });
}

void ListFaults(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a fault");
  if (session == nullptr) return;
  v1::ListFaultsRequest request;
  request.set_parent(WorldName(flags.parent));
  ListAndPrint(context, *session, session->faults(), &Stub::ListFaults, request,
               [](const v1::ListFaultsResponse& response) {
                 return FaultTable(response.faults());
               });
}

void ListHolds(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a hold");
  if (session == nullptr) return;
  v1::ListHoldsRequest request;
  request.set_parent(WorldName(flags.parent));
  ListAndPrint(context, *session, session->faults(), &Stub::ListHolds, request,
               HoldTable);
}

std::string HitText(const v1::WaitForHitResponse& response,
                    const FaultFlags& flags) {
  std::string text =
      flags.rule.point() +
      (response.reached() ? " was passed " : " was not reached: ") +
      std::to_string(response.hit_count()) + " times, at step " +
      std::to_string(response.step()) + "\n";
  if (response.has_hold()) {
    text += response.hold().task() + " stands there, holding " +
            JoinedOf(response.hold().held_locks()) +
            "\nnext: mmfault fault resume " + response.hold().name() + "\n";
  } else if (!response.reached() && response.hit_count() == 0) {
    text +=
        "passes are counted by the rules armed there\n"
        "next: mmfault fault list " +
        flags.parent + "\n";
  }
  return text;
}

void Wait(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::WaitForHitRequest request;
  request.set_parent(WorldName(flags.parent));
  request.set_point(flags.rule.point());
  request.set_hit(flags.hit);
  if (flags.timeout_seconds > 0) {
    const auto millis = static_cast<int64_t>(flags.timeout_seconds * 1000);
    request.mutable_timeout()->set_seconds(millis / 1000);
    request.mutable_timeout()->set_nanos(
        static_cast<int32_t>(millis % 1000 * 1'000'000));
  }
  CallAndPrint(context, *session, session->faults(), &Stub::WaitForHit, request,
               [&](const v1::WaitForHitResponse& response) {
                 if (!response.reached()) {
                   context.exit_code = kExitInconclusive;
                 }
                 return HitText(response, flags);
               });
}

void Resume(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a hold");
  if (session == nullptr) return;
  v1::ResumeHoldRequest request;
  request.set_name(flags.parent.find('/') == std::string::npos
                       ? WorldName(flags.parent) + "/holds/-"
                       : ChildName(flags.parent, "holds"));
  CallAndPrint(context, *session, session->faults(), &Stub::ResumeHold, request,
               [](const v1::ResumeHoldResponse& response) {
                 return "resumed before step " +
                        std::to_string(response.step()) + "\n";
               });
}

using Flags = std::shared_ptr<FaultFlags>;
using Action = void (*)(Context&, const FaultFlags&);

// A subcommand whose positional argument is stored in flags->parent.
CLI::App* Add(CLI::App* fault, Context& context, const char* verb,
              const char* text, const char* argument, const char* what,
              const Flags& flags, Action action) {
  CLI::App* command = fault->add_subcommand(verb, text);
  command->add_option(argument, flags->parent, what)->required();
  command->callback([flags, action, &context] { action(context, *flags); });
  return command;
}

void AddFilters(CLI::App* command, const Flags& flags) {
  command->add_option_function<std::string>(
      "--task", [flags](const std::string& id) { flags->rule.set_task(id); },
      "For this task only");
}

void AddPoint(CLI::App* command, const Flags& flags) {
  command
      ->add_option_function<std::string>(
          "POINT",
          [flags](const std::string& name) { flags->rule.set_point(name); },
          "The fault point's name")
      ->required();
}

void AddArm(CLI::App* fault, Context& context) {
  auto flags = std::make_shared<FaultFlags>();
  CLI::App* arm = Add(fault, context, "arm", "Arm a rule on a point", "WORLD",
                      "The world", flags, Arm);
  AddPoint(arm, flags);
  arm->add_option_function<std::string>(
         "TRIGGER",
         [flags](const std::string& text) { flags->rule.set_trigger(text); },
         "What happens there, like '1*error(ENOMEM)' or 'when=3 signal(9)'")
      ->required();
  AddFilters(arm, flags);
  arm->add_option_function<std::string>(
      "--mm", [flags](const std::string& id) { flags->rule.set_mm(id); },
      "For this mm only");
  arm->add_option_function<std::string>(
      "--notifier",
      [flags](const std::string& id) { flags->rule.set_notifier(id); },
      "For this notifier only");
  arm->add_option("--id", flags->id, "The fault's id");
  arm->add_option_function<std::string>(
      "--client", [flags](const std::string& id) { flags->client = id; },
      "The attached client it is disarmed with");
  arm->add_flag("--validate-only", flags->validates_only, "Arm nothing");
}

void AddHold(CLI::App* fault, Context& context) {
  auto flags = std::make_shared<FaultFlags>();
  flags->rule.set_trigger("1*hold");
  CLI::App* hold = Add(fault, context, "hold",
                       "Have the next task that comes there stand at a point",
                       "WORLD", "The world", flags, Arm);
  AddPoint(hold, flags);
  AddFilters(hold, flags);
}

void AddWait(CLI::App* fault, Context& context) {
  auto flags = std::make_shared<FaultFlags>();
  CLI::App* wait = Add(fault, context, "wait", "Wait until a point is reached",
                       "WORLD", "The world", flags, Wait);
  AddPoint(wait, flags);
  wait->add_option("--hit", flags->hit, "Which passing, from 1");
  wait->add_option("--timeout", flags->timeout_seconds,
                   "Seconds; exit code 2 when they pass");
}

}  // namespace

void AddFaultCommands(CLI::App& app, Context& context) {
  CLI::App* fault = app.add_subcommand("fault", "Fault points and rules");
  fault->require_subcommand(1);
  CLI::App* points = fault->add_subcommand("points", "List fault points");
  auto flags = std::make_shared<FaultFlags>();
  points->add_option("--world", flags->parent, "With counts of this world");
  points->add_option("--prefix", flags->prefix, "Like mm/exit_mmap/");
  points->callback([flags, &context] { ListPoints(context, *flags); });
  AddArm(fault, context);
  Add(fault, context, "disarm", "Disarm a fault", "FAULT",
      "WORLD/FAULT; WORLD/- for all", std::make_shared<FaultFlags>(), Disarm);
  Add(fault, context, "list", "List what is armed", "WORLD", "The world",
      std::make_shared<FaultFlags>(), ListFaults);
  AddHold(fault, context);
  Add(fault, context, "holds", "List tasks that stand at a hold", "WORLD",
      "The world", std::make_shared<FaultFlags>(), ListHolds);
  AddWait(fault, context);
  Add(fault, context, "resume", "Let held tasks go on", "HOLD",
      "WORLD/HOLD; WORLD for all", std::make_shared<FaultFlags>(), Resume);
}

}  // namespace mmfault::cli
