// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// names.h: resource names, like `worlds/w1/mms/m0`.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_HOST_NAMES_H_
#define MMFAULT_SERVER_HOST_NAMES_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mmfault::host {

// Takes a name apart: ParseName("worlds/w/mms/m", {"worlds", "mms"}, "name")
// returns {"w", "m"}. `-` is an id where `wildcard` says so.
//
// Errors: INVALID_ARGUMENT (FIELD_MISSING): it is empty. INVALID_ARGUMENT
// (NAME_MALFORMED): another shape, or an id that cannot be one.
absl::StatusOr<std::vector<std::string>> ParseName(
    const std::string& name, std::initializer_list<std::string_view> shape,
    std::string_view field, bool wildcard = false);

// INVALID_ARGUMENT (NAME_MALFORMED) unless it is `[a-z][a-z0-9_-]{0,62}`.
absl::Status CheckId(const std::string& id, std::string_view field);

// NOT_FOUND with the reason of the kind: `kind` is "mm", `reason` MM_NOT_FOUND.
absl::Status NotFound(std::string_view kind, std::string_view reason,
                      const std::string& name);
absl::Status AlreadyExists(std::string_view kind, std::string_view reason,
                           const std::string& name);

// INVALID_ARGUMENT (FIELD_OUT_OF_RANGE) unless min <= value <= max.
absl::Status CheckRange(int64_t value, int64_t min, int64_t max,
                        std::string_view field);

// RESOURCE_EXHAUSTED (QUOTA_EXCEEDED) unless wanted <= max.
absl::Status CheckQuota(const std::string& subject, std::string_view limit,
                        int64_t max, int64_t wanted);

// UNAVAILABLE (DISCONNECTED_BY_FAULT).
absl::Status DisconnectedByFault(const std::string& client);

// ABORTED (WORLD_GONE).
absl::Status WorldGone(const std::string& world);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_NAMES_H_
