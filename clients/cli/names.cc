// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/names.h"

#include <cerrno>
#include <cstdlib>

namespace mmfault::cli {
namespace {

std::string Prefixed(const std::string& prefix, const std::string& text) {
  return text.starts_with(prefix) ? text : prefix + text;
}

}  // namespace

std::string WorldName(const std::string& text) {
  return Prefixed("worlds/", text);
}

std::string RunName(const std::string& text) { return Prefixed("runs/", text); }

std::string ProtocolName(const std::string& text) {
  return Prefixed("protocols/", text);
}

std::string ChildName(const std::string& text, const std::string& collection) {
  if (text.starts_with("worlds/")) return text;
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return text;
  return "worlds/" + text.substr(0, slash) + "/" + collection + "/" +
         text.substr(slash + 1);
}

std::string NotifierName(const std::string& text) {
  if (text.starts_with("worlds/")) return text;
  const size_t first = text.find('/');
  const size_t last = text.rfind('/');
  if (first == std::string::npos) return text;
  const std::string mm =
      first == last ? "-" : text.substr(first + 1, last - first - 1);
  return "worlds/" + text.substr(0, first) + "/mms/" + mm + "/notifiers/" +
         text.substr(last + 1);
}

std::string ParentName(const std::string& text) {
  return text.starts_with("runs/") ? text : WorldName(text);
}

std::optional<uint64_t> ParseAddress(const std::string& text) {
  if (text.empty() || text[0] == '-') return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (errno != 0 || *end != '\0') return std::nullopt;
  return value;
}

}  // namespace mmfault::cli
