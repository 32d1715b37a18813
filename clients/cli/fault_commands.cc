// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_commands.cc: `mmfault fault`.

#include "clients/cli/fault_commands.h"

#include <cctype>
#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/fault_text.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::FaultService::Stub;

struct FaultFlags {
  std::string parent;
  std::string id;
  std::string client;
  std::string lease;
  v1::FaultRule rule;
  bool validates_only = false;
  int64_t hit = 0;
  double timeout_seconds = 0;
};

void Arm(Context& context, const FaultFlags& flags) {
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return;
  v1::ArmFaultRequest request;
  request.set_parent(WorldName(flags.parent));
  request.set_fault_id(flags.id);
  request.set_validate_only(flags.validates_only);
  request.mutable_fault()->set_client(flags.client);
  request.mutable_fault()->set_lease(flags.lease);
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
               [](const v1::ListHoldsResponse& response) {
                 return HoldTable(response.holds());
               });
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

bool SetRange(const std::string& text, v1::AddressRange* range) {
  const size_t dash = text.find('-');
  if (dash == std::string::npos) return false;
  const auto start = ParseAddress(text.substr(0, dash));
  const auto end = ParseAddress(text.substr(dash + 1));
  if (!start.has_value() || !end.has_value()) return false;
  range->set_start(*start);
  range->set_end(*end);
  return true;
}

bool SetEvent(const std::string& text, v1::FaultRule* rule) {
  std::string name = "CALLBACK_EVENT_";
  for (const char c : text) name += static_cast<char>(std::toupper(c));
  v1::CallbackEvent event{};
  if (!v1::CallbackEvent_Parse(name, &event)) return false;
  rule->set_event(event);
  return true;
}

void AddTask(CLI::App* command, const Flags& flags) {
  command->add_option_function<std::string>(
      "--task", [flags](const std::string& id) { flags->rule.set_task(id); },
      "For this task only");
}

// What a rule may be narrowed to; all of them together.
void AddFilters(CLI::App* command, const Flags& flags) {
  AddTask(command, flags);
  command->add_option_function<std::string>(
      "--mm", [flags](const std::string& id) { flags->rule.set_mm(id); },
      "For this mm only");
  command->add_option_function<std::string>(
      "--notifier",
      [flags](const std::string& id) { flags->rule.set_notifier(id); },
      "For this notifier only");
  command->add_option_function<std::string>(
      "--of-client",
      [flags](const std::string& id) { flags->rule.set_client(id); },
      "For tasks of this attached client only");
  command->add_option_function<std::string>(
      "--operation",
      [flags](const std::string& name) { flags->rule.set_operation(name); },
      "During this step only, like munmap");
  command->add_option_function<std::string>(
      "--event",
      [flags](const std::string& text) {
        if (!SetEvent(text, &flags->rule)) {
          throw CLI::ValidationError("--event", "no callback " + text);
        }
      },
      "For this callback only, like release or invalidate_range_start");
  command->add_option_function<std::string>(
      "--range",
      [flags](const std::string& text) {
        if (!SetRange(text, flags->rule.mutable_range())) {
          throw CLI::ValidationError("--range", "no START-END: " + text);
        }
      },
      "Where the addresses meet START-END only");
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
  arm->add_option("--id", flags->id, "The fault's id");
  arm->add_option_function<std::string>(
      "--client", [flags](const std::string& id) { flags->client = id; },
      "The attached client it is disarmed with");
  arm->add_option("--lease", flags->lease, "The lease it is disarmed with");
  arm->add_flag("--validate-only,--dry-run", flags->validates_only,
                "Resolve, and arm nothing");
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
  AddFaultPointsCommand(*fault, context);
  AddArm(fault, context);
  Add(fault, context, "disarm", "Disarm a fault", "FAULT",
      "WORLD/FAULT; WORLD/- for all", std::make_shared<FaultFlags>(), Disarm);
  Add(fault, context, "list", "List what is armed", "WORLD", "The world",
      std::make_shared<FaultFlags>(), ListFaults);
  AddHold(fault, context);
  Add(fault, context, "holds", "List who stands where, holding which locks",
      "WORLD", "The world", std::make_shared<FaultFlags>(), ListHolds)
      ->alias("paused");
  AddWait(fault, context);
  Add(fault, context, "resume", "Let held tasks go on", "HOLD",
      "WORLD/HOLD; WORLD for all", std::make_shared<FaultFlags>(), Resume);
  AddFaultHolderCommands(*fault, context);
  AddFaultLeverCommands(*fault, context);
  AddFaultBarrierCommands(*fault, context);
}

}  // namespace mmfault::cli
