// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/safety_levers.h"

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"

namespace mmfault::host {
namespace {

absl::Status IsPulled(const v1::SafetyLever& lever) {
  const std::string whose =
      lever.client().empty()
          ? "the server's safety lever"
          : "the safety lever of client \"" + lever.client() + "\"";
  return base::WrongStateError(
      lever.client().empty() ? "server" : lever.client(), "SAFETY_LEVER_PULLED",
      whose + " is pulled (" + lever.reason() +
          "); nothing is armed until LiftSafetyLever",
      {{"client", lever.client()}, {"why", lever.reason()}});
}

}  // namespace

absl::Status SafetyLevers::Pull(const v1::SafetyLever& lever) {
  if (!lever.client().empty()) {
    RETURN_IF_ERROR(CheckId(lever.client(), "lever.client"));
  }
  if (lever.reason().size() > kMaxReasonBytes) {
    return base::InvalidFieldError("lever.reason", "FIELD_OUT_OF_RANGE",
                                   "a reason has at most 1024 bytes");
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!lever.client().empty() && !pulled_.contains(lever.client())) {
    RETURN_IF_ERROR(CheckQuota("server", "max_levers", kMaxLevers,
                               static_cast<int64_t>(pulled_.size()) + 1));
  }
  pulled_[lever.client()] = lever;
  return absl::OkStatus();
}

bool SafetyLevers::Lift(const std::string& client) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return pulled_.erase(client) != 0;
}

absl::Status SafetyLevers::Check(const std::string& client) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (pulled_.empty()) {
    return absl::OkStatus();
  }
  auto it = pulled_.find("");
  if (it == pulled_.end() && !client.empty()) {
    it = pulled_.find(client);
  }
  return it == pulled_.end() ? absl::OkStatus() : IsPulled(it->second);
}

std::vector<v1::SafetyLever> SafetyLevers::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<v1::SafetyLever> all;
  all.reserve(pulled_.size());
  for (const auto& [client, lever] : pulled_) {
    all.push_back(lever);
  }
  return all;
}

}  // namespace mmfault::host
