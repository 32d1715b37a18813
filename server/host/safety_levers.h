// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// safety_levers.h: which safety levers of a server are pulled, and why.
//
// Only the levers: what pulling one stops is stopped by whoever pulls it
// (HostedWorld::StopFaults). A lever is pulled before anything is stopped, and
// arming looks at the levers on the world's runner: so what is armed before the
// look is stopped by the message that comes behind it.
//
// Leaves out persistence: a restarted server has no faults and no lever pulled.
//
// Locks: one, for the map; nothing is called under it.
//
// Threads: every function may be called from any thread.

#ifndef MMFAULT_SERVER_HOST_SAFETY_LEVERS_H_
#define MMFAULT_SERVER_HOST_SAFETY_LEVERS_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mmfault/v1/fault.pb.h"

namespace mmfault::host {

class SafetyLevers {
 public:
  static constexpr size_t kMaxLevers = 1024;
  static constexpr size_t kMaxReasonBytes = 1024;

  // Pulls one. An empty client means the whole server's.
  //
  // Errors: INVALID_ARGUMENT (NAME_MALFORMED): the client is no id.
  // INVALID_ARGUMENT (FIELD_OUT_OF_RANGE): the reason is too long.
  // RESOURCE_EXHAUSTED (QUOTA_EXCEEDED): never for the server's.
  absl::Status Pull(const v1::SafetyLever& lever);

  // False when it was not pulled.
  bool Lift(const std::string& client);

  // OK when the client may arm; it may be empty, for nobody's.
  //
  // Errors: FAILED_PRECONDITION (SAFETY_LEVER_PULLED).
  absl::Status Check(const std::string& client) const;

  // By client: the server's first.
  std::vector<v1::SafetyLever> All() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, v1::SafetyLever> pulled_;  // by client
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_SAFETY_LEVERS_H_
