// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_lookup.h: the world that a resource name is in.
//
// Threads: as WorldTable.

#ifndef MMFAULT_SERVER_API_WORLD_LOOKUP_H_
#define MMFAULT_SERVER_API_WORLD_LOOKUP_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/host/world_table.h"

namespace mmfault::api {

using WorldOr = absl::StatusOr<std::shared_ptr<host::HostedWorld>>;

// Of `worlds/{world}` in that field.
inline WorldOr FindWorld(const host::WorldTable& worlds,
                         const std::string& name, std::string_view field) {
  std::shared_ptr<host::HostedWorld> known = worlds.FindNamed(name);
  if (known != nullptr) {
    return known;
  }
  ASSIGN_OR_RETURN(const auto ids, host::ParseName(name, {"worlds"}, field));
  return worlds.Find(ids[0]);
}

// Of `worlds/{world}/COLLECTION/{id}`, with the id.
inline WorldOr FindIn(const host::WorldTable& worlds, const std::string& name,
                      std::string_view field, std::string_view collection,
                      std::string* id) {
  ASSIGN_OR_RETURN(const auto ids,
                   host::ParseName(name, {"worlds", collection}, field));
  *id = ids[1];
  return worlds.Find(ids[0]);
}

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_WORLD_LOOKUP_H_
