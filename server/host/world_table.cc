// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/world_table.h"

#include <algorithm>
#include <random>
#include <utility>

#include "server/base/error.h"
#include "server/base/prng.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::host {
namespace {

constexpr int64_t kDefaultStepBudget = 10'000'000;
constexpr int64_t kMaxStepBudget = 1'000'000'000'000;
// Kept for readers unless a world asks for more: they cost 100 bytes each.
constexpr int64_t kDefaultEvents = 8192;
constexpr int64_t kMinArenaBytes = 65'536;

int64_t Pick(int64_t wanted, int64_t usual, int64_t most) {
  return std::min(wanted == 0 ? usual : wanted, most);
}

// Fields that the request sets win over the scenario's, one by one.
v1::WorldSettings Merge(const v1::CreateWorldRequest& request) {
  v1::WorldSettings settings = request.scenario().world();
  settings.MergeFrom(request.settings());
  if (settings.protocol().empty() && request.scenario().protocols_size() == 1) {
    settings.set_protocol(request.scenario().protocols(0));
  }
  return settings;
}

absl::Status CheckLimits(const v1::WorldLimits& limits) {
  constexpr int64_t kMost = int64_t{1} << 50;
  const std::string field = "settings.limits.";
  RETURN_IF_ERROR(CheckRange(limits.max_mms(), 0, kMost, field + "max_mms"));
  RETURN_IF_ERROR(CheckRange(limits.max_vmas(), 0, kMost, field + "max_vmas"));
  RETURN_IF_ERROR(
      CheckRange(limits.max_tasks(), 0, kMost, field + "max_tasks"));
  RETURN_IF_ERROR(
      CheckRange(limits.max_notifiers(), 0, kMost, field + "max_notifiers"));
  RETURN_IF_ERROR(
      CheckRange(limits.max_events(), 0, kMost, field + "max_events"));
  RETURN_IF_ERROR(CheckRange(limits.max_queued_steps(), 0, kMost,
                             field + "max_queued_steps"));
  if (limits.max_arena_bytes() != 0) {
    RETURN_IF_ERROR(CheckRange(limits.max_arena_bytes(), kMinArenaBytes, kMost,
                               field + "max_arena_bytes"));
  }
  return absl::OkStatus();
}

absl::Status Unsupported(const std::string& field, const std::string& value) {
  return base::InvalidFieldError(
      field, "UNSUPPORTED_SETTING",
      "this server cannot simulate " + field + " " + value, {{"value", value}});
}

// Enum values that a newer client may know and this server does not.
absl::Status CheckEnums(const v1::WorldSettings& settings) {
  if (!v1::DriveMode_IsValid(settings.drive_mode())) {
    return Unsupported("settings.drive_mode",
                       std::to_string(settings.drive_mode()));
  }
  if (!v1::RmapLock_IsValid(settings.rmap_lock())) {
    return Unsupported("settings.rmap_lock",
                       std::to_string(settings.rmap_lock()));
  }
  if (!v1::MemoryOrder_IsValid(settings.memory_order())) {
    return Unsupported("settings.memory_order",
                       std::to_string(settings.memory_order()));
  }
  if (!v1::KaddrOrder_IsValid(settings.kaddr_order())) {
    return Unsupported("settings.kaddr_order",
                       std::to_string(settings.kaddr_order()));
  }
  if (!v1::LostClientPolicy_IsValid(settings.lost_client_policy())) {
    return Unsupported("settings.lost_client_policy",
                       std::to_string(settings.lost_client_policy()));
  }
  return absl::OkStatus();
}

// What an unset field means, so that GetWorld says what is in force.
absl::Status FillDefaults(v1::WorldSettings* settings) {
  RETURN_IF_ERROR(CheckEnums(*settings));
  RETURN_IF_ERROR(CheckRange(settings->step_budget(), 0, kMaxStepBudget,
                             "settings.step_budget"));
  if (settings->step_budget() == 0) {
    settings->set_step_budget(kDefaultStepBudget);
  }
  const auto& wanted = settings->ack_deadline();
  if (wanted.seconds() == 0 && wanted.nanos() == 0) {
    settings->mutable_ack_deadline()->set_seconds(10);
  }
  RETURN_IF_ERROR(WallTime(settings->ack_deadline(),
                           std::chrono::milliseconds(1), std::chrono::hours(1),
                           "settings.ack_deadline")
                      .status());
  if (settings->drive_mode() == v1::DRIVE_MODE_UNSPECIFIED) {
    settings->set_drive_mode(v1::DRIVE_MODE_FREE_RUNNING);
  }
  if (settings->rmap_lock() == v1::RMAP_LOCK_UNSPECIFIED) {
    settings->set_rmap_lock(v1::RMAP_LOCK_SPIN);
  }
  if (settings->memory_order() == v1::MEMORY_ORDER_UNSPECIFIED) {
    settings->set_memory_order(v1::MEMORY_ORDER_SC);
  }
  if (settings->kaddr_order() == v1::KADDR_ORDER_UNSPECIFIED) {
    settings->set_kaddr_order(v1::KADDR_ORDER_VMA_ORDER);
  }
  if (settings->lost_client_policy() == v1::LOST_CLIENT_POLICY_UNSPECIFIED) {
    settings->set_lost_client_policy(v1::LOST_CLIENT_POLICY_FREE);
  }
  return absl::OkStatus();
}

}  // namespace

WorldTable::WorldTable(const Limits& limits, Executor* executor)
    : limits_(limits), executor_(executor) {}

// Worlds do not keep each other alive, but their clients' streams keep them.
WorldTable::~WorldTable() {
  for (const auto& world : All()) {
    world->Delete();
  }
}

v1::WorldLimits WorldTable::Bounded(const v1::WorldLimits& wanted) const {
  v1::WorldLimits out;
  out.set_max_mms(Pick(wanted.max_mms(), limits_.max_mms_per_world,
                       limits_.max_mms_per_world));
  out.set_max_vmas(Pick(wanted.max_vmas(), limits_.max_vmas_per_mm,
                        limits_.max_vmas_per_mm));
  out.set_max_tasks(Pick(wanted.max_tasks(), limits_.max_tasks_per_world,
                         limits_.max_tasks_per_world));
  out.set_max_notifiers(Pick(wanted.max_notifiers(),
                             limits_.max_notifiers_per_world,
                             limits_.max_notifiers_per_world));
  out.set_max_events(
      Pick(wanted.max_events(),
           std::min(kDefaultEvents, limits_.max_events_per_world),
           limits_.max_events_per_world));
  out.set_max_queued_steps(Pick(wanted.max_queued_steps(),
                                limits_.max_queued_steps_per_task,
                                limits_.max_queued_steps_per_task));
  out.set_max_arena_bytes(Pick(wanted.max_arena_bytes(),
                               limits_.max_arena_bytes_per_world,
                               limits_.max_arena_bytes_per_world));
  return out;
}

uint64_t WorldTable::DrawSeed() {
  static const uint64_t entropy = [] {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
  }();
  const std::lock_guard<std::mutex> lock(mutex_);
  // Small numbers are easier to type, and 2^31 of them are enough.
  return base::Mix64(entropy + ++seeds_drawn_) >> 33 | 1;
}

absl::StatusOr<WorldPlan> WorldTable::MakePlan(
    const v1::CreateWorldRequest& request) {
  WorldPlan plan;
  plan.settings = Merge(request);
  if (plan.settings.protocol().empty()) {
    return base::InvalidFieldError("settings.protocol", "FIELD_MISSING",
                                   "say which protocol the world follows; "
                                   "ListProtocols has them");
  }
  plan.protocol = notifier::FindProtocol(plan.settings.protocol());
  if (plan.protocol == nullptr) {
    const std::string_view near =
        notifier::NearestProtocolId(plan.settings.protocol());
    std::string message =
        "there is no protocol \"" + plan.settings.protocol() + "\"";
    if (!near.empty()) {
      message += "; did you mean \"" + std::string(near) + "\"?";
    }
    return base::MissingResourceError("protocols/" + plan.settings.protocol(),
                                      "PROTOCOL_NOT_FOUND", message,
                                      {{"name", plan.settings.protocol()}});
  }
  RETURN_IF_ERROR(FillDefaults(&plan.settings));
  RETURN_IF_ERROR(CheckLimits(plan.settings.limits()));
  *plan.settings.mutable_limits() = Bounded(plan.settings.limits());
  RETURN_IF_ERROR(scenario::CheckMutants(request.scenario()));
  plan.scenario = request.scenario();
  if (plan.settings.seed() == 0) {
    plan.settings.set_seed(static_cast<int64_t>(DrawSeed()));
  }
  plan.max_clients = limits_.max_clients_per_world;
  plan.levers = levers_;
  plan.may_crash = limits_.allow_crash;
  return plan;
}

// Takes the id, so that two calls do not set up the same world.
absl::StatusOr<std::string> WorldTable::Reserve(const std::string& wanted) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (draining_) {
    return base::MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                           "the server is shutting down");
  }
  std::string id = wanted;
  while (id.empty() || (wanted.empty() && worlds_.contains(id))) {
    id = "world-" + std::to_string(++chosen_);
  }
  if (worlds_.contains(id)) {
    return AlreadyExists("world", "WORLD_EXISTS", "worlds/" + id);
  }
  RETURN_IF_ERROR(CheckQuota("server", "max_worlds", limits_.max_worlds,
                             static_cast<int64_t>(worlds_.size()) + 1));
  worlds_[id] = nullptr;
  return id;
}

absl::StatusOr<std::shared_ptr<HostedWorld>> WorldTable::Create(
    const v1::CreateWorldRequest& request) {
  if (!request.world_id().empty()) {
    RETURN_IF_ERROR(CheckId(request.world_id(), "world_id"));
  }
  ASSIGN_OR_RETURN(WorldPlan plan, MakePlan(request));
  ASSIGN_OR_RETURN(const std::string id, Reserve(request.world_id()));
  plan.id = id;
  absl::StatusOr<std::shared_ptr<HostedWorld>> world =
      HostedWorld::Create(std::move(plan), executor_);
  const std::lock_guard<std::mutex> lock(mutex_);
  // Whoever pulls the lever from here on finds the world in the table.
  if (world.ok() && (*world)->arms_rules()) {
    const absl::Status may_arm = levers_->Check("");
    if (!may_arm.ok()) {
      world = may_arm;
    }
  }
  if (world.ok()) {
    worlds_[id] = *world;
  } else {
    worlds_.erase(id);
  }
  return world;
}

absl::StatusOr<std::shared_ptr<HostedWorld>> WorldTable::Find(
    const std::string& id) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = worlds_.find(id);
  if (it == worlds_.end() || it->second == nullptr) {
    return NotFound("world", "WORLD_NOT_FOUND", "worlds/" + id);
  }
  return it->second;
}

std::shared_ptr<HostedWorld> WorldTable::FindNamed(
    std::string_view name) const {
  constexpr std::string_view kCollection = "worlds/";
  if (!name.starts_with(kCollection)) {
    return nullptr;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = worlds_.find(name.substr(kCollection.size()));
  return it == worlds_.end() ? nullptr : it->second;
}

absl::Status WorldTable::Delete(const std::string& id) {
  std::shared_ptr<HostedWorld> world;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = worlds_.find(id);
    if (it == worlds_.end() || it->second == nullptr) {
      return NotFound("world", "WORLD_NOT_FOUND", "worlds/" + id);
    }
    world = std::move(it->second);
    worlds_.erase(it);
  }
  world->Delete();
  return absl::OkStatus();
}

std::vector<std::shared_ptr<HostedWorld>> WorldTable::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<HostedWorld>> worlds;
  for (const auto& [id, world] : worlds_) {
    if (world != nullptr) {
      worlds.push_back(world);
    }
  }
  return worlds;
}

void WorldTable::Drain() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
  }
  for (const auto& world : All()) {
    world->Drain();
  }
}

}  // namespace mmfault::host
