// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/request_cache.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <utility>

#include "server/base/check.h"
#include "server/base/error.h"

namespace mmfault::host {
namespace {

// Type and content. Deterministic within one process, which is all it must be.
std::string Fingerprint(const google::protobuf::Message& message) {
  std::string text = message.GetTypeName() + '\n';
  google::protobuf::io::StringOutputStream stream(&text);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  CHECK(message.SerializeToCodedStream(&coded));
  return text;
}

}  // namespace

absl::StatusOr<bool> RequestCache::Find(
    const std::string& request_id, const google::protobuf::Message& request,
    google::protobuf::Message* response, Clock::time_point now) {
  if (request_id.empty()) {
    return false;
  }
  if (request_id.size() > kMaxIdBytes) {
    return base::InvalidFieldError(
        "request_id", "FIELD_OUT_OF_RANGE",
        "request_id has " + std::to_string(request_id.size()) +
            " bytes; at most 64 are allowed",
        {{"value", std::to_string(request_id.size())},
         {"min", "0"},
         {"max", std::to_string(kMaxIdBytes)}});
  }
  const std::string fingerprint = Fingerprint(request);
  const std::lock_guard<std::mutex> lock(mutex_);
  Expire(now);
  const auto it = entries_.find(request_id);
  if (it == entries_.end()) {
    return false;
  }
  if (it->second.request != fingerprint) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "REQUEST_ID_REUSED",
        "request_id \"" + request_id +
            "\" came before with another request; take a new one",
        {{"request_id", request_id}});
  }
  CHECK(response->ParseFromString(it->second.response));
  return true;
}

void RequestCache::Keep(const std::string& request_id,
                        const google::protobuf::Message& request,
                        const google::protobuf::Message& response,
                        Clock::time_point now) {
  if (request_id.empty()) {
    return;
  }
  Entry entry{Fingerprint(request), response.SerializeAsString(), now};
  const std::lock_guard<std::mutex> lock(mutex_);
  Expire(now);
  if (!entries_.emplace(request_id, std::move(entry)).second) {
    return;
  }
  order_.push_back(request_id);
  if (order_.size() > kMaxEntries) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

void RequestCache::Expire(Clock::time_point now) {
  while (!order_.empty() && now - entries_.at(order_.front()).time > kKeptFor) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

}  // namespace mmfault::host
