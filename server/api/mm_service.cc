// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/mm_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "server/api/on_world.h"
#include "server/api/paging.h"
#include "server/api/pending_call.h"
#include "server/api/step_mm.h"
#include "server/api/world_lookup.h"
#include "server/base/error.h"
#include "server/host/world_view.h"
#include "server/mm/vma.h"
#include "server/scenario/steps.h"

namespace mmfault::api {
namespace {

using host::HostedWorld;

constexpr int64_t kMaxStepBudget = 1'000'000'000;

absl::StatusOr<scenario::MmRef*> FindMm(HostedWorld& world,
                                        const std::string& id) {
  scenario::MmRef* ref = world.machine().FindMm(id);
  if (ref == nullptr) {
    return host::NotFound("mm", "MM_NOT_FOUND", world.name() + "/mms/" + id);
  }
  return ref;
}

// --- CreateMm ----------------------------------------------------------------

absl::Status AddFiles(HostedWorld& world, const v1::CreateMmRequest& request) {
  for (int i = 0; i < request.files_size(); ++i) {
    const v1::FileSetup& file = request.files(i);
    const scenario::FileRef* known = world.machine().FindFile(file.id());
    if (known != nullptr &&
        known->file->size_pages == static_cast<uint64_t>(file.size_pages())) {
      continue;
    }
    RETURN_IF_ERROR(scenario::AddFile(&world.machine(), file,
                                      "files[" + std::to_string(i) + "]"));
  }
  return absl::OkStatus();
}

std::string ChooseMmId(const HostedWorld& world) {
  for (int64_t i = 0;; ++i) {
    std::string id = "mm-" + std::to_string(i);
    if (world.machine().FindMm(id) == nullptr) {
      return id;
    }
  }
}

absl::Status Create(HostedWorld& world, const v1::CreateMmRequest& request,
                    v1::CreateMmResponse* response) {
  v1::MmSetup setup = request.mm();
  if (!request.mm_id().empty()) {
    RETURN_IF_ERROR(host::CheckId(request.mm_id(), "mm_id"));
    setup.set_id(request.mm_id());
  }
  if (setup.id().empty()) {
    setup.set_id(ChooseMmId(world));
  }
  RETURN_IF_ERROR(world.CheckArena());
  if (world.machine().FindMm(setup.id()) != nullptr) {
    return host::AlreadyExists("mm", "MM_EXISTS",
                               world.name() + "/mms/" + setup.id());
  }
  RETURN_IF_ERROR(AddFiles(world, request));
  RETURN_IF_ERROR(
      scenario::AddMm(&world.machine(), setup, 1, world.bounds(), "mm"));
  *response->mutable_mm() =
      host::ViewMm(world, setup.id(), *world.machine().FindMm(setup.id()));
  return absl::OkStatus();
}

// --- Reading -----------------------------------------------------------------

absl::Status List(HostedWorld& world, const v1::ListMmsRequest& request,
                  v1::ListMmsResponse* response) {
  std::vector<std::string> ids;
  for (const auto& [id, ref] : world.machine().mms()) {
    if (ref->mm != nullptr) {
      ids.push_back(id);
    }
  }
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(ids, request.page_size(), request.page_token(),
                        "ListMms " + request.parent(), [&](size_t i) {
                          *response->add_mms() = host::ViewMm(
                              world, ids[i], *world.machine().FindMm(ids[i]));
                        }));
  return absl::OkStatus();
}

absl::Status List(HostedWorld& world, const std::string& mm_id,
                  const v1::ListVmasRequest& request,
                  v1::ListVmasResponse* response) {
  constexpr int64_t kDefaultSize = 1000;
  constexpr int64_t kMaxSize = 10'000;
  ASSIGN_OR_RETURN(const scenario::MmRef* ref, FindMm(world, mm_id));
  RETURN_IF_ERROR(
      host::CheckRange(request.page_size(), 0, kMaxSize, "page_size"));
  const int64_t size =
      request.page_size() == 0 ? kDefaultSize : request.page_size();
  const std::string list = "ListVmas " + request.parent();
  // The token is the address after which the page begins.
  ASSIGN_OR_RETURN(const PageStart start,
                   StartPage(0, request.page_token(), list));
  uint64_t from = 0;
  for (const char digit : start.after) {
    if (digit < '0' || digit > '9') {
      return base::InvalidFieldError("page_token", "PAGE_TOKEN_INVALID",
                                     "page_token is not one of this list");
    }
    from = from * 10 + static_cast<uint64_t>(digit - '0');
  }
  const mm::mm_struct* mm = scenario::MmOf(ref);
  if (mm == nullptr || mm->object.freed()) {
    return absl::OkStatus();
  }
  const sched::World::Scope scope(&world.world());
  for (const mm::vm_area_struct* vma = mm::find_vma(mm, from); vma != nullptr;
       vma = vma->vm_next) {
    if (vma->vm_start < from) {
      continue;
    }
    if (response->vmas_size() == size) {
      response->set_next_page_token(PageTokenAfter(
          std::to_string(response->vmas(response->vmas_size() - 1).end()),
          list));
      break;
    }
    *response->add_vmas() = host::ViewVma(world, *vma);
  }
  return absl::OkStatus();
}

// --- DeleteMm ----------------------------------------------------------------

// Steps that wait may still name it, and notifiers too.
bool IsNamed(HostedWorld& world, const scenario::MmRef* ref) {
  for (const auto& [id, entry] : world.tasks().all()) {
    for (const scenario::StepSpec* step : entry->given) {
      if (step->mm == ref || step->child == ref) {
        return true;
      }
    }
    if (entry->program != nullptr &&
        (entry->program->own == ref ||
         scenario::HoldsRef(entry->program, ref))) {
      return true;
    }
  }
  const mm::mm_struct* mm = scenario::MmOf(ref);
  for (const auto& [id, dev] : world.machine().devices()) {
    if (mm != nullptr && !dev->mn.object.freed() &&
        dev->mn.registration == notifier::Registration::kRegistered &&
        dev->mn.mm == mm) {
      return true;
    }
  }
  return false;
}

absl::Status Delete(HostedWorld& world, const std::string& id) {
  ASSIGN_OR_RETURN(const scenario::MmRef* ref, FindMm(world, id));
  const mm::mm_struct* mm = scenario::MmOf(ref);
  if ((mm != nullptr && !mm->object.freed()) || IsNamed(world, ref)) {
    const std::string users =
        std::to_string(mm == nullptr ? 0 : mm->mm_users.counter.get());
    const std::string count =
        std::to_string(mm == nullptr ? 0 : mm->mm_count.counter.get());
    return base::WrongStateError(
        world.name() + "/mms/" + id, "MM_IN_USE",
        "mm \"" + id + "\" is in use: mm_users " + users + ", mm_count " +
            count,
        {{"mm", id}, {"mm_users", users}, {"mm_count", count}});
  }
  world.machine().ForgetMm(id);
  return absl::OkStatus();
}

// --- RunStep -----------------------------------------------------------------

// The mm that an empty field means, and the task that runs the step.
struct Target {
  scenario::MmRef* mm = nullptr;
  std::string task;
};

// `rpc-{mm}`: of the request's mm, else the step's, else the only one.
std::string TaskFor(HostedWorld& world, const v1::RunStepRequest& request) {
  std::string mm = request.mm();
  const auto& mms = world.machine().mms();
  if (mm.empty()) {
    StepMm(request.step(), &mm);
  }
  if (mm.empty() && mms.size() == 1) {
    mm = mms.begin()->first;
  }
  std::string task = mm.empty() ? "rpc" : "rpc-" + mm;
  // An id has at most 63 characters; so has the mm's.
  task.resize(std::min<size_t>(task.size(), 63));
  return task;
}

absl::Status Resolve(HostedWorld& world, const v1::RunStepRequest& request,
                     Target* target) {
  if (!request.has_step()) {
    return base::InvalidFieldError("step", "FIELD_MISSING", "say what to do");
  }
  if (request.step_budget() < 0 || request.step_budget() > kMaxStepBudget) {
    return host::CheckRange(request.step_budget(), 0, kMaxStepBudget,
                            "step_budget");
  }
  if (!request.mm().empty()) {
    ASSIGN_OR_RETURN(target->mm, FindMm(world, request.mm()));
  }
  target->task =
      request.task().empty() ? TaskFor(world, request) : request.task();
  return absl::OkStatus();
}

void Fill(const std::string& task, int64_t index,
          const scenario::StepOutcome* outcome, v1::RunStepResponse* response) {
  response->set_task(task);
  response->set_step_index(index);
  if (outcome != nullptr) {
    scenario::FillResult(*outcome, response->mutable_result());
  } else {
    response->mutable_result()->set_died(true);
  }
}

// `reply(status, fill)` answers: with an error, or with the response that
// `fill` makes.
template <typename Reply>
void Run(HostedWorld& world, const v1::RunStepRequest& request, Reply reply) {
  const auto fail = [&reply](const absl::Status& status) {
    reply(status, [](v1::RunStepResponse*) {});
  };
  Target target;
  absl::Status status = Resolve(world, request, &target);
  if (!status.ok()) {
    fail(status);
    return;
  }
  const auto program = world.StandingTask(target.task, request.task().empty());
  if (!program.ok()) {
    fail(program.status());
    return;
  }
  if (world.lockstep()) {
    const auto index = world.StartStep(*program, request.step(), "step", 0,
                                       nullptr, target.mm);
    reply(index.status(), [&](v1::RunStepResponse* response) {
      response->set_task(target.task);
      response->set_step_index(*index);
    });
    return;
  }
  const int64_t place = world.tasks().Of(*program)->given_count;
  const uint64_t limit = world.AllowSteps(request.step_budget());
  const auto index = world.StartStep(
      *program, request.step(), "step", limit,
      [task = std::move(target.task), place, reply](
          const absl::Status& ended, const scenario::StepOutcome* outcome) {
        reply(ended, [&](v1::RunStepResponse* response) {
          Fill(task, place, outcome, response);
        });
      },
      target.mm);
  if (!index.ok()) {
    fail(index.status());
  }
}

// With a request id the answer is kept, and so made apart from the call.
void RunOnce(HostedWorld& world, const v1::RunStepRequest& request,
             host::Done<v1::RunStepResponse> done) {
  Run(world, request,
      [done = std::move(done)](const absl::Status& status, const auto& fill) {
        if (!status.ok()) {
          done(status);
          return;
        }
        v1::RunStepResponse response;
        fill(&response);
        done(std::move(response));
      });
}

// --- ForceTeardown -----------------------------------------------------------

// Who holds users of an mm, with how many each; "" for those of nobody.
std::vector<std::pair<std::string, int64_t>> Holders(
    HostedWorld& world, const scenario::MmRef* ref) {
  std::vector<std::pair<std::string, int64_t>> holders;
  for (const auto& [id, program] : world.machine().tasks()) {
    int64_t held = 0;
    for (uint32_t i = 0; i < program->ref_count; ++i) {
      held += program->refs[i] == ref ? 1 : 0;
    }
    if (held != 0) {
      holders.emplace_back(id, held);
    }
  }
  if (ref->unowned > 0) {
    holders.emplace_back("", ref->unowned);
  }
  return holders;
}

std::string ChooseTeardownId(const HostedWorld& world) {
  std::string id = "teardown";
  for (int64_t i = 2;; ++i) {
    const scenario::Program* known = world.machine().FindTask(id);
    if (known == nullptr || known->task == nullptr) {
      return id;
    }
    id = "teardown-" + std::to_string(i);
  }
}

// FORCE: users become 0 now, and a task that can be waited for like any other
// runs exit_mmap(). Returns its id.
absl::StatusOr<std::string> Force(HostedWorld& world, scenario::MmRef* ref) {
  std::string id = ChooseTeardownId(world);
  ASSIGN_OR_RETURN(scenario::Program * program, world.StandingTask(id, true));
  scenario::Machine& machine = world.machine();
  scenario::StepSpec* step = machine.NewStep(scenario::StepKind::kExitForced);
  step->mm = ref;
  machine.Append(program, step);
  world.tasks().Given(world.tasks().Of(program), step);
  const sched::World::Scope scope(&world.world());
  program->stays = false;
  machine.RevokeUsers(ref);
  return id;
}

absl::Status Teardown(HostedWorld& world, const std::string& id,
                      const v1::ForceTeardownRequest& request,
                      v1::ForceTeardownResponse* response) {
  ASSIGN_OR_RETURN(scenario::MmRef * ref, FindMm(world, id));
  if (!v1::TeardownKind_IsValid(request.kind())) {
    return base::InvalidFieldError("kind", "UNSUPPORTED_SETTING",
                                   "this server knows KILL and FORCE");
  }
  const mm::mm_struct* mm = scenario::MmOf(ref);
  if (mm == nullptr || mm->object.freed() || mm->mm_users.counter <= 0) {
    return base::WrongStateError(
        world.name() + "/mms/" + id, "MM_ALREADY_FREED",
        "exit_mmap() of mm \"" + id + "\" has begun already", {{"mm", id}});
  }
  RETURN_IF_ERROR(world.CheckTaskRoom());
  const bool force = request.kind() == v1::TEARDOWN_KIND_FORCE;
  const auto holders = Holders(world, ref);
  response->set_step(static_cast<int64_t>(world.step()));
  if (force) {
    ASSIGN_OR_RETURN(*response->add_tasks(), Force(world, ref));
    for (const auto& [task, count] : holders) {
      v1::RevokedPin* pin = response->add_revoked_pins();
      pin->set_task(task);
      pin->set_count(count);
    }
  } else {
    const sched::World::Scope scope(&world.world());
    world.machine().Teardown(ref, false);
    for (const auto& [task, program] : world.machine().tasks()) {
      if (program->own == ref && program->task != nullptr) {
        response->add_tasks(task);
      }
    }
  }
  *response->mutable_mm() = host::ViewMm(world, id, *ref);
  world.AllowSteps(0);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* MmService::CreateMm(
    grpc::CallbackServerContext* context, const v1::CreateMmRequest* request,
    v1::CreateMmResponse* response) {
  return OnWorldOnce(context, FindWorld(*worlds_, request->parent(), "parent"),
                     request, response,
                     [request, response](HostedWorld& world) {
                       return Create(world, *request, response);
                     });
}

grpc::ServerUnaryReactor* MmService::GetMm(grpc::CallbackServerContext* context,
                                           const v1::GetMmRequest* request,
                                           v1::GetMmResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "mms", &id);
  return OnWorld(
      context, world, [id, response](HostedWorld& hosted) -> absl::Status {
        ASSIGN_OR_RETURN(const scenario::MmRef* ref, FindMm(hosted, id));
        *response->mutable_mm() = host::ViewMm(hosted, id, *ref);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* MmService::ListMms(
    grpc::CallbackServerContext* context, const v1::ListMmsRequest* request,
    v1::ListMmsResponse* response) {
  return OnWorld(context, FindWorld(*worlds_, request->parent(), "parent"),
                 [request, response](HostedWorld& world) {
                   return List(world, *request, response);
                 });
}

grpc::ServerUnaryReactor* MmService::DeleteMm(
    grpc::CallbackServerContext* context, const v1::DeleteMmRequest* request,
    v1::DeleteMmResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "mms", &id);
  return OnWorldOnce(context, world, request, response,
                     [id](HostedWorld& hosted) { return Delete(hosted, id); });
}

grpc::ServerUnaryReactor* MmService::ListVmas(
    grpc::CallbackServerContext* context, const v1::ListVmasRequest* request,
    v1::ListVmasResponse* response) {
  std::string id;
  const WorldOr world =
      FindIn(*worlds_, request->parent(), "parent", "mms", &id);
  return OnWorld(context, world, [id, request, response](HostedWorld& hosted) {
    return List(hosted, id, *request, response);
  });
}

grpc::ServerUnaryReactor* MmService::RunStep(
    grpc::CallbackServerContext* context, const v1::RunStepRequest* request,
    v1::RunStepResponse* response) {
  const WorldOr world = FindWorld(*worlds_, request->parent(), "parent");
  if (!world.ok() || !request->request_id().empty()) {
    return OnWorldLater(context, world, request, response, RunOnce);
  }
  using Slot = ReplySlot<v1::RunStepResponse>;
  const auto slot = std::make_shared<Slot>(response);
  (*world)->Post(
      [hosted = world->get(), request, slot](const absl::Status& alive) {
        if (!alive.ok()) {
          slot->Answer(alive);
          return;
        }
        Run(*hosted, *request,
            [slot](const absl::Status& status, const auto& fill) {
              if (slot->is_open() && status.ok()) {
                fill(slot->response());
              }
              slot->Answer(status);
            });
      });
  return Slot::Connect(slot, context, *world);
}

grpc::ServerUnaryReactor* MmService::ForceTeardown(
    grpc::CallbackServerContext* context,
    const v1::ForceTeardownRequest* request,
    v1::ForceTeardownResponse* response) {
  std::string id;
  const WorldOr world = FindIn(*worlds_, request->name(), "name", "mms", &id);
  return OnWorldOnce(context, world, request, response,
                     [id, request, response](HostedWorld& hosted) {
                       return Teardown(hosted, id, *request, response);
                     });
}

}  // namespace mmfault::api
