// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// drive_command.cc: `mmfault drive`: a process that answers for notifiers.

#include <algorithm>
#include <iostream>
#include <memory>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/end_signals.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/names.h"
#include "clients/cli/output.h"
#include "clients/cli/scenario_files.h"
#include "clients/cpp/attachment.h"
#include "clients/cpp/model_driver.h"

namespace mmfault::cli {
namespace {

struct DriveFlags {
  std::string parent;
  std::string file;
  std::string client;
  std::vector<std::string> notifiers;
  bool is_quiet = false;
};

using Drivers = std::vector<std::unique_ptr<client::ModelDriver>>;

// The notifiers to answer for, and how: the scenario's, and those named.
bool SetupsFrom(Context& context, const DriveFlags& flags,
                std::map<std::string, v1::NotifierSetup>* setups) {
  if (!flags.file.empty()) {
    ScenarioFile file{.path = flags.file, .text = ""};
    v1::Scenario scenario;
    std::string error;
    if (!ReadFile(file.path, &file.text)) {
      return context.FailUsage(file.path + ": cannot be read");
    }
    if (!ParseText(file.path, file.text, &scenario, &error)) {
      return context.FailUsage(error);
    }
    *setups = client::NotifiersOf(scenario);
  }
  for (const std::string& id : flags.notifiers) (*setups)[id].set_id(id);
  return true;
}

// In a run only those that it waits for can be bound.
void KeepWanted(const v1::AttachResponse::Welcome& welcome,
                std::map<std::string, v1::NotifierSetup>* setups) {
  if (welcome.wanted_notifiers().empty()) return;
  std::map<std::string, v1::NotifierSetup> wanted;
  for (const std::string& id : welcome.wanted_notifiers()) {
    wanted[id] = (*setups)[id];
    wanted[id].set_id(id);
  }
  setups->swap(wanted);
}

bool BindAll(Context& context, client::Attachment& attachment,
             const std::map<std::string, v1::NotifierSetup>& setups,
             Drivers* drivers) {
  for (const auto& [id, setup] : setups) {
    drivers->push_back(std::make_unique<client::ModelDriver>(id, setup.kind(),
                                                             setup.modelled()));
    const auto bound = attachment.Bind(*drivers->back(), setup.mm());
    if (!bound.ok()) return context.Fail(bound.status);
  }
  return true;
}

// Waits for the server's end of the stream, or for SIGINT or SIGTERM, which
// close it in good order.
grpc::Status ServeUntilEnd(client::Attachment& attachment) {
  const EndSignalWatch watch([&attachment] { attachment.Close(); });
  return attachment.WaitForEnd();
}

bool Drive(Context& context, const DriveFlags& flags) {
  BlockEndSignals();
  std::map<std::string, v1::NotifierSetup> setups;
  if (!SetupsFrom(context, flags, &setups)) return false;
  client::Session* session =
      context.ConnectToServer("what `mmfault drive` attaches to");
  if (session == nullptr) return false;
  // Before the attachment: drivers outlive it.
  Drivers drivers;
  client::Attachment::Options options;
  options.parent = ParentName(flags.parent);
  options.client = flags.client;
  // A model never waits for a call.
  options.dispatch = client::Attachment::Dispatch::kInline;
  auto attached = client::Attachment::Open(*session, options);
  if (!attached.ok()) return context.Fail(attached.status);
  client::Attachment& attachment = *attached.value;
  KeepWanted(attachment.welcome(), &setups);
  if (setups.empty()) {
    return context.FailUsage(
        "drive: no notifier to answer for",
        "name the scenario's file, or --notifier ID (may be repeated)");
  }
  if (!BindAll(context, attachment, setups, &drivers)) return false;
  if (!flags.is_quiet) {
    std::vector<std::string> ids;
    ids.reserve(setups.size());
    for (const auto& [id, setup] : setups) ids.push_back(id);
    std::cout << "attached to " << attachment.welcome().parent() << " as "
              << attachment.welcome().client() << ": answering for "
              << Joined(ids) << std::endl;
  }
  const grpc::Status status = ServeUntilEnd(attachment);
  if (!flags.is_quiet) {
    std::cout << "answered " << attachment.acked_count() << " callbacks\n";
  }
  return status.ok() || context.Fail(status);
}

}  // namespace

void AddDriveCommand(CLI::App& app, Context& context) {
  CLI::App* drive = app.add_subcommand(
      "drive", "Answer for notifiers of a world or a run, from this process");
  auto flags = std::make_shared<DriveFlags>();
  drive->add_option("PARENT", flags->parent, "WORLD, or runs/RUN")->required();
  drive->add_option("FILE", flags->file,
                    "A scenario: its notifiers, and how they behave");
  drive->add_option("--notifier", flags->notifiers,
                    "A notifier that behaves well; may be repeated");
  drive->add_option("--client", flags->client, "The client's id");
  drive->add_flag("--quiet", flags->is_quiet, "Print errors only");
  drive->callback([flags, &context] { Drive(context, *flags); });
}

}  // namespace mmfault::cli
