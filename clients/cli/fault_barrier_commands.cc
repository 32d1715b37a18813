// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_barrier_commands.cc: `mmfault fault barrier` and `barriers`.

#include <memory>

#include "clients/cli/exit_codes.h"
#include "clients/cli/fault_commands.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::FaultService::Stub;

struct BarrierFlags {
  std::string name;
  std::string party;
  int32_t parties = 2;
  double timeout_seconds = 0;
};

void Arrive(Context& context, const BarrierFlags& flags) {
  client::Session* session = context.ConnectToServer("a barrier");
  if (session == nullptr) return;
  v1::ArriveAtBarrierRequest request;
  request.set_name(ChildName(flags.name, "barriers"));
  request.set_parties(flags.parties);
  request.set_party(flags.party);
  if (flags.timeout_seconds > 0) {
    const auto millis = static_cast<int64_t>(flags.timeout_seconds * 1000);
    request.mutable_timeout()->set_seconds(millis / 1000);
    request.mutable_timeout()->set_nanos(
        static_cast<int32_t>(millis % 1000 * 1'000'000));
  }
  CallAndPrint(context, *session, session->faults(), &Stub::ArriveAtBarrier,
               request, [&](const v1::ArriveAtBarrierResponse& response) {
                 if (!response.opened()) {
                   context.exit_code = kExitInconclusive;
                   return std::string("it did not open\n");
                 }
                 return "opened for the " +
                        std::to_string(response.generation()) +
                        ". time, came as number " +
                        std::to_string(response.place()) + "\n";
               });
}

void List(Context& context, const BarrierFlags& flags) {
  client::Session* session = context.ConnectToServer("a barrier");
  if (session == nullptr) return;
  v1::ListBarriersRequest request;
  request.set_parent(WorldName(flags.name));
  ListAndPrint(context, *session, session->faults(), &Stub::ListBarriers,
               request, [](const v1::ListBarriersResponse& response) {
                 Table table({"BARRIER", "PARTIES", "WAITING"});
                 for (const v1::Barrier& barrier : response.barriers()) {
                   table.Add({barrier.name(), std::to_string(barrier.parties()),
                              JoinedOf(barrier.waiting())});
                 }
                 return table.ToString();
               });
}

}  // namespace

void AddFaultBarrierCommands(CLI::App& fault, Context& context) {
  auto flags = std::make_shared<BarrierFlags>();
  CLI::App* barrier =
      fault.add_subcommand("barrier", "Wait for other clients at a barrier");
  barrier->add_option("BARRIER", flags->name, "WORLD/BARRIER, any name")
      ->required();
  barrier->add_option("PARTIES", flags->parties, "How many it takes")
      ->required();
  barrier->add_option("--as", flags->party, "What others see in `barriers`");
  barrier->add_option("--timeout", flags->timeout_seconds,
                      "Seconds; exit code 2 when they pass");
  barrier->callback([flags, &context] { Arrive(context, *flags); });

  flags = std::make_shared<BarrierFlags>();
  CLI::App* barriers =
      fault.add_subcommand("barriers", "List barriers, and who waits there");
  barriers->add_option("WORLD", flags->name, "The world")->required();
  barriers->callback([flags, &context] { List(context, *flags); });
}

}  // namespace mmfault::cli
