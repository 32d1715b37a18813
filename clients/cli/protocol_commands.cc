// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// protocol_commands.cc: `mmfault protocol`.

#include <algorithm>
#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::WorldService::Stub;

// The errnos that protocols return, by the names the kernel has for them.
std::string ErrnoName(int rc) {
  switch (rc) {
    case -1:
      return "-EPERM";
    case -3:
      return "-ESRCH";
    case -4:
      return "-EINTR";
    case -12:
      return "-ENOMEM";
    case -16:
      return "-EBUSY";
    case -22:
      return "-EINVAL";
    case -75:
      return "-EOVERFLOW";
    default:
      return std::to_string(rc);
  }
}

template <typename Codes>
std::string ErrnoNames(const Codes& codes) {
  std::vector<std::string> names;
  for (const int code : codes) names.push_back(ErrnoName(code));
  return Joined(names);
}

std::string UnregisterWord(const v1::Protocol& protocol) {
  return Lower(v1::Protocol::Unregister_Name(protocol.unregister()),
               "UNREGISTER_");
}

std::string ProtocolTable(const v1::ListProtocolsResponse& response) {
  Table table({"PROTOCOL", "REGISTER MAY FAIL", "UNREGISTER", "TITLE"});
  for (const v1::Protocol& protocol : response.protocols()) {
    table.Add({LastPart(protocol.name()),
               ErrnoNames(protocol.register_errors()), UnregisterWord(protocol),
               protocol.title()});
  }
  return table.ToString() + "\nnext: mmfault protocol describe PROTOCOL\n";
}

// Every mutant once, with the protocols that have the rule it leaves out.
std::string MutantTable(const v1::ListProtocolsResponse& response) {
  struct Row {
    const v1::Mutant* mutant;
    std::vector<std::string> protocols;
  };
  std::vector<Row> rows;
  for (const v1::Protocol& protocol : response.protocols()) {
    for (const v1::Mutant& mutant : protocol.mutants()) {
      auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& known) {
        return known.mutant->id() == mutant.id();
      });
      if (row == rows.end()) row = rows.insert(row, {&mutant, {}});
      row->protocols.push_back(LastPart(protocol.name()));
    }
  }
  Table table({"MUTANT", "CATALOGUE", "PROTOCOLS", "WHAT IS WRONG"});
  for (const Row& row : rows) {
    const bool all =
        static_cast<int>(row.protocols.size()) == response.protocols_size();
    table.Add({row.mutant->id(), JoinedOf(row.mutant->catalogue()),
               all ? "all" : Joined(row.protocols), row.mutant->description()});
  }
  return table.ToString() + "\nnext: mmfault run SCENARIO --mutant MUTANT\n";
}

std::string Kinds(const v1::Protocol& protocol) {
  std::vector<std::string> kinds;
  for (const int kind : protocol.kinds()) {
    kinds.push_back(
        Lower(v1::Notifier::Kind_Name(static_cast<v1::Notifier::Kind>(kind)),
              "KIND_"));
  }
  return Joined(kinds);
}

const char* YesNo(bool value) { return value ? "yes" : "no"; }

std::string Description(const v1::GetProtocolResponse& response) {
  const v1::Protocol& protocol = response.protocol();
  std::string text = LastPart(protocol.name()) + ": " + protocol.title() +
                     "\n  from: " + protocol.cite() + "\n\n";
  Table facts({"registrations:", Kinds(protocol)});
  facts.Add({"register returns:", ErrnoNames(protocol.register_errors())});
  facts.Add({"unregister:", UnregisterWord(protocol)});
  facts.Add({"unregister returns:", ErrnoNames(protocol.unregister_errors())});
  facts.Add(
      {"unregister needs mm_users:", YesNo(protocol.unregister_needs_users())});
  facts.Add(
      {"unregister calls release:", YesNo(protocol.unregister_releases())});
  facts.Add({"looks at signals in mm_lock:", YesNo(protocol.checks_signals())});
  facts.Add({"known holes:", JoinedOf(protocol.known_holes())});
  text += facts.ToString();
  if (!protocol.promises().empty()) text += "\npromises\n";
  for (const std::string& promise : protocol.promises()) {
    text += "  " + promise + "\n";
  }
  if (!protocol.mutants().empty()) text += "\nmutants (--mutant ID)\n";
  for (const v1::Mutant& mutant : protocol.mutants()) {
    text += "  " + mutant.id() + ": " + mutant.description() + "\n";
  }
  return text;
}

}  // namespace

void AddProtocolCommands(CLI::App& app, Context& context) {
  CLI::App* protocol = app.add_subcommand("protocol", "The notifier protocols");
  protocol->require_subcommand(1);
  protocol->add_subcommand("list", "List them, oldest first")
      ->callback([&context] {
        client::Session* session = context.Connect();
        if (session == nullptr) return;
        ListAndPrint(context, *session, session->worlds(), &Stub::ListProtocols,
                     v1::ListProtocolsRequest(), ProtocolTable);
      });
  CLI::App* describe = protocol->add_subcommand(
      "describe", "What one promises, and what it leaves open");
  auto name = std::make_shared<std::string>();
  describe->add_option("PROTOCOL", *name, "Like 6.1 or v12")->required();
  describe->callback([name, &context] {
    client::Session* session = context.Connect();
    if (session == nullptr) return;
    v1::GetProtocolRequest request;
    request.set_name(ProtocolName(*name));
    CallAndPrint(context, *session, session->worlds(), &Stub::GetProtocol,
                 request, Description);
  });
}

void AddMutantCommand(CLI::App& app, Context& context) {
  CLI::App* mutant =
      app.add_subcommand("mutant", "Mistakes that can be planted");
  mutant->require_subcommand(1);
  mutant->add_subcommand("list", "List them, and who has the rule")
      ->callback([&context] {
        client::Session* session = context.Connect();
        if (session == nullptr) return;
        ListAndPrint(context, *session, session->worlds(), &Stub::ListProtocols,
                     v1::ListProtocolsRequest(), MutantTable);
      });
}

}  // namespace mmfault::cli
