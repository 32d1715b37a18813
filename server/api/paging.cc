// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/paging.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "server/base/error.h"

namespace mmfault::api {
namespace {

constexpr int32_t kDefaultSize = 100;
constexpr int32_t kMaxSize = 1000;

absl::Status BadToken() {
  return base::InvalidFieldError(
      "page_token", "PAGE_TOKEN_INVALID",
      "page_token is not one that this list has given; leave it empty to begin "
      "anew");
}

}  // namespace

absl::StatusOr<PageStart> StartPage(int32_t page_size,
                                    const std::string& page_token,
                                    std::string_view list) {
  if (page_size < 0 || page_size > kMaxSize) {
    return base::InvalidFieldError("page_size", "FIELD_OUT_OF_RANGE",
                                   "page_size is " + std::to_string(page_size) +
                                       "; it must be in [0, " +
                                       std::to_string(kMaxSize) + "]",
                                   {{"value", std::to_string(page_size)},
                                    {"min", "0"},
                                    {"max", std::to_string(kMaxSize)}});
  }
  PageStart start;
  start.size = static_cast<size_t>(page_size == 0 ? kDefaultSize : page_size);
  if (page_token.empty()) {
    return start;
  }
  std::string plain;
  if (!absl::WebSafeBase64Unescape(page_token, &plain)) {
    return BadToken();
  }
  const size_t end = plain.find('\n');
  if (end == std::string::npos || end + 1 == plain.size() ||
      std::string_view(plain).substr(0, end) != list) {
    return BadToken();
  }
  start.after = plain.substr(end + 1);
  return start;
}

std::string PageTokenAfter(std::string_view key, std::string_view list) {
  std::string plain(list);
  plain += '\n';
  plain += key;
  return absl::WebSafeBase64Escape(plain);
}

absl::StatusOr<std::string> Page(const std::vector<std::string>& keys,
                                 int32_t page_size,
                                 const std::string& page_token,
                                 std::string_view list,
                                 const std::function<void(size_t)>& add) {
  absl::StatusOr<PageStart> start = StartPage(page_size, page_token, list);
  if (!start.ok()) {
    return start.status();
  }
  const auto first =
      start->after.empty()
          ? keys.begin()
          : std::upper_bound(keys.begin(), keys.end(), start->after);
  const size_t begin = static_cast<size_t>(first - keys.begin());
  const size_t end = std::min(keys.size(), begin + start->size);
  for (size_t i = begin; i < end; ++i) {
    add(i);
  }
  return end == keys.size() ? std::string()
                            : PageTokenAfter(keys[end - 1], list);
}

}  // namespace mmfault::api
