// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_points_command.cc: `mmfault fault points`.

#include <memory>
#include <vector>

#include "absl/strings/str_join.h"
#include "clients/cli/fault_commands.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

struct PointsFlags {
  std::vector<std::string> words;
  std::string parent;
  std::string prefix;
};

// The step; a dash where nothing has acted.
std::string LastFire(const v1::FaultPoint& point) {
  return point.last_fire_step() == 0 ? "-"
                                     : std::to_string(point.last_fire_step());
}

std::string PointTable(const v1::ListFaultPointsResponse& response,
                       bool has_counts) {
  std::vector<std::string> header = {"POINT", "ACTIONS", "STANDS FOR"};
  if (has_counts)
    header.insert(header.begin() + 1, {"PASSED", "FIRED", "LAST AT"});
  Table table(header);
  for (const v1::FaultPoint& point : response.points()) {
    std::vector<std::string> row = {point.point(), JoinedOf(point.actions()),
                                    point.description()};
    if (has_counts) {
      row.insert(row.begin() + 1,
                 {std::to_string(point.hit_count()),
                  std::to_string(point.fire_count()), LastFire(point)});
    }
    table.Add(row);
  }
  return table.ToString();
}

bool List(Context& context, const PointsFlags& flags) {
  // The catalogue is the same everywhere; only counts belong to a world.
  client::Session* session = flags.parent.empty()
                                 ? context.Connect()
                                 : context.ConnectToServer("a world");
  if (session == nullptr) return false;
  v1::ListFaultPointsRequest request;
  if (!flags.parent.empty()) request.set_parent(WorldName(flags.parent));
  request.set_prefix(flags.prefix);
  request.set_query(absl::StrJoin(flags.words, " "));
  return ListAndPrint(context, *session, session->faults(),
                      &v1::FaultService::Stub::ListFaultPoints, request,
                      [&flags](const v1::ListFaultPointsResponse& response) {
                        return PointTable(response, !flags.parent.empty());
                      });
}

}  // namespace

void AddFaultPointsCommand(CLI::App& fault, Context& context) {
  auto flags = std::make_shared<PointsFlags>();
  CLI::App* points =
      fault.add_subcommand("points", "List or search the fault points");
  points->add_option("WORDS", flags->words,
                     "Only points whose name, meaning or source mentions all");
  points->add_option("--world", flags->parent, "With counts of this world");
  points->add_option("--prefix", flags->prefix, "Like mm/exit_mmap/");
  points->callback([flags, &context] { List(context, *flags); });
}

}  // namespace mmfault::cli
