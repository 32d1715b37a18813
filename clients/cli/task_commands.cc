// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// task_commands.cc: `mmfault task`.

#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/event_text.h"
#include "clients/cli/names.h"
#include "clients/cli/unary.h"

namespace mmfault::cli {
namespace {

using Stub = v1::TaskService::Stub;

struct TaskFlags {
  std::string name;
  bool shows_exited = false;
  int number = 0;
  int64_t at_lock = 0;
};

std::string StateWord(const v1::Task& task) {
  return Lower(v1::Task::State_Name(task.state()), "STATE_");
}

std::string TaskTable(const v1::ListTasksResponse& response) {
  Table table({"TASK", "STATE", "MM", "STEPS", "WAITS FOR", "LOCKS"});
  for (const v1::Task& task : response.tasks()) {
    table.Add({LastPart(task.name()), StateWord(task),
               task.mm().empty() ? "-" : task.mm(),
               std::to_string(task.step_index()) + "/" +
                   std::to_string(task.given_step_count()),
               task.blocked_on().empty() ? "-" : task.blocked_on(),
               std::to_string(task.held_lock_count())});
  }
  return table.ToString();
}

std::string DeliveryText(const v1::SignalDelivery& delivery) {
  std::string text =
      "signal " + std::to_string(delivery.number()) + ": " +
      Lower(v1::SignalDelivery::State_Name(delivery.state()), "STATE_");
  if (delivery.at_lock() > 0) {
    text += " for lock " + std::to_string(delivery.at_lock());
  }
  if (delivery.state() == v1::SignalDelivery::STATE_LANDED) {
    text += " before step " + std::to_string(delivery.step());
    if (!delivery.function().empty()) text += " in " + delivery.function();
    if (!delivery.lock().empty()) text += " after " + delivery.lock();
    if (!delivery.interrupts()) text += " (blocked or ignored)";
  }
  return text;
}

std::string TaskText(const v1::GetTaskResponse& response) {
  const v1::Task& task = response.task();
  Table table({"task:", task.name()});
  table.Add({"state:", StateWord(task)});
  table.Add({"mm:", task.mm().empty() ? "-" : task.mm()});
  table.Add(
      {"waits for:", task.blocked_on().empty() ? "-" : task.blocked_on()});
  table.Add({"locks:", JoinedOf(task.held_locks())});
  table.Add({"stack:", JoinedOf(task.stack())});
  std::string text = table.ToString();
  const int64_t first = task.step_index() - task.results_size();
  for (int i = 0; i < task.results_size(); ++i) {
    text += "step " + std::to_string(first + i) + ": " +
            ResultText(task.results(i)) + "\n";
  }
  for (const v1::SignalDelivery& delivery : task.deliveries()) {
    text += DeliveryText(delivery) + "\n";
  }
  return text;
}

void List(Context& context, const TaskFlags& flags) {
  client::Session* session = context.ConnectToServer("a task");
  if (session == nullptr) return;
  v1::ListTasksRequest request;
  request.set_parent(WorldName(flags.name));
  request.set_show_exited(flags.shows_exited);
  ListAndPrint(context, *session, session->tasks(), &Stub::ListTasks, request,
               TaskTable);
}

void Get(Context& context, const TaskFlags& flags) {
  client::Session* session = context.ConnectToServer("a task");
  if (session == nullptr) return;
  v1::GetTaskRequest request;
  request.set_name(ChildName(flags.name, "tasks"));
  CallAndPrint(context, *session, session->tasks(), &Stub::GetTask, request,
               TaskText);
}

void Signal(Context& context, const TaskFlags& flags) {
  client::Session* session = context.ConnectToServer("a task");
  if (session == nullptr) return;
  v1::SignalTaskRequest request;
  request.set_name(ChildName(flags.name, "tasks"));
  request.set_number(flags.number);
  request.set_at_lock(flags.at_lock);
  CallAndPrint(context, *session, session->tasks(), &Stub::SignalTask, request,
               [&flags](const v1::SignalTaskResponse& response) {
                 return DeliveryText(response.delivery()) +
                        "\nnext: mmfault task get " + flags.name + "\n";
               });
}

}  // namespace

void AddTaskCommands(CLI::App& app, Context& context) {
  CLI::App* task = app.add_subcommand("task", "Simulated threads of control");
  task->require_subcommand(1);
  auto flags = std::make_shared<TaskFlags>();
  CLI::App* list = task->add_subcommand("list", "List the tasks of a world");
  list->add_option("WORLD", flags->name, "The world")->required();
  list->add_flag("--all", flags->shows_exited, "Those that have exited, too");
  list->callback([flags, &context] { List(context, *flags); });

  auto get_flags = std::make_shared<TaskFlags>();
  CLI::App* get = task->add_subcommand("get", "Show a task");
  get->add_option("TASK", get_flags->name, "WORLD/TASK")->required();
  get->callback([get_flags, &context] { Get(context, *get_flags); });

  auto signal_flags = std::make_shared<TaskFlags>();
  CLI::App* signal = task->add_subcommand("signal", "Send a signal to a task");
  signal->add_option("TASK", signal_flags->name, "WORLD/TASK")->required();
  signal->add_option("NUMBER", signal_flags->number, "On x86-64; 9 is SIGKILL")
      ->required();
  signal->add_option("--at-lock", signal_flags->at_lock,
                     "When it takes its k-th lock of mm_lock");
  signal->callback(
      [signal_flags, &context] { Signal(context, *signal_flags); });
}

}  // namespace mmfault::cli
