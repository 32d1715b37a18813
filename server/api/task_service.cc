// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/task_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "server/api/on_world.h"
#include "server/api/paging.h"
#include "server/api/pending_call.h"
#include "server/api/world_lookup.h"
#include "server/base/error.h"
#include "server/host/wall_time.h"
#include "server/host/world_view.h"
#include "server/kernel/signal.h"

namespace mmfault::api {
namespace {

using host::HostedWorld;
using host::TaskEntry;

absl::StatusOr<TaskEntry*> FindEntry(HostedWorld& world,
                                     const std::string& id) {
  TaskEntry* entry = world.tasks().Find(id);
  if (entry == nullptr) {
    return host::NotFound("task", "TASK_NOT_FOUND",
                          world.name() + "/tasks/" + id);
  }
  return entry;
}

// Whether the task may still do something.
absl::Status CheckAlive(const HostedWorld& world, const TaskEntry& entry) {
  const sched::TaskRecord* task =
      entry.program == nullptr ? nullptr : entry.program->task.get();
  if (task != nullptr && task->state != sched::TaskState::kDead) {
    return absl::OkStatus();
  }
  return base::WrongStateError(
      world.name() + "/tasks/" + entry.id, "TASK_EXITED",
      "task \"" + entry.id + "\" has exited", {{"task", entry.id}});
}

// --- CreateTask --------------------------------------------------------------

std::string ChooseId(const HostedWorld& world) {
  for (int64_t i = 0;; ++i) {
    std::string id = "task-" + std::to_string(i);
    if (world.machine().FindTask(id) == nullptr) {
      return id;
    }
  }
}

// The users of an mm, for a task that is not made after all.
class Users {
 public:
  Users(HostedWorld& world, const std::string& id)
      : ref_(world.machine().FindMm(id)) {
    mm::mm_struct* mm = ref_ == nullptr ? nullptr : scenario::MmOf(ref_);
    if (mm != nullptr) {
      unowned_ = ref_->unowned;
      users_ = mm->mm_users.counter;
    }
  }
  void Restore(HostedWorld& world) const {
    mm::mm_struct* mm = ref_ == nullptr ? nullptr : scenario::MmOf(ref_);
    if (mm != nullptr) {
      const sched::World::Scope scope(&world.world());
      ref_->unowned = unowned_;
      mm->mm_users.counter = users_;
    }
  }

 private:
  scenario::MmRef* const ref_;
  int64_t unowned_ = 0;
  int32_t users_ = 0;
};

absl::Status CheckOwnMm(HostedWorld& world, const std::string& id) {
  if (id.empty()) {
    return absl::OkStatus();
  }
  const scenario::MmRef* ref = world.machine().FindMm(id);
  if (ref == nullptr) {
    return host::NotFound("mm", "MM_NOT_FOUND", world.name() + "/mms/" + id);
  }
  const mm::mm_struct* mm = scenario::MmOf(ref);
  if (ref->mm != nullptr &&
      (mm == nullptr || mm->object.freed() || mm->mm_users.counter <= 0)) {
    return base::WrongStateError(
        world.name() + "/mms/" + id, "MM_ALREADY_FREED",
        "mm_users of mm \"" + id + "\" is 0", {{"mm", id}});
  }
  return absl::OkStatus();
}

absl::Status Create(HostedWorld& world, const v1::CreateTaskRequest& request,
                    v1::CreateTaskResponse* response) {
  if (!request.has_task()) {
    return base::InvalidFieldError("task", "FIELD_MISSING",
                                   "say what the task runs");
  }
  v1::TaskSetup bare = request.task();
  if (!request.task_id().empty()) {
    bare.set_id(request.task_id());
  }
  if (bare.id().empty()) {
    bare.set_id(ChooseId(world));
  }
  RETURN_IF_ERROR(host::CheckId(
      bare.id(), request.task_id().empty() ? "task.id" : "task_id"));
  RETURN_IF_ERROR(CheckOwnMm(world, bare.mm()));
  const scenario::Program* known = world.machine().FindTask(bare.id());
  if (known != nullptr && known->task != nullptr) {
    return host::AlreadyExists("task", "TASK_EXISTS",
                               world.name() + "/tasks/" + bare.id());
  }
  RETURN_IF_ERROR(world.CheckTaskRoom());
  RETURN_IF_ERROR(world.CheckArena());
  bare.clear_step();
  const Users users(world, bare.mm());
  ASSIGN_OR_RETURN(
      scenario::Program * program,
      scenario::AddTask(&world.machine(), bare, world.bounds(), "task"));
  TaskEntry* entry = world.tasks().Add(bare.id(), program);
  // A task set up with signals has its first step already.
  for (scenario::StepSpec* step = program->next_step; step != nullptr;
       step = step->next) {
    world.tasks().Given(entry, step);
  }
  const auto appended =
      world.AppendSteps(program, request.task().step(), "task.step");
  if (!appended.ok()) {
    world.tasks().Remove(entry);
    world.machine().TakeBackTask(bare.id());
    users.Restore(world);
    return appended.status();
  }
  *response->mutable_task() = host::ViewTask(world, *entry);
  world.AllowSteps(0);
  return absl::OkStatus();
}

// --- Reading -----------------------------------------------------------------

absl::Status Get(HostedWorld& world, const std::string& id, v1::Task* task) {
  ASSIGN_OR_RETURN(const TaskEntry* entry, FindEntry(world, id));
  *task = host::ViewTask(world, *entry);
  return absl::OkStatus();
}

absl::Status List(HostedWorld& world, const v1::ListTasksRequest& request,
                  v1::ListTasksResponse* response) {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : world.tasks().all()) {
    if (request.show_exited() || !entry->ended) {
      ids.push_back(id);
    }
  }
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(ids, request.page_size(), request.page_token(),
                        "ListTasks " + request.parent() +
                            (request.show_exited() ? " exited" : ""),
                        [&](size_t i) {
                          *response->add_tasks() = host::ViewTask(
                              world, *world.tasks().Find(ids[i]));
                        }));
  return absl::OkStatus();
}

absl::Status Append(HostedWorld& world, const std::string& id,
                    const v1::AppendStepsRequest& request,
                    v1::AppendStepsResponse* response) {
  ASSIGN_OR_RETURN(const TaskEntry* entry, FindEntry(world, id));
  RETURN_IF_ERROR(CheckAlive(world, *entry));
  if (request.steps().empty()) {
    return base::InvalidFieldError("steps", "FIELD_MISSING",
                                   "say what to do: at least one step");
  }
  ASSIGN_OR_RETURN(const int64_t first,
                   world.AppendSteps(entry->program, request.steps(), "steps"));
  response->set_step_index(first);
  world.AllowSteps(0);
  return absl::OkStatus();
}

// --- WaitTask ----------------------------------------------------------------

// A wait in progress: the task ends it, or the timeout, or the client.
void FinishWait(HostedWorld& world, const std::string& id,
                std::optional<int64_t> index, bool done,
                const host::Done<v1::WaitTaskResponse>& reply) {
  const TaskEntry* entry = world.tasks().Find(id);
  if (entry == nullptr) {
    reply(host::NotFound("task", "TASK_NOT_FOUND",
                         world.name() + "/tasks/" + id));
    return;
  }
  v1::WaitTaskResponse response;
  *response.mutable_task() = host::ViewTask(world, *entry);
  response.set_done(done);
  if (done && index.has_value()) {
    const int64_t oldest =
        entry->done_count - static_cast<int64_t>(entry->results.size());
    if (*index >= oldest && *index < entry->done_count) {
      *response.mutable_result() = scenario::ToProto(
          entry->results[static_cast<size_t>(*index - oldest)]);
    }
  }
  reply(std::move(response));
}

bool IsOver(HostedWorld& world, const TaskEntry& entry,
            std::optional<int64_t> index) {
  if (!CheckAlive(world, entry).ok()) {
    return true;
  }
  if (index.has_value()) {
    return *index < entry.done_count;
  }
  return host::WaitsForSteps(entry);
}

void Wait(const std::shared_ptr<HostedWorld>& world, const std::string& id,
          const v1::WaitTaskRequest& request, host::Executor* executor,
          const std::shared_ptr<ReplySlot<v1::WaitTaskResponse>>& call) {
  const auto entry = FindEntry(*world, id);
  if (!entry.ok()) {
    call->Answer(entry.status());
    return;
  }
  std::optional<int64_t> index;
  if (request.has_step_index()) {
    index = request.step_index();
  }
  const absl::Status bad =
      host::CheckRange(request.step_index(), 0, INT64_MAX, "step_index");
  absl::StatusOr<std::chrono::milliseconds> timeout =
      host::WallTime(request.timeout(), std::chrono::milliseconds(0),
                     std::chrono::hours(24), "timeout");
  if (!bad.ok() || !timeout.ok()) {
    call->Answer(!bad.ok() ? bad : timeout.status());
    return;
  }
  const host::Done<v1::WaitTaskResponse> reply =
      [call](absl::StatusOr<v1::WaitTaskResponse> response) {
        call->Answer(std::move(response));
      };
  const bool over = IsOver(*world, **entry, index);
  if (over || (request.has_timeout() && timeout->count() == 0)) {
    FinishWait(*world, id, index, over, reply);
    return;
  }
  HostedWorld* const raw = world.get();
  const uint64_t waiter = world->tasks().Wait(
      *entry, index.value_or(-1), 0,
      [raw, id, index, reply](const absl::Status& status,
                              const scenario::StepOutcome*) {
        if (status.ok()) {
          FinishWait(*raw, id, index, true, reply);
        } else {
          reply(status);
        }
      });
  call->SetAbandoned([raw, id, waiter] {
    raw->tasks().GiveUp(id, waiter, absl::CancelledError("abandoned"));
  });
  if (!request.has_timeout()) {
    return;
  }
  executor->RunAt(host::Executor::Clock::now() + *timeout,
                  [weak = std::weak_ptr(world), id, index, reply, waiter] {
                    const std::shared_ptr<HostedWorld> hosted = weak.lock();
                    if (hosted == nullptr) {
                      return;
                    }
                    hosted->Post([hosted, id, index, reply,
                                  waiter](const absl::Status& alive) {
                      if (!alive.ok()) {
                        reply(alive);
                        return;
                      }
                      FinishWait(*hosted, id, index, false, reply);
                      hosted->tasks().GiveUp(id, waiter,
                                             absl::CancelledError("timed out"));
                    });
                  });
}

// --- SignalTask --------------------------------------------------------------

// Whether it is in mm_lock's caller, or will be.
bool WillLock(const TaskEntry& entry) {
  if (entry.program->stays && !entry.program->exiting) {
    return true;
  }
  return std::any_of(entry.given.begin(), entry.given.end(),
                     [](const scenario::StepSpec* step) {
                       return step->kind == scenario::StepKind::kRegister ||
                              step->kind == scenario::StepKind::kUnregister;
                     });
}

absl::Status Signal(HostedWorld& world, const std::string& id,
                    const v1::SignalTaskRequest& request,
                    v1::SignalTaskResponse* response) {
  ASSIGN_OR_RETURN(TaskEntry * entry, FindEntry(world, id));
  if (request.number() < 1 || request.number() > kernel::kSignalMax) {
    return base::InvalidFieldError(
        "number", "SIGNAL_OUT_OF_RANGE",
        "number is " + std::to_string(request.number()) +
            "; a signal's is in [1, 64]",
        {{"value", std::to_string(request.number())}});
  }
  RETURN_IF_ERROR(host::CheckRange(request.at_lock(), 0, INT64_MAX, "at_lock"));
  RETURN_IF_ERROR(CheckAlive(world, *entry));
  if (request.at_lock() != 0) {
    RETURN_IF_ERROR(world.CheckLever(""));
  }
  if (request.at_lock() != 0 && !WillLock(*entry)) {
    return base::WrongStateError(
        world.name() + "/tasks/" + id, "TASK_NOT_LOCKING",
        "task \"" + id + "\" will not enter mm_lock any more", {{"task", id}});
  }
  const v1::SignalDelivery& delivery =
      world.SignalTask(entry, request.number(), request.at_lock());
  response->set_step(delivery.step());
  *response->mutable_delivery() = delivery;
  world.AllowSteps(0);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* TaskService::CreateTask(
    grpc::CallbackServerContext* context, const v1::CreateTaskRequest* request,
    v1::CreateTaskResponse* response) {
  return OnWorldOnce(context, FindWorld(*worlds_, request->parent(), "parent"),
                     request, response,
                     [request, response](HostedWorld& world) {
                       return Create(world, *request, response);
                     });
}

grpc::ServerUnaryReactor* TaskService::GetTask(
    grpc::CallbackServerContext* context, const v1::GetTaskRequest* request,
    v1::GetTaskResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "tasks", &id);
  return OnWorld(context, world, [id, response](HostedWorld& hosted) {
    return Get(hosted, id, response->mutable_task());
  });
}

grpc::ServerUnaryReactor* TaskService::ListTasks(
    grpc::CallbackServerContext* context, const v1::ListTasksRequest* request,
    v1::ListTasksResponse* response) {
  return OnWorld(context, FindWorld(*worlds_, request->parent(), "parent"),
                 [request, response](HostedWorld& world) {
                   return List(world, *request, response);
                 });
}

grpc::ServerUnaryReactor* TaskService::AppendSteps(
    grpc::CallbackServerContext* context, const v1::AppendStepsRequest* request,
    v1::AppendStepsResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "tasks", &id);
  return OnWorldOnce(context, world, request, response,
                     [id, request, response](HostedWorld& hosted) {
                       return Append(hosted, id, *request, response);
                     });
}

grpc::ServerUnaryReactor* TaskService::WaitTask(
    grpc::CallbackServerContext* context, const v1::WaitTaskRequest* request,
    v1::WaitTaskResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "tasks", &id);
  if (!world.ok()) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(world.status()));
    return reactor;
  }
  const auto call = std::make_shared<ReplySlot<v1::WaitTaskResponse>>(response);
  (*world)->Post([hosted = *world, id, request, call,
                  executor = worlds_->executor()](const absl::Status& alive) {
    if (alive.ok()) {
      Wait(hosted, id, *request, executor, call);
    } else {
      call->Answer(alive);
    }
  });
  return ReplySlot<v1::WaitTaskResponse>::Connect(call, context, *world);
}

grpc::ServerUnaryReactor* TaskService::SignalTask(
    grpc::CallbackServerContext* context, const v1::SignalTaskRequest* request,
    v1::SignalTaskResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "tasks", &id);
  return OnWorldOnce(context, world, request, response,
                     [id, request, response](HostedWorld& hosted) {
                       return Signal(hosted, id, *request, response);
                     });
}

}  // namespace mmfault::api
