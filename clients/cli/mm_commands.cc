// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_commands.cc: `mmfault mm`.

#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/event_text.h"
#include "clients/cli/names.h"
#include "clients/cli/scenario_files.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::MmService::Stub;

struct MmFlags {
  std::string name;
  std::string id;
  int64_t mm_users = 0;
  std::vector<std::string> ranges;
  int64_t pattern_count = 0;
  bool is_forced = false;
  std::string step;
  std::string task;
};

std::string PhaseWord(const v1::Mm& mm) {
  return Lower(v1::Mm::ExitPhase_Name(mm.exit_phase()), "EXIT_PHASE_");
}

std::string MmText(const v1::Mm& mm) {
  Table table({"mm:", mm.name()});
  table.Add({"mm_users:", std::to_string(mm.mm_users())});
  table.Add({"mm_count:", std::to_string(mm.mm_count())});
  table.Add({"VMAs:", std::to_string(mm.map_count())});
  table.Add({"exit:", PhaseWord(mm) + (mm.forced() ? " (forced)" : "")});
  table.Add({"notifiers:", JoinedOf(mm.notifiers())});
  if (!mm.locked_by().empty()) table.Add({"locked by:", mm.locked_by()});
  return table.ToString();
}

std::string MmTable(const v1::ListMmsResponse& response) {
  Table table({"MM", "MM_USERS", "MM_COUNT", "VMAS", "EXIT", "NOTIFIERS"});
  for (const v1::Mm& mm : response.mms()) {
    table.Add({LastPart(mm.name()), std::to_string(mm.mm_users()),
               std::to_string(mm.mm_count()), std::to_string(mm.map_count()),
               PhaseWord(mm), JoinedOf(mm.notifiers())});
  }
  return table.ToString();
}

// `0x1000-0x3000`: anonymous, populated, with an anon_vma.
bool AddRange(const std::string& text, v1::MmSetup& setup) {
  const size_t dash = text.find('-');
  if (dash == std::string::npos) return false;
  const auto start = ParseAddress(text.substr(0, dash));
  const auto end = ParseAddress(text.substr(dash + 1));
  if (!start || !end) return false;
  v1::Vma& vma = *setup.add_vma();
  vma.set_start(*start);
  vma.set_end(*end);
  vma.mutable_anonymous();
  vma.set_populated(true);
  vma.set_anon_vma(true);
  return true;
}

void Create(Context& context, const MmFlags& flags) {
  v1::CreateMmRequest request;
  request.set_parent(WorldName(flags.name));
  request.set_mm_id(flags.id);
  request.mutable_mm()->set_mm_users(flags.mm_users);
  for (const std::string& range : flags.ranges) {
    if (!AddRange(range, *request.mutable_mm())) {
      context.FailUsage("--vma " + range +
                        " is not of the form START-END, like 0x1000-0x3000");
      return;
    }
  }
  if (flags.pattern_count > 0) {
    request.mutable_mm()->add_vma_pattern()->set_count(flags.pattern_count);
  }
  client::Session* session = context.ConnectToServer("an mm");
  if (session == nullptr) return;
  CallAndPrint(context, *session, session->mms(), &Stub::CreateMm, request,
               [](const v1::CreateMmResponse& response) {
                 return MmText(response.mm());
               });
}

void Get(Context& context, const MmFlags& flags) {
  client::Session* session = context.ConnectToServer("an mm");
  if (session == nullptr) return;
  v1::GetMmRequest request;
  request.set_name(ChildName(flags.name, "mms"));
  CallAndPrint(
      context, *session, session->mms(), &Stub::GetMm, request,
      [](const v1::GetMmResponse& response) { return MmText(response.mm()); });
}

void List(Context& context, const MmFlags& flags) {
  client::Session* session = context.ConnectToServer("an mm");
  if (session == nullptr) return;
  v1::ListMmsRequest request;
  request.set_parent(WorldName(flags.name));
  ListAndPrint(context, *session, session->mms(), &Stub::ListMms, request,
               MmTable);
}

void Delete(Context& context, const MmFlags& flags) {
  client::Session* session = context.ConnectToServer("an mm");
  if (session == nullptr) return;
  v1::DeleteMmRequest request;
  request.set_name(ChildName(flags.name, "mms"));
  CallAndPrint(context, *session, session->mms(), &Stub::DeleteMm, request,
               Saying<v1::DeleteMmResponse>("deleted " + request.name()));
}

void Teardown(Context& context, const MmFlags& flags) {
  client::Session* session = context.ConnectToServer("an mm");
  if (session == nullptr) return;
  v1::ForceTeardownRequest request;
  request.set_name(ChildName(flags.name, "mms"));
  request.set_kind(flags.is_forced ? v1::TEARDOWN_KIND_FORCE
                                   : v1::TEARDOWN_KIND_KILL);
  CallAndPrint(context, *session, session->mms(), &Stub::ForceTeardown, request,
               [](const v1::ForceTeardownResponse& response) {
                 std::string text = MmText(response.mm()) +
                                    "tasks: " + JoinedOf(response.tasks()) +
                                    "\n";
                 for (const v1::RevokedPin& pin : response.revoked_pins()) {
                   text += "revoked: " + std::to_string(pin.count()) + " of " +
                           (pin.task().empty() ? "nobody" : pin.task()) + "\n";
                 }
                 return text;
               });
}

std::string StepText(const v1::RunStepResponse& response) {
  if (response.has_result()) {
    return response.task() + ": " + ResultText(response.result()) + "\n";
  }
  return response.task() + ": enqueued as step " +
         std::to_string(response.step_index()) +
         "\nnext: mmfault world advance WORLD\n";
}

void RunStep(Context& context, const MmFlags& flags) {
  v1::RunStepRequest request;
  std::string error;
  if (!ParseText("STEP", flags.step, request.mutable_step(), &error)) {
    context.FailUsage(error,
                      "a step looks like 'munmap { mm: \"m0\" range { "
                      "start: 0x1000 end: 0x3000 } }'");
    return;
  }
  client::Session* session = context.ConnectToServer("an mm");
  if (session == nullptr) return;
  request.set_parent(WorldName(flags.name));
  request.set_task(flags.task);
  CallAndPrint(context, *session, session->mms(), &Stub::RunStep, request,
               StepText);
}

using Flags = std::shared_ptr<MmFlags>;
using Action = void (*)(Context&, const MmFlags&);

CLI::App* Add(CLI::App* mm, Context& context, const char* verb,
              const char* text, const char* argument, const Flags& flags,
              Action action) {
  CLI::App* command = mm->add_subcommand(verb, text);
  const std::string what =
      std::string(argument) == "WORLD" ? "The world" : "WORLD/MM";
  command->add_option(argument, flags->name, what)->required();
  command->callback([flags, action, &context] { action(context, *flags); });
  return command;
}

}  // namespace

void AddMmCommands(CLI::App& app, Context& context) {
  CLI::App* mm = app.add_subcommand("mm", "Address spaces");
  mm->require_subcommand(1);
  auto flags = std::make_shared<MmFlags>();
  CLI::App* create =
      Add(mm, context, "create", "Create an mm", "WORLD", flags, Create);
  create->add_option("--id", flags->id, "Its id");
  create->add_option("--mm-users", flags->mm_users, "Users at the start");
  create->add_option("--vma", flags->ranges,
                     "Anonymous memory, as START-END; may be repeated");
  create->add_option("--pattern", flags->pattern_count,
                     "So many small anonymous VMAs");
  const auto none = [] { return std::make_shared<MmFlags>(); };
  Add(mm, context, "get", "Show an mm", "MM", none(), Get);
  Add(mm, context, "list", "List the mms of a world", "WORLD", none(), List);
  Add(mm, context, "delete", "Forget a dead mm", "MM", none(), Delete);
  auto teardown = none();
  Add(mm, context, "teardown", "Take an mm down, whoever uses it", "MM",
      teardown, Teardown)
      ->add_flag("--force", teardown->is_forced,
                 "Revoke pins too, instead of killing the owners");
  auto step = none();
  CLI::App* run =
      Add(mm, context, "step", "Run one step", "WORLD", step, RunStep);
  run->add_option("STEP", step->step, "The step, as in a scenario file")
      ->required();
  run->add_option("--task", step->task, "The task that runs it");
}

}  // namespace mmfault::cli
