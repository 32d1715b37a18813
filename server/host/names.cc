// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/names.h"

#include <cstdint>

#include "server/base/error.h"
#include "server/scenario/compile.h"

namespace mmfault::host {
namespace {

std::string Format(std::initializer_list<std::string_view> shape) {
  std::string format;
  for (const std::string_view collection : shape) {
    format += format.empty() ? "" : "/";
    format += std::string(collection) + "/{" +
              std::string(collection.substr(0, collection.size() - 1)) + "}";
  }
  return format;
}

// Cuts off what stands before the next slash.
std::string_view NextPart(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return part;
}

absl::Status Malformed(const std::string& value, const std::string& format,
                       std::string_view field) {
  return base::InvalidFieldError(
      field, "NAME_MALFORMED",
      std::string(field) + " is \"" + value + "\"; its form is " + format,
      {{"value", value}, {"format", format}});
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseName(
    const std::string& name, std::initializer_list<std::string_view> shape,
    std::string_view field, bool wildcard) {
  if (name.empty()) {
    return base::InvalidFieldError(
        field, "FIELD_MISSING",
        std::string(field) + " is missing; its form is " + Format(shape));
  }
  std::vector<std::string> ids;
  std::string_view rest = name;
  for (const std::string_view collection : shape) {
    const std::string_view word = NextPart(rest);
    const std::string_view id = NextPart(rest);
    const bool any = wildcard && id == "-";
    if (word != collection || (!any && !scenario::IsValidId(id))) {
      return Malformed(name, Format(shape), field);
    }
    ids.emplace_back(id);
  }
  if (!rest.empty() || name.back() == '/') {
    return Malformed(name, Format(shape), field);
  }
  return ids;
}

absl::Status CheckId(const std::string& id, std::string_view field) {
  if (scenario::IsValidId(id)) {
    return absl::OkStatus();
  }
  return Malformed(id, "[a-z][a-z0-9_-]{0,62}", field);
}

absl::Status NotFound(std::string_view kind, std::string_view reason,
                      const std::string& name) {
  return base::MissingResourceError(
      name, reason, "there is no " + std::string(kind) + " \"" + name + "\"",
      {{"name", name}});
}

absl::Status AlreadyExists(std::string_view kind, std::string_view reason,
                           const std::string& name) {
  return base::MakeError(
      absl::StatusCode::kAlreadyExists, reason,
      "there is a " + std::string(kind) + " \"" + name + "\" already",
      {{"name", name}});
}

absl::Status CheckRange(int64_t value, int64_t min, int64_t max,
                        std::string_view field) {
  if (value >= min && value <= max) {
    return absl::OkStatus();
  }
  const std::string low = std::to_string(min);
  const std::string high = std::to_string(max);
  return base::InvalidFieldError(
      field, "FIELD_OUT_OF_RANGE",
      std::string(field) + " is " + std::to_string(value) +
          "; it must be in [" + low + ", " + high + "]",
      {{"value", std::to_string(value)}, {"min", low}, {"max", high}});
}

absl::Status CheckQuota(const std::string& subject, std::string_view limit,
                        int64_t max, int64_t wanted) {
  if (wanted <= max) {
    return absl::OkStatus();
  }
  base::ErrorFacts facts;
  facts.reason = "QUOTA_EXCEEDED";
  facts.subject = subject;
  facts.metadata = {{"limit", std::string(limit)},
                    {"max", std::to_string(max)},
                    {"wanted", std::to_string(wanted)}};
  return base::MakeErrorWithFacts(
      absl::StatusCode::kResourceExhausted,
      subject + ": " + std::string(limit) + " is " + std::to_string(max) +
          ", and this would make it " + std::to_string(wanted),
      facts);
}

absl::Status DisconnectedByFault(const std::string& client) {
  return base::MakeError(absl::StatusCode::kUnavailable,
                         "DISCONNECTED_BY_FAULT",
                         "a fault rule ends the stream of client \"" + client +
                             "\"; attach again to go on",
                         {{"client", client}});
}

absl::Status WorldGone(const std::string& world) {
  return base::MakeError(absl::StatusCode::kAborted, "WORLD_GONE",
                         "the world was reset or deleted meanwhile",
                         {{"world", world}});
}

}  // namespace mmfault::host
