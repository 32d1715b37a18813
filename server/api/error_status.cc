// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/error_status.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/error.h"

namespace mmfault::api {
namespace {

using base::ErrorFacts;

// The message travels twice (grpc-message, percent-encoded, and the details)
// and a subject or field up to three times; base64 adds a third. These keep the
// worst case, every byte percent-encoded, below the 8 KiB.
constexpr size_t kMessageBytesMax = 600;
constexpr size_t kValueBytesMax = 160;
constexpr size_t kKeyBytesMax = 64;
constexpr size_t kMetadataCountMax = 8;

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 if there
// is none. Overlong forms, surrogates and what is beyond U+10FFFF are not.
size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return text.empty() ? 0 : 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if ((lead & 0xf0) == 0xe0) {
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool overlong = lead == 0xf0 && byte(1) < 0x90;
    const bool beyond = lead == 0xf4 && byte(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

// At most `bytes_max` bytes of `text`, whole characters, valid UTF-8; "..."
// says that something was cut.
std::string Fit(std::string_view text, size_t bytes_max) {
  constexpr std::string_view kCut = "...";
  std::string out;
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const size_t taken = std::max<size_t>(length, 1);
    const size_t reserve = taken == text.size() ? 0 : kCut.size();
    if (out.size() + taken + reserve > bytes_max) {
      return out.append(kCut);
    }
    if (length == 0) {
      out.push_back('?');
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::string FitValue(std::string_view text) {
  return Fit(text, kValueBytesMax);
}

void AddErrorInfo(const absl::Status& status, const ErrorFacts& facts,
                  google::rpc::Status& out) {
  google::rpc::ErrorInfo info;
  info.set_domain(kErrorDomain);
  info.set_reason(facts.reason.empty() ? absl::StatusCodeToString(status.code())
                                       : FitValue(facts.reason));
  for (const auto& [key, value] : facts.metadata) {
    if (static_cast<size_t>(info.metadata_size()) == kMetadataCountMax) break;
    (*info.mutable_metadata())[Fit(key, kKeyBytesMax)] = FitValue(value);
  }
  out.add_details()->PackFrom(info);
}

void AddFieldViolation(const ErrorFacts& facts, google::rpc::Status& out) {
  if (facts.field.empty()) return;
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field(FitValue(facts.field));
  violation->set_description(FitValue(out.message()));
  out.add_details()->PackFrom(bad_request);
}

void AddSubjectViolation(const absl::Status& status, const ErrorFacts& facts,
                         google::rpc::Status& out) {
  if (facts.subject.empty()) return;
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    google::rpc::PreconditionFailure failure;
    auto* violation = failure.add_violations();
    violation->set_type(FitValue(facts.reason));
    violation->set_subject(FitValue(facts.subject));
    violation->set_description(FitValue(out.message()));
    out.add_details()->PackFrom(failure);
  } else if (status.code() == absl::StatusCode::kResourceExhausted) {
    google::rpc::QuotaFailure failure;
    auto* violation = failure.add_violations();
    violation->set_subject(FitValue(facts.subject));
    violation->set_description(FitValue(out.message()));
    out.add_details()->PackFrom(failure);
  }
}

void AddRetryInfo(const ErrorFacts& facts, google::rpc::Status& out) {
  const int64_t ms = facts.retry_after.count();
  if (ms <= 0) return;
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(ms / 1000);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(ms % 1000 * 1'000'000));
  out.add_details()->PackFrom(retry);
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorFacts facts = base::FactsOf(status);
  const absl::string_view text = status.message();

  google::rpc::Status rpc_status;
  rpc_status.set_code(static_cast<int>(status.code()));
  rpc_status.set_message(
      Fit(std::string_view(text.data(), text.size()), kMessageBytesMax));
  AddErrorInfo(status, facts, rpc_status);
  AddFieldViolation(facts, rpc_status);
  AddSubjectViolation(status, facts, rpc_status);
  AddRetryInfo(facts, rpc_status);
  // grpc::StatusCode and absl::StatusCode have equal values.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      rpc_status.message(), rpc_status.SerializeAsString());
}

}  // namespace mmfault::api
