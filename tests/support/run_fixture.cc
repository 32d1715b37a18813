// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/run_fixture.h"

#include <memory>
#include <utility>

#include "server/base/status_macros.h"

namespace mmfault::testing_support {

v1::CreateRunRequest RunOf(const std::string& text) {
  v1::CreateRunRequest request;
  request.add_scenarios()->set_text(text);
  request.mutable_scenarios(0)->set_file("test.textproto");
  return request;
}

void AwaitState(host::Run& run, v1::Run::State state) {
  // A watcher may still be called while it is being removed.
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
  };
  const auto wait = std::make_shared<Wait>();
  const auto id = run.AddWatcher([wait] {
    const std::lock_guard<std::mutex> lock(wait->mutex);
    wait->changed.notify_all();
  });
  {
    std::unique_lock<std::mutex> lock(wait->mutex);
    wait->changed.wait(lock,
                       [&] { return run.over() || run.state() == state; });
  }
  run.RemoveWatcher(id);
}

void AwaitEnd(host::Run& run) { AwaitState(run, v1::Run::STATE_DONE); }

bool ScriptedClient::DropsAll(const Callback& /*callback*/, Ack* ack) {
  ack->set_dropped_range(true);
  return true;
}

bool ScriptedClient::DropsNothing(const Callback& /*callback*/, Ack* /*ack*/) {
  return true;
}

ScriptedClient::~ScriptedClient() {
  End(absl::OkStatus());
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool ScriptedClient::Send(v1::AttachResponse message) {
  const std::lock_guard<std::mutex> lock(mutex_);
  inbox_.push_back(std::move(message));
  changed_.notify_all();
  return !over_;
}

void ScriptedClient::End(const absl::Status& /*status*/) {
  const std::lock_guard<std::mutex> lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

absl::Status ScriptedClient::Attach(
    const std::shared_ptr<ScriptedClient>& self,
    std::shared_ptr<host::RemoteSession> session, const std::string& run,
    const std::vector<std::string>& notifiers) {
  v1::AttachRequest::Hello hello;
  hello.set_parent(run);
  hello.set_want_violations(true);
  ASSIGN_OR_RETURN(self->client_, session->Open(hello, self));
  self->session_ = std::move(session);
  self->thread_ = std::thread([raw = self.get()] { raw->Loop(); });
  int64_t tag = 0;
  for (const std::string& notifier : notifiers) {
    v1::AttachRequest request;
    request.mutable_bind()->set_tag(++tag);
    request.mutable_bind()->set_notifier(notifier);
    self->session_->Handle(self->client_, request);
  }
  return absl::OkStatus();
}

void ScriptedClient::Leave() {
  End(absl::OkStatus());
  session_->Close(client_, host::Departure::kLeft);
}

std::vector<v1::AttachResponse> ScriptedClient::Received() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<v1::AttachResponse> all = received_;
  all.insert(all.end(), inbox_.begin(), inbox_.end());
  return all;
}

std::vector<int64_t> ScriptedClient::CallbackNumbers() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return numbers_;
}

void ScriptedClient::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return over_ || !inbox_.empty(); });
    if (over_) {
      return;
    }
    v1::AttachResponse message = std::move(inbox_.front());
    inbox_.pop_front();
    if (!message.has_callback()) {
      received_.push_back(std::move(message));
      continue;
    }
    numbers_.push_back(message.callback().callback_number());
    lock.unlock();
    Answer(message.callback());
    lock.lock();
  }
}

void ScriptedClient::Answer(const Callback& callback) {
  v1::AttachRequest request;
  request.mutable_ack()->set_callback_number(callback.callback_number());
  if (script_(callback, request.mutable_ack())) {
    session_->Handle(client_, request);
  }
}

}  // namespace mmfault::testing_support
