// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/base/error.h"

#include <charconv>

#include "absl/strings/cord.h"
#include "server/base/check.h"

namespace mmfault::base {
namespace {

constexpr char kPayloadUrl[] = "mmfault.dev/error-facts";

// Payload: one `key=value` a line. Keys of ours begin with '@', which no
// metadata key does; a value's newlines and backslashes are escaped.
constexpr std::string_view kReasonKey = "@reason";
constexpr std::string_view kFieldKey = "@field";
constexpr std::string_view kSubjectKey = "@subject";
constexpr std::string_view kRetryKey = "@retry_after_ms";

void AppendLine(std::string_view key, std::string_view value,
                std::string& out) {
  out.append(key);
  out.push_back('=');
  for (const char c : value) {
    if (c == '\n') {
      out.append("\\n");
    } else if (c == '\\') {
      out.append("\\\\");
    } else {
      out.push_back(c);
    }
  }
  out.push_back('\n');
}

std::string Unescape(std::string_view value) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      out.push_back(value[i]);
      continue;
    }
    ++i;
    out.push_back(value[i] == 'n' ? '\n' : value[i]);
  }
  return out;
}

std::string Encode(const ErrorFacts& facts) {
  std::string out;
  AppendLine(kReasonKey, facts.reason, out);
  if (!facts.field.empty()) AppendLine(kFieldKey, facts.field, out);
  if (!facts.subject.empty()) AppendLine(kSubjectKey, facts.subject, out);
  if (facts.retry_after.count() > 0) {
    AppendLine(kRetryKey, std::to_string(facts.retry_after.count()), out);
  }
  for (const auto& [key, value] : facts.metadata) AppendLine(key, value, out);
  return out;
}

void StoreLine(std::string_view key, std::string value, ErrorFacts& facts) {
  if (key == kReasonKey) {
    facts.reason = std::move(value);
  } else if (key == kFieldKey) {
    facts.field = std::move(value);
  } else if (key == kSubjectKey) {
    facts.subject = std::move(value);
  } else if (key == kRetryKey) {
    int64_t ms = 0;
    std::from_chars(value.data(), value.data() + value.size(), ms);
    facts.retry_after = std::chrono::milliseconds(ms);
  } else {
    facts.metadata.emplace_back(std::string(key), std::move(value));
  }
}

ErrorFacts Decode(std::string_view text) {
  ErrorFacts facts;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    StoreLine(line.substr(0, equals), Unescape(line.substr(equals + 1)), facts);
  }
  return facts;
}

}  // namespace

absl::Status MakeErrorWithFacts(absl::StatusCode code, std::string_view message,
                                const ErrorFacts& facts) {
  CHECK(code != absl::StatusCode::kOk);
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  // Through a view: Cord's constructor from std::string&& is a template whose
  // instance in the packaged library clang mangles differently.
  const std::string payload = Encode(facts);
  status.SetPayload(kPayloadUrl, absl::Cord(absl::string_view(payload)));
  return status;
}

absl::Status MakeError(absl::StatusCode code, std::string_view reason,
                       std::string_view message, ErrorMetadata metadata) {
  ErrorFacts facts;
  facts.reason = reason;
  facts.metadata = std::move(metadata);
  return MakeErrorWithFacts(code, message, facts);
}

absl::Status InvalidFieldError(std::string_view field, std::string_view reason,
                               std::string_view message,
                               ErrorMetadata metadata) {
  ErrorFacts facts;
  facts.reason = reason;
  facts.field = field;
  facts.metadata = std::move(metadata);
  facts.metadata.emplace_back("field", field);
  return MakeErrorWithFacts(absl::StatusCode::kInvalidArgument, message, facts);
}

absl::Status MissingResourceError(std::string_view name,
                                  std::string_view reason,
                                  std::string_view message,
                                  ErrorMetadata metadata) {
  metadata.emplace_back("resource_name", name);
  return MakeError(absl::StatusCode::kNotFound, reason, message,
                   std::move(metadata));
}

absl::Status WrongStateError(std::string_view subject, std::string_view reason,
                             std::string_view message, ErrorMetadata metadata) {
  ErrorFacts facts;
  facts.reason = reason;
  facts.subject = subject;
  facts.metadata = std::move(metadata);
  facts.metadata.emplace_back("subject", subject);
  return MakeErrorWithFacts(absl::StatusCode::kFailedPrecondition, message,
                            facts);
}

absl::Status QuotaError(std::string_view subject, std::string_view reason,
                        std::string_view limit_name, int64_t limit,
                        std::string_view message) {
  ErrorFacts facts;
  facts.reason = reason;
  facts.subject = subject;
  facts.metadata.emplace_back("subject", subject);
  facts.metadata.emplace_back("limit", limit_name);
  facts.metadata.emplace_back("max", std::to_string(limit));
  return MakeErrorWithFacts(absl::StatusCode::kResourceExhausted, message,
                            facts);
}

ErrorFacts FactsOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return {};
  return Decode(std::string(*payload));
}

std::string ReasonOf(const absl::Status& status) {
  return FactsOf(status).reason;
}

}  // namespace mmfault::base
