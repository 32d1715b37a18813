// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/world_service.h"

#include <string>
#include <vector>

#include "server/api/event_stream.h"
#include "server/api/on_world.h"
#include "server/api/paging.h"
#include "server/api/pending_call.h"
#include "server/api/protocol_info.h"
#include "server/api/world_lookup.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/notifier/protocols.h"

namespace mmfault::api {
namespace {

using host::HostedWorld;

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                 const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// Positions as keys that sort as text.
std::string Key(int64_t index) {
  std::string digits = std::to_string(index);
  return std::string(20 - digits.size(), '0') + digits;
}

absl::Status List(HostedWorld& world, const v1::ListViolationsRequest& request,
                  v1::ListViolationsResponse* response) {
  if (!request.checker().empty() &&
      !trace::CheckerByName(request.checker()).has_value()) {
    return base::InvalidFieldError(
        "checker", "CHECKER_UNKNOWN",
        "there is no checker \"" + request.checker() + "\"",
        {{"checker", request.checker()}});
  }
  std::vector<const v1::Violation*> chosen;
  std::vector<std::string> keys;
  for (const v1::Violation& violation : world.violations()) {
    if (request.checker().empty() || violation.checker() == request.checker()) {
      chosen.push_back(&violation);
      keys.push_back(Key(violation.index()));
    }
  }
  ASSIGN_OR_RETURN(
      *response->mutable_next_page_token(),
      Page(keys, request.page_size(), request.page_token(),
           "ListViolations " + request.parent() + " " + request.checker() +
               " " + std::to_string(world.generation()),
           [&](size_t i) { *response->add_violations() = *chosen[i]; }));
  return absl::OkStatus();
}

}  // namespace

absl::Status WorldService::Create(const v1::CreateWorldRequest& request,
                                  v1::CreateWorldResponse* response) {
  ASSIGN_OR_RETURN(
      const bool repeated,
      worlds_->requests().Find(request.request_id(), request, response));
  if (repeated) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto world, worlds_->Create(request));
  // Nobody else knows the world yet: this is the first message.
  world->Post([&world, response](const absl::Status& alive) {
    if (alive.ok()) {
      *response->mutable_world() = world->View();
    }
  });
  worlds_->requests().Keep(request.request_id(), request, *response);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* WorldService::CreateWorld(
    grpc::CallbackServerContext* context, const v1::CreateWorldRequest* request,
    v1::CreateWorldResponse* response) {
  if (!request->has_scenario()) {
    return Finish(context, Create(*request, response));
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  worlds_->executor()->Run([this, reactor, request, response] {
    reactor->Finish(ToGrpcStatus(Create(*request, response)));
  });
  return reactor;
}

grpc::ServerUnaryReactor* WorldService::GetWorld(
    grpc::CallbackServerContext* context, const v1::GetWorldRequest* request,
    v1::GetWorldResponse* response) {
  return OnWorld(context, FindWorld(*worlds_, request->name(), "name"),
                 [response](HostedWorld& world) {
                   *response->mutable_world() = world.View();
                   return absl::OkStatus();
                 });
}

// Each world answers for itself, one after the other, so that no thread waits.
class ListWorldsCall : public std::enable_shared_from_this<ListWorldsCall> {
 public:
  ListWorldsCall(std::vector<std::shared_ptr<HostedWorld>> worlds,
                 v1::ListWorldsResponse* response,
                 grpc::ServerUnaryReactor* reactor)
      : worlds_(std::move(worlds)), response_(response), reactor_(reactor) {}

  void Next() {
    if (index_ == worlds_.size()) {
      reactor_->Finish(grpc::Status::OK);
      return;
    }
    const std::shared_ptr<HostedWorld> world = worlds_[index_++];
    world->Post([self = shared_from_this(), world](const absl::Status& alive) {
      if (alive.ok()) {
        *self->response_->add_worlds() = world->View();
      }
      self->Next();
    });
  }

 private:
  const std::vector<std::shared_ptr<HostedWorld>> worlds_;
  v1::ListWorldsResponse* const response_;
  grpc::ServerUnaryReactor* const reactor_;
  size_t index_ = 0;
};

grpc::ServerUnaryReactor* WorldService::ListWorlds(
    grpc::CallbackServerContext* context, const v1::ListWorldsRequest* request,
    v1::ListWorldsResponse* response) {
  const auto all = worlds_->All();
  const std::vector<std::string> ids =
      KeysOf(all, [](const auto& world) { return world->id(); });
  std::vector<std::shared_ptr<HostedWorld>> page;
  const absl::StatusOr<std::string> next =
      Page(ids, request->page_size(), request->page_token(), "ListWorlds",
           [&](size_t i) { page.push_back(all[i]); });
  if (!next.ok()) {
    return Finish(context, next.status());
  }
  response->set_next_page_token(*next);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  std::make_shared<ListWorldsCall>(std::move(page), response, reactor)->Next();
  return reactor;
}

absl::Status WorldService::Delete(const v1::DeleteWorldRequest& request,
                                  v1::DeleteWorldResponse* response) {
  ASSIGN_OR_RETURN(const auto ids,
                   host::ParseName(request.name(), {"worlds"}, "name"));
  ASSIGN_OR_RETURN(
      const bool repeated,
      worlds_->requests().Find(request.request_id(), request, response));
  if (repeated) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(worlds_->Delete(ids[0]));
  worlds_->requests().Keep(request.request_id(), request, *response);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* WorldService::DeleteWorld(
    grpc::CallbackServerContext* context, const v1::DeleteWorldRequest* request,
    v1::DeleteWorldResponse* response) {
  return Finish(context, Delete(*request, response));
}

grpc::ServerUnaryReactor* WorldService::AdvanceWorld(
    grpc::CallbackServerContext* context,
    const v1::AdvanceWorldRequest* request,
    v1::AdvanceWorldResponse* response) {
  return OnWorldLater(
      context, FindWorld(*worlds_, request->name(), "name"), request, response,
      [](HostedWorld& world, const v1::AdvanceWorldRequest& advance,
         host::Done<v1::AdvanceWorldResponse> done) {
        world.Advance(advance, std::move(done));
      });
}

grpc::ServerUnaryReactor* WorldService::ResetWorld(
    grpc::CallbackServerContext* context, const v1::ResetWorldRequest* request,
    v1::ResetWorldResponse* response) {
  return OnWorldOnce(context, FindWorld(*worlds_, request->name(), "name"),
                     request, response,
                     [request, response](HostedWorld& world) -> absl::Status {
                       if (world.arms_rules()) {
                         RETURN_IF_ERROR(world.CheckLever(""));
                       }
                       RETURN_IF_ERROR(world.Reset(request->seed()));
                       *response->mutable_world() = world.View();
                       return absl::OkStatus();
                     });
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* WorldService::WatchEvents(
    grpc::CallbackServerContext* /*context*/,
    const v1::WatchEventsRequest* request) {
  return StartEventStream(FindWorld(*worlds_, request->name(), "name"),
                          *request);
}

grpc::ServerUnaryReactor* WorldService::ListViolations(
    grpc::CallbackServerContext* context,
    const v1::ListViolationsRequest* request,
    v1::ListViolationsResponse* response) {
  return OnWorld(context, FindWorld(*worlds_, request->parent(), "parent"),
                 [request, response](HostedWorld& world) {
                   return List(world, *request, response);
                 });
}

grpc::ServerUnaryReactor* WorldService::ListProtocols(
    grpc::CallbackServerContext* context,
    const v1::ListProtocolsRequest* request,
    v1::ListProtocolsResponse* response) {
  const auto all = notifier::AllProtocols();
  std::vector<std::string> keys;
  for (size_t i = 0; i < all.size(); ++i) {
    keys.push_back(Key(static_cast<int64_t>(i)));
  }
  const absl::StatusOr<std::string> next =
      Page(keys, request->page_size(), request->page_token(), "ListProtocols",
           [&](size_t i) { *response->add_protocols() = ToProto(*all[i]); });
  if (next.ok()) {
    response->set_next_page_token(*next);
  }
  return Finish(context, next.status());
}

grpc::ServerUnaryReactor* WorldService::GetProtocol(
    grpc::CallbackServerContext* context, const v1::GetProtocolRequest* request,
    v1::GetProtocolResponse* response) {
  const auto protocol = ProtocolNamed(request->name());
  if (protocol.ok()) {
    *response->mutable_protocol() = ToProto(**protocol);
  }
  return Finish(context, protocol.status());
}

}  // namespace mmfault::api
