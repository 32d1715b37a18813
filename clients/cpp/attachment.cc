// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/attachment.h"

#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace mmfault::client {
namespace {

// The same form as that of a failed call, so that Reason() reads both.
grpc::Status StatusOf(const v1::AttachResponse::Error& error) {
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason());
  info.set_domain("mmfault");
  *info.mutable_metadata() = error.metadata();
  google::rpc::Status details;
  details.set_code(error.code());
  details.set_message(error.message());
  details.add_details()->PackFrom(info);
  return {static_cast<grpc::StatusCode>(error.code()), error.message(),
          details.SerializeAsString()};
}

// What calls that wait get when the stream ends under them.
grpc::Status LostStatus(const grpc::Status& end) {
  if (!end.ok()) return end;
  return {grpc::StatusCode::UNAVAILABLE, "the Attach stream has ended"};
}

void SetDuration(std::chrono::milliseconds from,
                 google::protobuf::Duration& to) {
  to.set_seconds(from.count() / 1000);
  to.set_nanos(static_cast<int32_t>(from.count() % 1000) * 1'000'000);
}

}  // namespace

Answer<std::unique_ptr<Attachment>> Attachment::Open(Session& session,
                                                     Options options) {
  std::unique_ptr<Attachment> attachment(new Attachment(std::move(options)));
  Attachment& self = *attachment;
  if (self.options_.dispatch == Dispatch::kThreads) {
    self.workers_ = std::make_unique<WorkerPool>();
  }
  // No message comes before the hello is out, so stream_ is set by then.
  AttachStream::Listener* const listener = &self;
  self.stream_ = std::make_unique<AttachStream>(session.notifiers(), listener);
  self.SendHello();
  std::unique_lock<std::mutex> lock(self.mutex_);
  self.changed_.wait(lock,
                     [&self] { return self.is_welcome_ || self.has_ended_; });
  if (self.is_welcome_) return {grpc::Status::OK, std::move(attachment)};
  const grpc::Status status = LostStatus(self.end_status_);
  lock.unlock();
  return {status, nullptr};
}

Attachment::~Attachment() {
  // A callback that still runs may want to answer: the stream object must
  // outlast it, but need not be open.
  stream_->Cancel();
  stream_->WaitForEnd();
  workers_.reset();
}

void Attachment::SendHello() {
  v1::AttachRequest request;
  v1::AttachRequest::Hello& hello = *request.mutable_hello();
  hello.set_parent(options_.parent);
  hello.set_client(options_.client);
  hello.set_want_violations(options_.on_violation != nullptr);
  if (options_.lease.count() > 0) {
    SetDuration(options_.lease, *hello.mutable_lease());
  }
  stream_->Send(request);
}

Answer<std::string> Attachment::Bind(RemoteNotifier& notifier,
                                     const std::string& mm) {
  v1::AttachRequest request;
  v1::AttachRequest::Bind& bind = *request.mutable_bind();
  bind.set_notifier(notifier.id());
  bind.set_mm(mm);
  bind.set_kind(notifier.kind());
  for (const v1::CallbackEvent event : notifier.Unimplemented()) {
    bind.add_unimplemented(event);
  }
  auto pending = std::make_shared<PendingBind>();
  std::unique_lock<std::mutex> lock(mutex_);
  if (has_ended_) return {LostStatus(end_status_), ""};
  bind.set_tag(++last_tag_);
  binds_[bind.tag()] = pending;
  // Before the answer: a callback may come right behind it.
  notifiers_[notifier.id()] = &notifier;
  stream_->Send(request);
  changed_.wait(lock, [&pending] { return pending->is_done; });
  if (!pending->answer.ok()) notifiers_.erase(notifier.id());
  return pending->answer;
}

PendingCall Attachment::Call(const v1::Step& step, const std::string& task,
                             std::function<void(const StepAnswer&)> on_done) {
  PendingCall pending(std::move(on_done));
  v1::AttachRequest request;
  v1::AttachRequest::Call& call = *request.mutable_call();
  call.set_task(task);
  *call.mutable_step() = step;
  std::unique_lock<std::mutex> lock(mutex_);
  if (has_ended_) {
    const grpc::Status status = LostStatus(end_status_);
    lock.unlock();
    pending.Complete({status, {}});
    return pending;
  }
  call.set_tag(++last_tag_);
  calls_.emplace(call.tag(), pending);
  stream_->Send(request);
  return pending;
}

grpc::Status Attachment::Close() {
  stream_->HalfClose();
  return WaitForEnd();
}

grpc::Status Attachment::WaitForEnd() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return has_ended_; });
  return end_status_;
}

std::optional<v1::AttachResponse::Goodbye::Cause> Attachment::goodbye() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return goodbye_;
}

void Attachment::OnMessage(v1::AttachResponse& message) {
  switch (message.message_case()) {
    case v1::AttachResponse::kCallback:
      return OnCallback(message);
    case v1::AttachResponse::kResult:
      return OnResult(*message.mutable_result());
    case v1::AttachResponse::kWelcome:
      return OnWelcome(*message.mutable_welcome());
    case v1::AttachResponse::kBound:
      return OnBound(message.bound());
    case v1::AttachResponse::kError:
      return OnError(message.error());
    case v1::AttachResponse::kWorldReset:
      return OnReset(message.world_reset());
    case v1::AttachResponse::kLeaseNotice:
      return RenewLease();
    case v1::AttachResponse::kViolation:
      if (options_.on_violation) options_.on_violation(message.violation());
      return;
    case v1::AttachResponse::kGoodbye: {
      const std::lock_guard<std::mutex> lock(mutex_);
      goodbye_ = message.goodbye().cause();
      return;
    }
    // callback_gone: the answer, when it comes, is refused; nothing to undo.
    default:
      return;
  }
}

void Attachment::OnWelcome(v1::AttachResponse::Welcome& welcome) {
  const std::lock_guard<std::mutex> lock(mutex_);
  welcome_.Swap(&welcome);
  is_welcome_ = true;
  changed_.notify_all();
}

void Attachment::OnBound(const v1::AttachResponse::Bound& bound) {
  CompleteBind(bound.tag(), {grpc::Status::OK, bound.name()});
}

void Attachment::OnResult(v1::AttachResponse::Result& result) {
  CompleteCall(result.tag(),
               {grpc::Status::OK, std::move(*result.mutable_result())});
}

void Attachment::OnCallback(v1::AttachResponse& message) {
  if (workers_ == nullptr) {
    const ReadingThreadScope scope;
    AnswerCallback(message.callback());
    return;
  }
  auto callback = std::make_shared<v1::AttachResponse::Callback>();
  callback->Swap(message.mutable_callback());
  workers_->Run([this, callback] { AnswerCallback(*callback); });
}

void Attachment::AnswerCallback(const v1::AttachResponse::Callback& callback) {
  RemoteNotifier* notifier = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = notifiers_.find(callback.notifier());
    if (found != notifiers_.end()) notifier = found->second;
  }
  Callback call(callback);
  // Not bound here: a bind that the server took and this side gave up on.
  const int rc = notifier == nullptr ? 0 : notifier->Dispatch(call);
  v1::AttachRequest request;
  request.mutable_ack()->Swap(call.TakeAck(rc));
  stream_->Send(request);
  acked_count_.fetch_add(1, std::memory_order_relaxed);
}

void Attachment::OnError(const v1::AttachResponse::Error& error) {
  const grpc::Status status = StatusOf(error);
  if (CompleteBind(error.tag(), {status, ""})) return;
  if (CompleteCall(error.tag(), {status, {}})) return;
  if (options_.on_refused) options_.on_refused(error);
}

void Attachment::OnReset(const v1::AttachResponse::WorldReset& reset) {
  std::vector<RemoteNotifier*> notifiers;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, notifier] : notifiers_) notifiers.push_back(notifier);
  }
  for (RemoteNotifier* notifier : notifiers) notifier->Reset(reset);
  if (options_.on_reset) options_.on_reset(reset);
}

void Attachment::RenewLease() {
  v1::AttachRequest request;
  request.mutable_keep_alive();
  stream_->Send(request);
}

bool Attachment::CompleteBind(int64_t tag, Answer<std::string> answer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = binds_.find(tag);
  if (found == binds_.end()) return false;
  found->second->answer = std::move(answer);
  found->second->is_done = true;
  binds_.erase(found);
  changed_.notify_all();
  return true;
}

bool Attachment::CompleteCall(int64_t tag, StepAnswer answer) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto found = calls_.find(tag);
  if (found == calls_.end()) return false;
  const PendingCall pending = found->second;
  calls_.erase(found);
  lock.unlock();
  pending.Complete(std::move(answer));
  return true;
}

void Attachment::OnEnd(const grpc::Status& status) {
  std::map<int64_t, PendingCall> calls;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_status_ = goodbye_ ? grpc::Status::OK : status;
    calls.swap(calls_);
    for (const auto& [tag, bind] : binds_) {
      bind->answer.status = LostStatus(status);
      bind->is_done = true;
    }
    binds_.clear();
    has_ended_ = true;
    changed_.notify_all();
  }
  for (const auto& [tag, pending] : calls) {
    pending.Complete({LostStatus(status), {}});
  }
}

}  // namespace mmfault::client
