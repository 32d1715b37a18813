// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// request_cache.h: calls that are safe to repeat.
//
// A client that does not know whether its call got through sends it again with
// the same `request_id`. Within ten minutes it gets the first answer again and
// nothing is done; the same id with another request is refused.
//
// Used in three steps: Find() before anything is done; the work, if there was
// nothing; Keep() with the answer. A call that fails is not kept: it changed
// nothing, and trying again may succeed. A repetition that arrives while the
// first call is under way is not recognised: whoever serialises the calls of a
// world or a run table calls these within.
//
// Leaves out persistence: a restarted server has forgotten all of it, and all
// worlds with it.
//
// Threads: safe from any; holds its own lock only, and calls nothing under it.

#ifndef MMFAULT_SERVER_HOST_REQUEST_CACHE_H_
#define MMFAULT_SERVER_HOST_REQUEST_CACHE_H_

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace mmfault::host {

class RequestCache {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr size_t kMaxIdBytes = 64;
  static constexpr size_t kMaxEntries = 1024;
  static constexpr std::chrono::minutes kKeptFor{10};

  // Fills `response` and returns true when the request came before. False when
  // it is new, or `request_id` is empty.
  //
  // Errors: FAILED_PRECONDITION (REQUEST_ID_REUSED): it came with another
  // request, or at another RPC. INVALID_ARGUMENT (FIELD_OUT_OF_RANGE): longer
  // than kMaxIdBytes.
  absl::StatusOr<bool> Find(const std::string& request_id,
                            const google::protobuf::Message& request,
                            google::protobuf::Message* response,
                            Clock::time_point now = Clock::now());

  // Remembers an answer; nothing for an empty id. The oldest one is forgotten
  // when there are too many.
  void Keep(const std::string& request_id,
            const google::protobuf::Message& request,
            const google::protobuf::Message& response,
            Clock::time_point now = Clock::now());

 private:
  struct Entry {
    std::string request;  // type and content
    std::string response;
    Clock::time_point time;
  };

  void Expire(Clock::time_point now);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> order_;  // ids, oldest first
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_REQUEST_CACHE_H_
