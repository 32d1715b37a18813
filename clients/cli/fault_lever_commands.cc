// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_lever_commands.cc: `mmfault fault lever`.

#include <memory>

#include "clients/cli/fault_commands.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::FaultService::Stub;

std::string WhoseLever(const std::string& client) {
  return client.empty() ? "the server's lever" : "the lever of " + client;
}

void Pull(Context& context, const v1::SafetyLever& lever) {
  client::Session* session = context.ConnectToServer("a safety lever");
  if (session == nullptr) return;
  v1::PullSafetyLeverRequest request;
  *request.mutable_lever() = lever;
  CallAndPrint(
      context, *session, session->faults(), &Stub::PullSafetyLever, request,
      [&lever](const v1::PullSafetyLeverResponse& response) {
        return "pulled " + WhoseLever(lever.client()) + ": disarmed " +
               std::to_string(response.disarmed_count()) + " faults, resumed " +
               std::to_string(response.resumed_count()) +
               " tasks\nnext: mmfault fault lever lift" +
               (lever.client().empty() ? "" : " " + lever.client()) + "\n";
      });
}

void Lift(Context& context, const v1::SafetyLever& lever) {
  client::Session* session = context.ConnectToServer("a safety lever");
  if (session == nullptr) return;
  v1::LiftSafetyLeverRequest request;
  request.set_client(lever.client());
  CallAndPrint(
      context, *session, session->faults(), &Stub::LiftSafetyLever, request,
      [&lever](const v1::LiftSafetyLeverResponse& response) {
        return WhoseLever(lever.client()) +
               (response.lifted() ? " is lifted\n" : " was not pulled\n");
      });
}

void List(Context& context, const v1::SafetyLever& /*lever*/) {
  client::Session* session = context.ConnectToServer("a safety lever");
  if (session == nullptr) return;
  ListAndPrint(
      context, *session, session->faults(), &Stub::ListSafetyLevers,
      v1::ListSafetyLeversRequest(),
      [](const v1::ListSafetyLeversResponse& response) {
        Table table({"COVERS", "REASON"});
        for (const v1::SafetyLever& lever : response.levers()) {
          table.Add({lever.client().empty() ? "everything" : lever.client(),
                     lever.reason()});
        }
        return table.ToString();
      });
}

using Lever = std::shared_ptr<v1::SafetyLever>;

Lever Add(CLI::App* parent, Context& context, const char* verb,
          const char* text, void (*action)(Context&, const v1::SafetyLever&)) {
  auto lever = std::make_shared<v1::SafetyLever>();
  parent->add_subcommand(verb, text)->callback([lever, action, &context] {
    action(context, *lever);
  });
  return lever;
}

void AddClient(CLI::App* command, const Lever& lever) {
  command->add_option_function<std::string>(
      "CLIENT", [lever](const std::string& id) { lever->set_client(id); },
      "What this client holds; not given: everything on the server");
}

}  // namespace

void AddFaultLeverCommands(CLI::App& fault, Context& context) {
  CLI::App* parent =
      fault.add_subcommand("lever", "Stop faults, and refuse new ones");
  parent->require_subcommand(1);
  const Lever pulled = Add(parent, context, "pull",
                           "Disarm what it covers, and keep it so", Pull);
  CLI::App* pull = parent->get_subcommand("pull");
  AddClient(pull, pulled);
  pull->add_option_function<std::string>(
      "--reason", [pulled](const std::string& why) { pulled->set_reason(why); },
      "Why; whoever is refused is told");
  const Lever lifted = Add(parent, context, "lift", "Allow arming again", Lift);
  AddClient(parent->get_subcommand("lift"), lifted);
  Add(parent, context, "list", "List the levers that are pulled", List);
}

}  // namespace mmfault::cli
