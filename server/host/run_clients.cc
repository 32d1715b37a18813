// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/run_clients.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/device/ops.h"
#include "server/device/remote.h"
#include "server/device/sptes.h"
#include "server/host/callback_message.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"
#include "server/scenario/compile.h"

namespace mmfault::host {
namespace {

// What the run's worlds are made with, as far as one answer can say: that of
// its first scenario.
v1::WorldSettings SettingsOf(const RunPlan& plan) {
  v1::WorldSettings settings;
  if (!plan.cases.empty()) {
    settings = plan.cases.front().scenario->world();
    settings.set_seed(static_cast<int64_t>(plan.cases.front().seed));
    settings.set_protocol(std::string(plan.cases.front().protocol->id));
  }
  settings.set_drive_mode(v1::DRIVE_MODE_LOCKSTEP);
  *settings.mutable_ack_deadline() = ToProto(plan.ack_deadline);
  return settings;
}

// A refusal, as a message on the stream.
v1::AttachResponse Refusal(int64_t tag, const absl::Status& status) {
  v1::AttachResponse response;
  v1::AttachResponse::Error& error = *response.mutable_error();
  const base::ErrorFacts facts = base::FactsOf(status);
  error.set_tag(tag);
  error.set_code(static_cast<int32_t>(status.code()));
  error.set_reason(facts.reason);
  error.set_message(std::string(status.message()));
  for (const auto& [key, value] : facts.metadata) {
    (*error.mutable_metadata())[key] = value;
  }
  return response;
}

}  // namespace

RunClients::RunClients(std::string run, const RunPlan& plan,
                       std::function<void()> on_ready)
    : run_(std::move(run)),
      mms_(plan.mms),
      settings_(SettingsOf(plan)),
      ack_deadline_(plan.ack_deadline),
      on_ready_(std::move(on_ready)) {
  for (const WantedNotifier& wanted : plan.wanted) {
    bindings_[wanted.id].must = wanted.client;
  }
}

// --- From the stream ---------------------------------------------------------

absl::StatusOr<std::string> RunClients::Open(
    const v1::AttachRequest::Hello& hello,
    std::shared_ptr<ClientStream> stream) {
  if (!hello.client().empty()) {
    RETURN_IF_ERROR(CheckId(hello.client(), "hello.client"));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (over_ || bindings_.empty()) {
    return base::WrongStateError(
        run_, "RUN_WRONG_STATE",
        over_ ? "the run is over" : "nothing in the run is remote",
        {{"run", run_}, {"state", over_ ? "over" : "not remote"}});
  }
  if (clients_.count(hello.client()) != 0) {
    return AlreadyExists("client", "CLIENT_EXISTS", hello.client());
  }
  std::string id = hello.client().empty() ? ChooseId() : hello.client();
  clients_[id] = {std::move(stream), hello.want_violations()};
  Welcome(hello, id);
  return id;
}

std::string RunClients::ChooseId() {
  std::string id;
  do {
    id = "client-" + std::to_string(next_client_++);
  } while (clients_.count(id) != 0);
  return id;
}

void RunClients::Welcome(const v1::AttachRequest::Hello& hello,
                         const std::string& id) {
  v1::AttachResponse response;
  v1::AttachResponse::Welcome& welcome = *response.mutable_welcome();
  welcome.set_parent(hello.parent());
  welcome.set_client(id);
  *welcome.mutable_settings() = settings_;
  welcome.set_generation(generation_);
  for (const auto& [notifier, binding] : bindings_) {
    if (binding.client.empty() &&
        (binding.must.empty() || binding.must == id)) {
      welcome.add_wanted_notifiers(notifier);
    }
  }
  clients_[id].stream->Send(std::move(response));
}

void RunClients::Handle(const std::string& client,
                        const v1::AttachRequest& request) {
  bool ready = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = clients_.find(client);
    if (it == clients_.end()) {
      return;
    }
    ClientStream& stream = *it->second.stream;
    absl::Status status;
    int64_t tag = 0;
    if (request.has_bind()) {
      tag = request.bind().tag();
      const bool was_bound = AllBound();
      status = Bind(client, request.bind());
      ready = !was_bound && AllBound();
    } else if (request.has_call()) {
      tag = request.call().tag();
      status = base::WrongStateError(
          run_, "WORLD_OWNED_BY_RUN",
          "in a run only the scenario's steps run; put it there",
          {{"run", run_}});
    } else if (request.has_ack()) {
      status = Acknowledge(client, request.ack());
    }
    if (!status.ok()) {
      stream.Send(Refusal(tag, status));
    }
  }
  if (ready) {
    on_ready_();
  }
}

void RunClients::Close(const std::string& client, Departure /*departure*/) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (clients_.erase(client) == 0) {
    return;
  }
  bool had_some = false;
  for (auto& [notifier, binding] : bindings_) {
    if (binding.client == client) {
      binding.client.clear();
      had_some = true;
    }
  }
  if (executing_ && had_some && lost_.empty()) {
    lost_ = client;
    changed_.notify_all();
  }
}

absl::Status RunClients::CheckBind(const std::string& client,
                                   const v1::AttachRequest::Bind& bind) const {
  RETURN_IF_ERROR(CheckId(bind.notifier(), "bind.notifier"));
  const auto it = bindings_.find(bind.notifier());
  if (it == bindings_.end()) {
    return NotFound("remote notifier in this run", "NOTIFIER_NOT_FOUND",
                    bind.notifier());
  }
  if (!bind.mm().empty() &&
      !std::binary_search(mms_.begin(), mms_.end(), bind.mm())) {
    return NotFound("mm in this run", "MM_NOT_FOUND", bind.mm());
  }
  // The kind is what each scenario of the run says it is.
  const Binding& binding = it->second;
  const bool taken = !binding.client.empty() && binding.client != client;
  if (taken || (!binding.must.empty() && binding.must != client)) {
    const std::string& owner = taken ? binding.client : binding.must;
    return base::WrongStateError(
        run_, "NOTIFIER_BOUND_ELSEWHERE",
        "notifier \"" + bind.notifier() + "\" belongs to client \"" + owner +
            "\"",
        {{"notifier", bind.notifier()}, {"client", owner}});
  }
  if (executing_) {
    return base::WrongStateError(
        run_, "ALREADY_REGISTERED",
        "the run executes; binding anew would change who answers midway",
        {{"notifier", bind.notifier()}, {"mm", bind.mm()}});
  }
  return absl::OkStatus();
}

absl::Status RunClients::Bind(const std::string& client,
                              const v1::AttachRequest::Bind& bind) {
  RETURN_IF_ERROR(CheckBind(client, bind));
  Binding& binding = bindings_[bind.notifier()];
  binding.client = client;
  binding.unimplemented = 0;
  for (const int event : bind.unimplemented()) {
    binding.unimplemented |=
        scenario::MethodBit(static_cast<v1::CallbackEvent>(event));
  }
  if (bind.tag() != 0) {
    v1::AttachResponse response;
    response.mutable_bound()->set_tag(bind.tag());
    response.mutable_bound()->set_name(run_ + "/mms/-/notifiers/" +
                                       bind.notifier());
    clients_[client].stream->Send(std::move(response));
  }
  return absl::OkStatus();
}

absl::Status RunClients::Acknowledge(const std::string& client,
                                     const v1::AttachRequest::Ack& ack) {
  const auto it = outstanding_.find(ack.callback_number() - base_);
  if (it == outstanding_.end() || it->second.acked ||
      it->second.client != client) {
    const std::string number = std::to_string(ack.callback_number());
    return base::WrongStateError(
        run_, "CALLBACK_NOT_OUTSTANDING",
        "no callback " + number + " waits for this client",
        {{"callback_number", number}});
  }
  for (const v1::AddressRange& range : ack.dropped()) {
    if (range.start() >= range.end()) {
      return base::InvalidFieldError("ack.dropped", "RANGE_MALFORMED",
                                     "a range is [start, end), and not empty",
                                     {{"start", std::to_string(range.start())},
                                      {"end", std::to_string(range.end())}});
    }
  }
  it->second.acked = true;
  it->second.ack = ack;
  changed_.notify_all();
  return absl::OkStatus();
}

// --- From the run ------------------------------------------------------------

bool RunClients::AllBound() const {
  return std::all_of(bindings_.begin(), bindings_.end(), [](const auto& entry) {
    return !entry.second.client.empty();
  });
}

std::vector<std::string> RunClients::Wanted() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> wanted;
  for (const auto& [notifier, binding] : bindings_) {
    if (binding.client.empty()) {
      wanted.push_back(notifier);
    }
  }
  return wanted;
}

bool RunClients::Begin() {
  const std::lock_guard<std::mutex> lock(mutex_);
  executing_ = AllBound();
  return executing_;
}

absl::Status RunClients::Failure() const {
  if (cancelled_) {
    return absl::CancelledError("the run was cancelled");
  }
  if (!lost_.empty()) {
    return base::MakeError(
        absl::StatusCode::kUnavailable, "CLIENT_LOST",
        "client \"" + lost_ + "\" left while the run executed",
        {{"client", lost_}});
  }
  return absl::OkStatus();
}

void RunClients::Disconnect(const std::string& notifier) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto binding = bindings_.find(notifier);
  if (binding == bindings_.end() ||
      !clients_.contains(binding->second.client)) {
    return;
  }
  lost_ = binding->second.client;
  clients_.at(lost_).stream->End(DisconnectedByFault(lost_));
}

absl::Status RunClients::Reset(scenario::Machine* machine, uint64_t seed,
                               const std::string& scenario,
                               const std::string& protocol) {
  const std::lock_guard<std::mutex> lock(mutex_);
  RETURN_IF_ERROR(Failure());
  for (const auto& [number, outstanding] : outstanding_) {
    SendGone(number, outstanding,
             v1::AttachResponse::CallbackGone::CAUSE_RESET);
  }
  outstanding_.clear();
  answers_.clear();
  base_ += sent_;
  sent_ = 0;
  generation_ += 1;
  v1::AttachResponse message;
  v1::AttachResponse::WorldReset& reset = *message.mutable_world_reset();
  reset.set_generation(generation_);
  reset.set_seed(static_cast<int64_t>(seed));
  reset.set_scenario(scenario);
  reset.set_protocol(protocol);
  for (const auto& [id, client] : clients_) {
    client.stream->Send(message);
  }
  sched::World::Scope scope(&machine->world());
  for (const auto& [id, dev] : machine->devices()) {
    const auto binding = bindings_.find(id);
    if (binding != bindings_.end() && dev->remote) {
      device::SetRemote(dev, true, binding->second.unimplemented);
    }
  }
  return absl::OkStatus();
}

void RunClients::SendNew(const scenario::Machine& machine,
                         const device::pending_callback* first) {
  for (const device::pending_callback* callback = first; callback != nullptr;
       callback = callback->next) {
    const auto number = static_cast<int64_t>(callback->number);
    if (callback->answered || number <= sent_) {
      continue;
    }
    v1::AttachResponse response;
    v1::AttachResponse::Callback* message = response.mutable_callback();
    message->set_callback_number(base_ + number);
    message->set_notifier(machine.NameOf(callback->dev->mn.object.id));
    FillCallback(machine, *callback, message);
    const Binding& binding = bindings_[message->notifier()];
    outstanding_[number] = {binding.client, Clock::now() + ack_deadline_, false,
                            v1::AttachRequest::Ack()};
    sent_ = number;
    const auto client = clients_.find(binding.client);
    if (client != clients_.end()) {
      client->second.stream->Send(std::move(response));
    }
  }
}

void RunClients::SendGone(int64_t number, const Outstanding& outstanding,
                          v1::AttachResponse::CallbackGone::Cause cause) {
  const auto client = clients_.find(outstanding.client);
  if (client == clients_.end()) {
    return;
  }
  v1::AttachResponse response;
  response.mutable_callback_gone()->set_callback_number(base_ + number);
  response.mutable_callback_gone()->set_cause(cause);
  client->second.stream->Send(std::move(response));
}

absl::Status RunClients::Answer(scenario::Machine* machine) {
  const device::pending_callback* first =
      device::FirstPending(&machine->world());
  CHECK(first != nullptr);
  std::unique_lock<std::mutex> lock(mutex_);
  SendNew(*machine, first);
  const auto number = static_cast<int64_t>(first->number);
  const auto it = outstanding_.find(number);
  CHECK(it != outstanding_.end());
  changed_.wait_until(lock, it->second.deadline,
                      [&] { return it->second.acked || !Failure().ok(); });
  RETURN_IF_ERROR(Failure());
  const Outstanding outstanding = it->second;
  outstanding_.erase(it);
  if (!outstanding.acked) {
    SendGone(number, outstanding,
             v1::AttachResponse::CallbackGone::CAUSE_DEADLINE);
  }
  Admit(machine, *first, outstanding);
  return absl::OkStatus();
}

void RunClients::Admit(scenario::Machine* machine,
                       const device::pending_callback& callback,
                       const Outstanding& outstanding) {
  v1::Capsule::RecordedAnswer recorded =
      RecordOf(*machine, callback, outstanding.ack);
  recorded.set_missing(!outstanding.acked);
  AdmitRecorded(machine, callback, recorded);
  answers_.push_back(std::move(recorded));
}

Answers RunClients::AnswersSoFar() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return answers_;
}

void RunClients::Tell(const v1::Violation& violation) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, client] : clients_) {
    if (client.want_violations) {
      v1::AttachResponse response;
      *response.mutable_violation() = violation;
      client.stream->Send(std::move(response));
    }
  }
}

void RunClients::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

void RunClients::Finish(v1::AttachResponse::Goodbye::Cause cause) {
  const std::lock_guard<std::mutex> lock(mutex_);
  over_ = true;
  executing_ = false;
  v1::AttachResponse response;
  response.mutable_goodbye()->set_cause(cause);
  for (const auto& [id, client] : clients_) {
    client.stream->Send(response);
    client.stream->End(absl::OkStatus());
  }
}

}  // namespace mmfault::host
