// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// notifier_commands.cc: `mmfault notifier`.

#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::NotifierService::Stub;

std::string StateWord(const v1::Notifier& notifier) {
  return Lower(v1::Notifier::State_Name(notifier.state()), "STATE_");
}

std::string Driver(const v1::Notifier& notifier) {
  return notifier.client().empty() ? "modelled" : notifier.client();
}

std::string NotifierTable(const v1::ListNotifiersResponse& response) {
  Table table({"NOTIFIER", "KIND", "STATE", "ANSWERED BY", "MAPPINGS", "OPEN"});
  for (const v1::Notifier& notifier : response.notifiers()) {
    table.Add({notifier.name(),
               Lower(v1::Notifier::Kind_Name(notifier.kind()), "KIND_"),
               StateWord(notifier), Driver(notifier),
               std::to_string(notifier.secondary_mapping_count()),
               std::to_string(notifier.open_section_count())});
  }
  return table.ToString();
}

std::string NotifierText(const v1::GetNotifierResponse& response) {
  const v1::Notifier& notifier = response.notifier();
  Table table({"notifier:", notifier.name()});
  table.Add({"state:", StateWord(notifier)});
  table.Add({"answered by:", Driver(notifier)});
  table.Add({"mappings:", std::to_string(notifier.secondary_mapping_count())});
  table.Add({"open sections:", std::to_string(notifier.open_section_count())});
  for (const v1::CallbackCount& count : notifier.callback_counts()) {
    table.Add(
        {Lower(v1::CallbackEvent_Name(count.event()), "CALLBACK_EVENT_") + ":",
         std::to_string(count.count())});
  }
  return table.ToString();
}

void List(Context& context, const std::string& name) {
  client::Session* session = context.ConnectToServer("a notifier");
  if (session == nullptr) return;
  v1::ListNotifiersRequest request;
  request.set_parent(name.find('/') == std::string::npos
                         ? WorldName(name) + "/mms/-"
                         : ChildName(name, "mms"));
  ListAndPrint(context, *session, session->notifiers(), &Stub::ListNotifiers,
               request, NotifierTable);
}

void Get(Context& context, const std::string& name) {
  client::Session* session = context.ConnectToServer("a notifier");
  if (session == nullptr) return;
  v1::GetNotifierRequest request;
  request.set_name(NotifierName(name));
  CallAndPrint(context, *session, session->notifiers(), &Stub::GetNotifier,
               request, NotifierText);
}

}  // namespace

void AddNotifierCommands(CLI::App& app, Context& context) {
  CLI::App* notifier = app.add_subcommand("notifier", "Subscriptions on mms");
  notifier->require_subcommand(1);
  auto parent = std::make_shared<std::string>();
  CLI::App* list = notifier->add_subcommand("list", "List notifiers");
  list->add_option("PARENT", *parent, "WORLD or WORLD/MM")->required();
  list->callback([parent, &context] { List(context, *parent); });

  auto name = std::make_shared<std::string>();
  CLI::App* get = notifier->add_subcommand("get", "Show a notifier");
  get->add_option("NOTIFIER", *name, "WORLD/NOTIFIER")->required();
  get->callback([name, &context] { Get(context, *name); });
}

}  // namespace mmfault::cli
