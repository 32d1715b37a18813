// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/notifier_service.h"

#include <vector>

#include "server/api/attach_stream.h"
#include "server/api/on_world.h"
#include "server/api/paging.h"
#include "server/api/world_lookup.h"
#include "server/host/world_view.h"

namespace mmfault::api {
namespace {

using host::HostedWorld;

// Whether a notifier is of the mm that a name gives; `-` is any.
bool IsOf(HostedWorld& world, const device::device& dev,
          const std::string& mm) {
  return mm == "-" || host::MmId(world, dev.mn.mm) == mm;
}

absl::Status Get(HostedWorld& world, const std::string& mm,
                 const std::string& id, const std::string& name,
                 v1::GetNotifierResponse* response) {
  const device::device* dev = world.machine().FindDevice(id);
  if (dev == nullptr || !IsOf(world, *dev, mm)) {
    return host::NotFound("notifier", "NOTIFIER_NOT_FOUND", name);
  }
  *response->mutable_notifier() = host::ViewNotifier(world, id, *dev);
  return absl::OkStatus();
}

absl::Status List(HostedWorld& world, const std::string& mm,
                  const v1::ListNotifiersRequest& request,
                  v1::ListNotifiersResponse* response) {
  if (mm != "-" && world.machine().FindMm(mm) == nullptr) {
    return host::NotFound("mm", "MM_NOT_FOUND", world.name() + "/mms/" + mm);
  }
  std::vector<std::string> ids;
  for (const auto& [id, dev] : world.machine().devices()) {
    if (IsOf(world, *dev, mm)) {
      ids.push_back(id);
    }
  }
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(ids, request.page_size(), request.page_token(),
                        "ListNotifiers " + request.parent(), [&](size_t i) {
                          *response->add_notifiers() = host::ViewNotifier(
                              world, ids[i],
                              *world.machine().FindDevice(ids[i]));
                        }));
  return absl::OkStatus();
}

// The world of a name with a wildcard, and the ids after it.
WorldOr FindBelow(const host::WorldTable& worlds, const std::string& name,
                  std::string_view field,
                  std::initializer_list<std::string_view> shape,
                  std::vector<std::string>* ids) {
  ASSIGN_OR_RETURN(*ids, host::ParseName(name, shape, field, true));
  return worlds.Find((*ids)[0]);
}

}  // namespace

grpc::ServerUnaryReactor* NotifierService::GetNotifier(
    grpc::CallbackServerContext* context, const v1::GetNotifierRequest* request,
    v1::GetNotifierResponse* response) {
  std::vector<std::string> ids;
  const WorldOr world = FindBelow(*worlds_, request->name(), "name",
                                  {"worlds", "mms", "notifiers"}, &ids);
  return OnWorld(context, world, [ids, request, response](HostedWorld& hosted) {
    return Get(hosted, ids[1], ids[2], request->name(), response);
  });
}

grpc::ServerUnaryReactor* NotifierService::ListNotifiers(
    grpc::CallbackServerContext* context,
    const v1::ListNotifiersRequest* request,
    v1::ListNotifiersResponse* response) {
  std::vector<std::string> ids;
  const WorldOr world =
      FindBelow(*worlds_, request->parent(), "parent", {"worlds", "mms"}, &ids);
  return OnWorld(context, world, [ids, request, response](HostedWorld& hosted) {
    return List(hosted, ids[1], *request, response);
  });
}

absl::StatusOr<std::shared_ptr<host::RemoteSession>>
NotifierService::FindSession(const std::string& parent) const {
  if (parent.starts_with("runs/") && find_run_ != nullptr) {
    return find_run_(parent);
  }
  ASSIGN_OR_RETURN(const auto world,
                   FindWorld(*worlds_, parent, "hello.parent"));
  return std::shared_ptr<host::RemoteSession>(world);
}

grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>*
NotifierService::Attach(grpc::CallbackServerContext* /*context*/) {
  return StartAttachStream(
      [this](const std::string& parent) { return FindSession(parent); },
      worlds_->executor());
}

}  // namespace mmfault::api
