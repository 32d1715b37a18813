// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Clients of a world: attaching, binding and calls.

#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/device/ops.h"
#include "server/host/callback_message.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"
#include "server/notifier/registration.h"

namespace mmfault::host {
namespace {

absl::StatusOr<uint32_t> Unimplemented(const v1::AttachRequest::Bind& bind) {
  uint32_t bits = 0;
  for (const int event : bind.unimplemented()) {
    // One that this server never sends is not missed.
    bits |= scenario::MethodBit(static_cast<v1::CallbackEvent>(event));
  }
  return bits;
}

const char* DepartureText(Departure departure) {
  switch (departure) {
    case Departure::kLeft:
      return "detached";
    case Departure::kLost:
      return "lost: its stream broke";
    case Departure::kLeaseExpired:
      return "lost: its lease expired";
    case Departure::kTooSlow:
      return "lost: it did not read what it was sent";
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> HostedWorld::Open(
    const v1::AttachRequest::Hello& hello,
    std::shared_ptr<ClientStream> stream) {
  ASSIGN_OR_RETURN(const ClientPtr client, Enter(hello, std::move(stream)));
  Post([this, client](const absl::Status& alive) {
    if (alive.ok()) {
      NoteClient(*client, "attached");
    }
  });
  return client->id;
}

void HostedWorld::NoteClient(const Client& client, std::string detail) {
  events_.PushClient(step(), world().state().time_ns,
                     {client.id, std::move(detail)});
}

absl::StatusOr<HostedWorld::ClientPtr> HostedWorld::Enter(
    const v1::AttachRequest::Hello& hello,
    std::shared_ptr<ClientStream> stream) {
  if (!hello.client().empty()) {
    RETURN_IF_ERROR(CheckId(hello.client(), "hello.client"));
  }
  const std::lock_guard<std::mutex> lock(clients_mutex_);
  if (ended_) {
    return NotFound("world", "WORLD_NOT_FOUND", name());
  }
  RETURN_IF_ERROR(CheckQuota(name(), "max_streams", plan_.max_clients,
                             static_cast<int64_t>(clients_.size()) + 1));
  const std::string number = std::to_string(streams_ever_ + 1);
  auto client = std::make_shared<Client>();
  client->id = hello.client().empty() ? "client-" + number : hello.client();
  if (clients_.contains(client->id)) {
    return base::MakeError(absl::StatusCode::kAlreadyExists, "CLIENT_EXISTS",
                           "a client \"" + client->id + "\" is attached",
                           {{"client", client->id}});
  }
  ++streams_ever_;
  client->task = "attach-" + number;
  client->detach_task = "detach-" + number;
  client->number = static_cast<uint32_t>(streams_ever_);
  client->want_violations = hello.want_violations();
  client->stream = std::move(stream);
  clients_[client->id] = client;
  client_order_.push_back(client->id);
  v1::AttachResponse message;
  v1::AttachResponse::Welcome* welcome = message.mutable_welcome();
  welcome->set_parent(name());
  welcome->set_client(client->id);
  *welcome->mutable_settings() = shown_settings_;
  welcome->set_step(static_cast<int64_t>(shown_step_.load()));
  welcome->set_generation(generation_);
  welcome->set_task(client->task);
  client->stream->Send(std::move(message));
  return client;
}

HostedWorld::ClientPtr HostedWorld::FindClient(const std::string& id) const {
  const std::lock_guard<std::mutex> lock(clients_mutex_);
  const auto it = clients_.find(id);
  return it == clients_.end() ? nullptr : it->second;
}

std::vector<HostedWorld::ClientPtr> HostedWorld::Clients() const {
  const std::lock_guard<std::mutex> lock(clients_mutex_);
  std::vector<ClientPtr> clients;
  clients.reserve(clients_.size());
  for (const auto& [id, client] : clients_) {
    clients.push_back(client);
  }
  return clients;
}

void HostedWorld::Broadcast(const v1::AttachResponse& message) {
  for (const ClientPtr& client : Clients()) {
    client->stream->Send(message);
  }
}

void HostedWorld::EndClients(v1::AttachResponse::Goodbye::Cause cause,
                             const absl::Status& status) {
  v1::AttachResponse message;
  message.mutable_goodbye()->set_cause(cause);
  for (const ClientPtr& client : Clients()) {
    client->stream->Send(message);
    client->stream->End(status);
  }
}

void HostedWorld::Handle(const std::string& id,
                         const v1::AttachRequest& request) {
  ClientPtr client = FindClient(id);
  if (client == nullptr) {
    return;
  }
  switch (request.message_case()) {
    case v1::AttachRequest::kAck: {
      const v1::AttachRequest::Ack& ack = request.ack();
      device::CallbackAnswer answer;
      answer.rc = ack.rc();
      answer.slept = ack.slept();
      answer.dropped_range = ack.dropped_range();
      std::vector<v1::AddressRange> dropped(ack.dropped().begin(),
                                            ack.dropped().end());
      Post([this, client, number = ack.callback_number(), answer,
            dropped = std::move(dropped)](const absl::Status& alive) {
        if (alive.ok()) {
          HandleAck(client, number, answer, dropped);
        }
      });
      break;
    }
    case v1::AttachRequest::kBind:
      Post([this, client, bind = request.bind()](const absl::Status& alive) {
        if (alive.ok() && !client->gone) {
          HandleBind(client, bind);
        }
      });
      break;
    case v1::AttachRequest::kCall:
      Post([this, client, call = request.call()](const absl::Status& alive) {
        if (alive.ok() && !client->gone) {
          HandleCall(client, call);
        }
      });
      break;
    default:
      break;
  }
}

void HostedWorld::Close(const std::string& id, Departure departure) {
  ClientPtr client = FindClient(id);
  if (client == nullptr) {
    return;
  }
  Post([this, client, departure](const absl::Status& alive) {
    {
      const std::lock_guard<std::mutex> lock(clients_mutex_);
      clients_.erase(client->id);
      std::erase(client_order_, client->id);
    }
    if (alive.ok() && !client->gone) {
      NoteClient(*client, DepartureText(departure));
      Lose(client);
    }
  });
}

void HostedWorld::Refuse(const Client& client, int64_t tag,
                         const absl::Status& status) {
  const base::ErrorFacts facts = base::FactsOf(status);
  v1::AttachResponse message;
  v1::AttachResponse::Error* error = message.mutable_error();
  error->set_tag(tag);
  error->set_code(static_cast<int32_t>(status.code()));
  error->set_reason(facts.reason);
  const absl::string_view text = status.message();
  error->set_message(std::string(text));
  for (const auto& [key, value] : facts.metadata) {
    (*error->mutable_metadata())[key] = value;
  }
  client.stream->Send(std::move(message));
}

// --- Bind --------------------------------------------------------------------

void HostedWorld::HandleBind(const ClientPtr& client,
                             const v1::AttachRequest::Bind& bind) {
  const absl::Status status = Bind(client, bind);
  if (!status.ok()) {
    Refuse(*client, bind.tag(), status);
    return;
  }
  if (bind.tag() == 0) {
    return;
  }
  v1::AttachResponse message;
  message.mutable_bound()->set_tag(bind.tag());
  message.mutable_bound()->set_name(name() + "/mms/" +
                                    (bind.mm().empty() ? "-" : bind.mm()) +
                                    "/notifiers/" + bind.notifier());
  client->stream->Send(std::move(message));
}

absl::Status HostedWorld::Bind(const ClientPtr& client,
                               const v1::AttachRequest::Bind& bind) {
  RETURN_IF_ERROR(CheckId(bind.notifier(), "bind.notifier"));
  const auto kind =
      scenario::CompileKind(*plan_.protocol, bind.kind(), "bind.kind");
  if (!kind.ok()) {
    return base::WrongStateError(
        name(), "UNSUPPORTED_BY_PROTOCOL",
        "protocol " + std::string(plan_.protocol->id) +
            " has no notifiers of that kind",
        {{"protocol", std::string(plan_.protocol->id)},
         {"operation", v1::Notifier::Kind_Name(bind.kind())}});
  }
  if (!bind.mm().empty() && machine_->FindMm(bind.mm()) == nullptr) {
    return NotFound("mm", "MM_NOT_FOUND", name() + "/mms/" + bind.mm());
  }
  ASSIGN_OR_RETURN(const uint32_t unimplemented, Unimplemented(bind));
  device::device* dev = machine_->FindDevice(bind.notifier());
  if (dev != nullptr) {
    const Binding& known = bindings_[dev];
    if (known.client != nullptr && known.client != client &&
        !known.client->gone) {
      return base::WrongStateError(
          name(), "NOTIFIER_BOUND_ELSEWHERE",
          "callbacks of \"" + bind.notifier() + "\" go to client \"" +
              known.client->id + "\"",
          {{"notifier", bind.notifier()}, {"client", known.client->id}});
    }
    if (device::IsRegistered(dev)) {
      return base::WrongStateError(
          name(), "ALREADY_REGISTERED",
          "notifier \"" + bind.notifier() + "\" is registered",
          {{"notifier", bind.notifier()},
           {"mm", machine_->NameOf(dev->mn.mm->object.id)}});
    }
  }
  if (dev == nullptr || dev->mn.object.freed()) {
    RETURN_IF_ERROR(
        CheckQuota(name(), "max_notifiers", bounds_.max_notifiers,
                   static_cast<int64_t>(machine_->devices().size()) + 1));
    device::Behaviour behaviour;
    behaviour.unimplemented = unimplemented;
    dev = machine_->CreateDevice(bind.notifier(), behaviour, true, *kind);
  } else {
    const sched::World::Scope scope(&world());
    device::SetKind(dev, *kind);
    device::SetRemote(dev, true, unimplemented);
  }
  Binding& binding = bindings_[dev];
  binding.notifier = bind.notifier();
  binding.client = client;
  binding.kind = *kind;
  binding.behaviour.unimplemented = unimplemented;
  binding.detaching = false;
  return absl::OkStatus();
}

// After a reset.
void HostedWorld::BindAgain(const Binding& binding) {
  device::device* dev = machine_->FindDevice(binding.notifier);
  if (dev == nullptr) {
    dev = machine_->CreateDevice(binding.notifier, binding.behaviour, true,
                                 binding.kind);
  } else {
    const sched::World::Scope scope(&world());
    device::SetRemote(dev, true, binding.behaviour.unimplemented);
  }
  bindings_[dev] = binding;
}

std::string HostedWorld::ClientOf(const device::device* dev) const {
  const auto it = bindings_.find(dev);
  return it == bindings_.end() || it->second.client == nullptr
             ? ""
             : it->second.client->id;
}

// --- Calls -------------------------------------------------------------------

bool HostedWorld::HasOutstanding(const ClientPtr& client) const {
  return std::any_of(
      outstanding_.begin(), outstanding_.end(), [&client](const auto& entry) {
        return entry.second.client == client && !entry.second.answered;
      });
}

void HostedWorld::HandleCall(const ClientPtr& client,
                             const v1::AttachRequest::Call& call) {
  if (lockstep_ && advancing_ != nullptr && !StandsStill()) {
    // The world is on its way: when the call got here says nothing. It runs at
    // the next standstill.
    deferred_calls_.emplace_back([this, client, call] {
      if (!client->gone) {
        HandleCall(client, call);
      }
    });
    return;
  }
  if (call.tag() <= 0) {
    Refuse(*client, 0,
           base::InvalidFieldError("call.tag", "FIELD_OUT_OF_RANGE",
                                   "a tag is above 0"));
    return;
  }
  const absl::Status status = StartCall(client, call);
  if (!status.ok()) {
    Refuse(*client, call.tag(), status);
  }
}

absl::Status HostedWorld::StartCall(const ClientPtr& client,
                                    const v1::AttachRequest::Call& call) {
  if (!call.has_step()) {
    return base::InvalidFieldError("call.step", "FIELD_MISSING",
                                   "say what to do");
  }
  v1::AttachResponse before;
  ASSIGN_OR_RETURN(const bool repeated,
                   requests_.Find(call.request_id(), call, &before));
  if (repeated) {
    before.mutable_result()->set_tag(call.tag());
    client->stream->Send(std::move(before));
    return absl::OkStatus();
  }
  const std::string& id = call.task().empty() ? client->task : call.task();
  const bool is_new = machine_->FindTask(id) == nullptr;
  ASSIGN_OR_RETURN(scenario::Program * program, StandingTask(id, false));
  if (is_new) {
    client->tasks.push_back(id);
    const sched::World::Scope scope(&world());
    program->task->client = client->number;
  }
  RETURN_IF_ERROR(
      StartStep(program, call.step(), "call.step", 0,
                [this, client, call](const absl::Status& status,
                                     const scenario::StepOutcome* outcome) {
                  SendResult(client, call, status, outcome);
                })
          .status());
  if (!lockstep_) {
    AllowSteps(0);
  } else if (HasOutstanding(client)) {
    RunAtOnce(program);
  }
  return absl::OkStatus();
}

void HostedWorld::SendResult(const ClientPtr& client,
                             const v1::AttachRequest::Call& call,
                             const absl::Status& status,
                             const scenario::StepOutcome* outcome) {
  if (!status.ok()) {
    Refuse(*client, call.tag(), status);
    return;
  }
  v1::AttachResponse message;
  message.mutable_result()->set_tag(call.tag());
  if (outcome != nullptr) {
    *message.mutable_result()->mutable_result() = scenario::ToProto(*outcome);
  } else {
    message.mutable_result()->mutable_result()->set_died(true);
  }
  requests_.Keep(call.request_id(), call, message);
  client->stream->Send(std::move(message));
}

}  // namespace mmfault::host
