// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/fault_service.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "server/api/barrier_wait.h"
#include "server/api/fault_info.h"
#include "server/api/hit_wait.h"
#include "server/api/lease_stream.h"
#include "server/api/on_world.h"
#include "server/api/paging.h"
#include "server/api/pull_lever.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/fault_book.h"
#include "server/host/names.h"
#include "server/kernel/point.h"

namespace mmfault::api {
namespace {

using host::HostedWorld;

constexpr int64_t kMaxPlanFaults = 64;

// The words of a query.
std::vector<std::string> WordsOf(const std::string& query) {
  std::istringstream stream(query);
  return {std::istream_iterator<std::string>(stream), {}};
}

bool MentionsAll(const faults::PointInfo& info,
                 const std::vector<std::string>& words) {
  return std::all_of(
      words.begin(), words.end(), [&info](const std::string& word) {
        return info.name.find(word) != std::string_view::npos ||
               info.stands_for.find(word) != std::string_view::npos ||
               info.cite.find(word) != std::string_view::npos;
      });
}

// Points by name: those that begin with the prefix and mention the words.
std::vector<const faults::PointInfo*> PointsWith(
    const std::string& prefix, const std::vector<std::string>& words) {
  std::vector<const faults::PointInfo*> points;
  for (const faults::PointInfo& info : faults::AllPoints()) {
    if (info.name.starts_with(prefix) && MentionsAll(info, words)) {
      points.push_back(&info);
    }
  }
  std::sort(points.begin(), points.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  return points;
}

// With counts when there is a world.
absl::Status ListPoints(const v1::ListFaultPointsRequest& request,
                        HostedWorld* world,
                        v1::ListFaultPointsResponse* response) {
  const std::vector<std::string> words = WordsOf(request.query());
  const std::vector<const faults::PointInfo*> points =
      PointsWith(request.prefix(), words);
  if (points.empty() && !words.empty()) {
    return PointOf(request.query()).status();  // says which is nearest
  }
  const std::vector<std::string> keys =
      KeysOf(points, [](const auto* info) { return info->name; });
  const auto add = [&](size_t i) {
    v1::FaultPoint& point = *response->add_points();
    point = ToProto(*points[i]);
    if (world != nullptr) {
      const host::PointCounts counts =
          host::CountsAt(world->machine(), points[i]->point);
      point.set_hit_count(static_cast<int64_t>(counts.hits));
      point.set_fire_count(static_cast<int64_t>(counts.fires));
      point.set_last_fire_step(static_cast<int64_t>(counts.last_fire_step));
    }
  };
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(keys, request.page_size(), request.page_token(),
                        "ListFaultPoints " + request.parent() + " " +
                            request.prefix() + " " + request.query(),
                        add));
  return absl::OkStatus();
}

absl::Status Arm(HostedWorld& world, host::LeaseTable* leases,
                 const v1::ArmFaultRequest& request,
                 v1::ArmFaultResponse* response) {
  host::WantedFault wanted{.id = request.fault_id(),
                           .fault = request.fault(),
                           .lease = {},
                           .field = "fault"};
  ASSIGN_OR_RETURN(
      const std::vector<v1::Fault> armed,
      world.ArmFaults(leases, {std::move(wanted)}, request.validate_only()));
  *response->mutable_fault() = armed.front();
  return absl::OkStatus();
}

absl::Status Apply(HostedWorld& world, host::LeaseTable* leases,
                   const v1::ApplyPlanRequest& request,
                   v1::ApplyPlanResponse* response) {
  RETURN_IF_ERROR(host::CheckRange(request.plan().faults_size(), 1,
                                   kMaxPlanFaults, "plan.faults"));
  std::vector<host::WantedFault> wanted;
  for (const v1::Fault& fault : request.plan().faults()) {
    wanted.push_back(
        {.id = fault.name(),
         .fault = fault,
         .lease = {},
         .field = "plan.faults[" + std::to_string(wanted.size()) + "]"});
    if (fault.lease().empty()) {
      wanted.back().fault.set_lease(request.lease());
    }
  }
  ASSIGN_OR_RETURN(
      std::vector<v1::Fault> armed,
      world.ArmFaults(leases, std::move(wanted), request.dry_run()));
  for (v1::Fault& fault : armed) {
    *response->add_faults() = std::move(fault);
  }
  response->set_epoch(world.faults().epoch());
  response->set_armed(!request.dry_run());
  return absl::OkStatus();
}

absl::Status Disarm(HostedWorld& world, const std::string& id,
                    v1::DisarmFaultResponse* response) {
  std::vector<v1::Fault> gone;
  if (id == "-") {
    gone = world
               .DisarmThose([](const v1::Fault& /*fault*/, uint64_t /*lease*/) {
                 return true;
               })
               .faults;
  } else {
    ASSIGN_OR_RETURN(gone, world.faults().Disarm(&world.machine(), id));
  }
  for (v1::Fault& fault : gone) {
    *response->add_faults() = std::move(fault);
  }
  world.AllowSteps(0);
  return absl::OkStatus();
}

absl::Status List(HostedWorld& world, const v1::ListFaultsRequest& request,
                  v1::ListFaultsResponse* response) {
  const std::vector<std::string> ids = world.faults().Ids();
  response->set_epoch(world.faults().epoch());
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(ids, request.page_size(), request.page_token(),
                        "ListFaults " + request.parent(), [&](size_t i) {
                          *response->add_faults() =
                              *world.faults().Get(world.machine(), ids[i]);
                        }));
  return absl::OkStatus();
}

absl::Status List(HostedWorld& world, const v1::ListHoldsRequest& request,
                  v1::ListHoldsResponse* response) {
  const std::vector<Held> all =
      HeldTasks(world.machine(), world.faults(), world.name());
  const std::vector<std::string> ids = KeysOf(all, &Held::id);
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(ids, request.page_size(), request.page_token(),
                        "ListHolds " + request.parent(), [&](size_t i) {
                          *response->add_holds() = all[i].hold;
                        }));
  return absl::OkStatus();
}

absl::Status List(HostedWorld& world, const v1::ListBarriersRequest& request,
                  v1::ListBarriersResponse* response) {
  const auto all = world.barriers().All();
  const std::vector<std::string> ids =
      KeysOf(all, [](const auto& entry) { return entry.first; });
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(ids, request.page_size(), request.page_token(),
                        "ListBarriers " + request.parent(), [&](size_t i) {
                          *response->add_barriers() = all[i].second;
                        }));
  return absl::OkStatus();
}

absl::Status List(const host::LeaseTable& leases,
                  const v1::ListLeasesRequest& request,
                  v1::ListLeasesResponse* response) {
  const std::vector<v1::Lease> all = leases.All();
  const std::vector<std::string> names = KeysOf(all, &v1::Lease::name);
  ASSIGN_OR_RETURN(
      *response->mutable_next_page_token(),
      Page(names, request.page_size(), request.page_token(), "ListLeases",
           [&](size_t i) { *response->add_leases() = all[i]; }));
  return absl::OkStatus();
}

absl::Status List(const host::SafetyLevers& levers,
                  const v1::ListSafetyLeversRequest& request,
                  v1::ListSafetyLeversResponse* response) {
  const std::vector<v1::SafetyLever> all = levers.All();
  const std::vector<std::string> clients =
      KeysOf(all, &v1::SafetyLever::client);
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(clients, request.page_size(), request.page_token(),
                        "ListSafetyLevers",
                        [&](size_t i) { *response->add_levers() = all[i]; }));
  return absl::OkStatus();
}

absl::Status Resume(HostedWorld& world, const std::string& name,
                    const std::string& id, v1::ResumeHoldResponse* response) {
  bool found = id == "-";
  sched::World& engine = world.world();
  sched::World::Scope scope(&engine);
  for (const Held& held :
       HeldTasks(world.machine(), world.faults(), world.name())) {
    if (id == "-" || id == held.id) {
      found = true;
      kernel::ResumeHeld(&engine, held.point, held.slot);
    }
  }
  if (!found) {
    return host::NotFound("hold", "HOLD_NOT_FOUND", name);
  }
  response->set_step(static_cast<int64_t>(world.step()));
  world.AllowSteps(0);
  return absl::OkStatus();
}

// Gives to, or takes from, all that are there and those that come.
void SetForAll(HostedWorld& world, bool granted) {
  sched::World& engine = world.world();
  engine.state().capable = granted;
  for (uint64_t rest = engine.state().alive; rest != 0; rest &= rest - 1) {
    engine.task(std::countr_zero(rest)).no_capability = !granted;
  }
}

absl::Status SetFor(HostedWorld& world, const std::string& name,
                    const std::string& id, bool granted,
                    v1::SetCapabilityResponse* response) {
  if (!granted) {
    RETURN_IF_ERROR(world.CheckLever(""));
  }
  sched::World::Scope scope(&world.world());
  response->set_step(static_cast<int64_t>(world.step()));
  if (id == "-") {
    SetForAll(world, granted);
    return absl::OkStatus();
  }
  const host::TaskEntry* entry = world.tasks().Find(id);
  if (entry == nullptr) {
    return host::NotFound("task", "TASK_NOT_FOUND", name);
  }
  sched::TaskRecord* task = entry->ended || entry->program == nullptr
                                ? nullptr
                                : entry->program->task.get();
  if (task == nullptr) {
    return base::WrongStateError(name, "TASK_EXITED", "the task has exited",
                                 {{"task", id}});
  }
  task->no_capability = !granted;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FaultService::WorldPtr> FaultService::FindParent(
    const std::string& parent) const {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                   host::ParseName(parent, {"worlds"}, "parent"));
  return worlds_->Find(ids[0]);
}

absl::StatusOr<FaultService::WorldPtr> FaultService::FindOwner(
    const std::string& name, std::string_view collection, bool wildcard,
    std::string* id) const {
  ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      host::ParseName(name, {"worlds", collection}, "name", wildcard));
  *id = ids[1];
  return worlds_->Find(ids[0]);
}

grpc::ServerUnaryReactor* FaultService::ListFaultPoints(
    grpc::CallbackServerContext* context,
    const v1::ListFaultPointsRequest* request,
    v1::ListFaultPointsResponse* response) {
  if (request->parent().empty()) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(ListPoints(*request, nullptr, response)));
    return reactor;
  }
  return OnWorld(context, FindParent(request->parent()),
                 [request, response](HostedWorld& world) {
                   return ListPoints(*request, &world, response);
                 });
}

grpc::ServerUnaryReactor* FaultService::ArmFault(
    grpc::CallbackServerContext* context, const v1::ArmFaultRequest* request,
    v1::ArmFaultResponse* response) {
  return OnWorldOnce(
      context, FindParent(request->parent()), request, response,
      [request, response, leases = leases_.get()](HostedWorld& world) {
        return Arm(world, leases, *request, response);
      });
}

grpc::ServerUnaryReactor* FaultService::ApplyPlan(
    grpc::CallbackServerContext* context, const v1::ApplyPlanRequest* request,
    v1::ApplyPlanResponse* response) {
  return OnWorldOnce(
      context, FindParent(request->parent()), request, response,
      [request, response, leases = leases_.get()](HostedWorld& world) {
        return Apply(world, leases, *request, response);
      });
}

grpc::ServerUnaryReactor* FaultService::DisarmFault(
    grpc::CallbackServerContext* context, const v1::DisarmFaultRequest* request,
    v1::DisarmFaultResponse* response) {
  std::string id;
  const auto world = FindOwner(request->name(), "faults", true, &id);
  return OnWorldOnce(context, world, request, response,
                     [id, response](HostedWorld& hosted) {
                       return Disarm(hosted, id, response);
                     });
}

grpc::ServerUnaryReactor* FaultService::GetFault(
    grpc::CallbackServerContext* context, const v1::GetFaultRequest* request,
    v1::GetFaultResponse* response) {
  std::string id;
  const auto world = FindOwner(request->name(), "faults", false, &id);
  return OnWorld(context, world,
                 [id, response](HostedWorld& hosted) -> absl::Status {
                   ASSIGN_OR_RETURN(*response->mutable_fault(),
                                    hosted.faults().Get(hosted.machine(), id));
                   return absl::OkStatus();
                 });
}

grpc::ServerUnaryReactor* FaultService::ListFaults(
    grpc::CallbackServerContext* context, const v1::ListFaultsRequest* request,
    v1::ListFaultsResponse* response) {
  return OnWorld(context, FindParent(request->parent()),
                 [request, response](HostedWorld& world) {
                   return List(world, *request, response);
                 });
}

grpc::ServerUnaryReactor* FaultService::WaitForHit(
    grpc::CallbackServerContext* /*context*/,
    const v1::WaitForHitRequest* request, v1::WaitForHitResponse* response) {
  return WaitForHitCall(FindParent(request->parent()), worlds_->executor(),
                        *request, response);
}

grpc::ServerUnaryReactor* FaultService::ListHolds(
    grpc::CallbackServerContext* context, const v1::ListHoldsRequest* request,
    v1::ListHoldsResponse* response) {
  return OnWorld(context, FindParent(request->parent()),
                 [request, response](HostedWorld& world) {
                   return List(world, *request, response);
                 });
}

grpc::ServerUnaryReactor* FaultService::ResumeHold(
    grpc::CallbackServerContext* context, const v1::ResumeHoldRequest* request,
    v1::ResumeHoldResponse* response) {
  std::string id;
  const auto world = FindOwner(request->name(), "holds", true, &id);
  return OnWorldOnce(context, world, request, response,
                     [id, request, response](HostedWorld& hosted) {
                       return Resume(hosted, request->name(), id, response);
                     });
}

grpc::ServerUnaryReactor* FaultService::SetCapability(
    grpc::CallbackServerContext* context,
    const v1::SetCapabilityRequest* request,
    v1::SetCapabilityResponse* response) {
  std::string id;
  const auto world = FindOwner(request->name(), "tasks", true, &id);
  return OnWorldOnce(context, world, request, response,
                     [id, request, response](HostedWorld& hosted) {
                       return SetFor(hosted, request->name(), id,
                                     request->granted(), response);
                     });
}

grpc::ServerBidiReactor<v1::HoldLeaseRequest, v1::HoldLeaseResponse>*
FaultService::HoldLease(grpc::CallbackServerContext* context) {
  return StartLeaseStream(context, leases_.get(), worlds_->executor());
}

grpc::ServerUnaryReactor* FaultService::ListLeases(
    grpc::CallbackServerContext* context, const v1::ListLeasesRequest* request,
    v1::ListLeasesResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(List(*leases_, *request, response)));
  return reactor;
}

grpc::ServerUnaryReactor* FaultService::ArriveAtBarrier(
    grpc::CallbackServerContext* context,
    const v1::ArriveAtBarrierRequest* request,
    v1::ArriveAtBarrierResponse* response) {
  std::string id;
  const auto world = FindOwner(request->name(), "barriers", false, &id);
  return ArriveCall(context, world, worlds_->executor(), id, *request,
                    response);
}

grpc::ServerUnaryReactor* FaultService::ListBarriers(
    grpc::CallbackServerContext* context,
    const v1::ListBarriersRequest* request,
    v1::ListBarriersResponse* response) {
  return OnWorld(context, FindParent(request->parent()),
                 [request, response](HostedWorld& world) {
                   return List(world, *request, response);
                 });
}

grpc::ServerUnaryReactor* FaultService::PullSafetyLever(
    grpc::CallbackServerContext* context,
    const v1::PullSafetyLeverRequest* request,
    v1::PullSafetyLeverResponse* response) {
  return PullLeverCall(context, *worlds_, *leases_, *request, response);
}

grpc::ServerUnaryReactor* FaultService::LiftSafetyLever(
    grpc::CallbackServerContext* context,
    const v1::LiftSafetyLeverRequest* request,
    v1::LiftSafetyLeverResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  response->set_lifted(worlds_->levers().Lift(request->client()));
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* FaultService::ListSafetyLevers(
    grpc::CallbackServerContext* context,
    const v1::ListSafetyLeversRequest* request,
    v1::ListSafetyLeversResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(List(worlds_->levers(), *request, response)));
  return reactor;
}

}  // namespace mmfault::api
