// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_holder_commands.cc: `mmfault fault plan`, `lease` and `leases`.

#include <iostream>
#include <memory>
#include <optional>

#include "clients/cli/end_signals.h"
#include "clients/cli/fault_commands.h"
#include "clients/cli/fault_text.h"
#include "clients/cli/names.h"
#include "clients/cli/scenario_files.h"
#include "clients/cli/unary.h"
#include "clients/cpp/lease.h"

namespace mmfault::cli {
namespace {

using Stub = v1::FaultService::Stub;

struct HolderFlags {
  std::string parent;
  std::string file;
  std::string lease;
  std::string client;
  std::string id;
  double ttl_seconds = 0;
  bool is_dry_run = false;
};

// Opens a lease, and closes it at SIGINT or SIGTERM.
std::unique_ptr<client::Lease> Hold(Context& context, client::Session& session,
                                    const HolderFlags& flags) {
  client::Lease::Options options;
  options.client = flags.client;
  options.id = flags.id;
  options.ttl =
      std::chrono::milliseconds(static_cast<int64_t>(flags.ttl_seconds * 1000));
  options.on_lever = [](const v1::SafetyLever& lever) {
    std::cerr << "mmfault: a safety lever was pulled: " << lever.reason()
              << "\n";
  };
  auto held = client::Lease::Hold(session, std::move(options));
  if (!held.ok()) context.Fail(held.status);
  return std::move(held.value);
}

bool Stay(Context& context, client::Lease& lease) {
  grpc::Status status;
  {
    const EndSignalWatch watch([&lease] { lease.Close(); });
    status = lease.WaitForEnd();
  }
  return status.ok() || context.Fail(status);
}

bool HoldLease(Context& context, const HolderFlags& flags) {
  BlockEndSignals();
  client::Session* session = context.ConnectToServer("a lease");
  if (session == nullptr) return false;
  const std::unique_ptr<client::Lease> lease = Hold(context, *session, flags);
  if (lease == nullptr) return false;
  std::cout << "holding " << lease->name() << " until Ctrl-C\n"
            << "next: mmfault fault arm WORLD POINT TRIGGER --lease "
            << lease->name() << std::endl;
  return Stay(context, *lease);
}

std::string AppliedText(const v1::ApplyPlanResponse& response) {
  return (response.armed() ? "armed at epoch "
                           : "a dry run; nothing armed at "
                             "epoch ") +
         std::to_string(response.epoch()) + "\n" +
         FaultTable(response.faults());
}

bool ReadPlan(Context& context, const std::string& path, v1::FaultPlan* plan) {
  std::string text;
  std::string error;
  if (!ReadFile(path, &text)) {
    return context.FailUsage(path + ": cannot be read");
  }
  return ParseText(path, text, plan, &error) || context.FailUsage(error);
}

bool ApplyPlan(Context& context, const HolderFlags& flags) {
  v1::ApplyPlanRequest request;
  if (!ReadPlan(context, flags.file, request.mutable_plan())) return false;
  if (!flags.client.empty()) BlockEndSignals();
  client::Session* session = context.ConnectToServer("a world");
  if (session == nullptr) return false;
  request.set_parent(WorldName(flags.parent));
  request.set_lease(flags.lease);
  request.set_dry_run(flags.is_dry_run);
  std::unique_ptr<client::Lease> lease;
  if (!flags.client.empty() && !flags.is_dry_run) {
    lease = Hold(context, *session, flags);
    if (lease == nullptr) return false;
    request.set_lease(lease->name());
  }
  const bool ok = CallAndPrint(context, *session, session->faults(),
                               &Stub::ApplyPlan, request, AppliedText);
  if (!ok || lease == nullptr) return ok;
  std::cout << "holding " << lease->name() << " until Ctrl-C" << std::endl;
  return Stay(context, *lease);
}

std::string LeaseTable(const v1::ListLeasesResponse& response) {
  Table table({"LEASE", "CLIENT", "TTL", "WORLDS"});
  for (const v1::Lease& lease : response.leases()) {
    table.Add({lease.name(), lease.client(),
               std::to_string(lease.ttl().seconds() * 1000 +
                              lease.ttl().nanos() / 1'000'000) +
                   " ms",
               JoinedOf(lease.worlds())});
  }
  return table.ToString();
}

void ListLeases(Context& context) {
  client::Session* session = context.ConnectToServer("a lease");
  if (session == nullptr) return;
  ListAndPrint(context, *session, session->faults(), &Stub::ListLeases,
               v1::ListLeasesRequest(), LeaseTable);
}

void AddTtl(CLI::App* command, const std::shared_ptr<HolderFlags>& flags) {
  command->add_option("--ttl", flags->ttl_seconds,
                      "Seconds of silence after which it ends (default 10)");
}

}  // namespace

void AddFaultHolderCommands(CLI::App& fault, Context& context) {
  auto flags = std::make_shared<HolderFlags>();
  CLI::App* plan = fault.add_subcommand(
      "plan", "Arm the faults of a plan, all of them or none");
  plan->add_option("WORLD", flags->parent, "The world")->required();
  plan->add_option("FILE", flags->file, "A FaultPlan as text")->required();
  plan->add_flag("--dry-run", flags->is_dry_run, "Resolve, and arm nothing");
  CLI::Option* lease =
      plan->add_option("--lease", flags->lease, "The lease that holds them");
  plan->add_option("--stay-as", flags->client,
                   "Hold a lease as this client, until Ctrl-C")
      ->excludes(lease);
  AddTtl(plan, flags);
  plan->callback([flags, &context] { ApplyPlan(context, *flags); });

  flags = std::make_shared<HolderFlags>();
  CLI::App* hold = fault.add_subcommand(
      "lease", "Hold a lease until Ctrl-C; what it holds is disarmed with it");
  hold->add_option("CLIENT", flags->client, "Whose it is")->required();
  hold->add_option("--id", flags->id, "The lease's id");
  AddTtl(hold, flags);
  hold->callback([flags, &context] { HoldLease(context, *flags); });

  fault.add_subcommand("leases", "List leases")->callback([&context] {
    ListLeases(context);
  });
}

}  // namespace mmfault::cli
