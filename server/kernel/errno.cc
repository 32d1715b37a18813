// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/errno.h"

#include <array>
#include <charconv>
#include <utility>

namespace mmfault::kernel {
namespace {

constexpr std::array<std::pair<int, const char*>, 19> kNames = {{
    {EPERM, "EPERM"},
    {ENOENT, "ENOENT"},
    {ESRCH, "ESRCH"},
    {EINTR, "EINTR"},
    {EIO, "EIO"},
    {EAGAIN, "EAGAIN"},
    {ENOMEM, "ENOMEM"},
    {EACCES, "EACCES"},
    {EFAULT, "EFAULT"},
    {EBUSY, "EBUSY"},
    {EEXIST, "EEXIST"},
    {EINVAL, "EINVAL"},
    {EDEADLK, "EDEADLK"},
    {EOVERFLOW, "EOVERFLOW"},
    {ETIMEDOUT, "ETIMEDOUT"},
    {ECONNRESET, "ECONNRESET"},
    {ECANCELED, "ECANCELED"},
    {EOWNERDEAD, "EOWNERDEAD"},
    {kERestartSys, "ERESTARTSYS"},
}};

}  // namespace

std::string ErrnoText(int rc) {
  for (const auto& [number, name] : kNames) {
    if (rc == -number) {
      return std::string("-") + name;
    }
  }
  return std::to_string(rc);
}

std::optional<int> ParseErrno(std::string_view text) {
  if (!text.empty() && text.front() == '-') {
    text.remove_prefix(1);
  }
  for (const auto& [number, name] : kNames) {
    if (text == name) {
      return number;
    }
  }
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number <= 0 || number > 4095) {
    return std::nullopt;
  }
  return number;
}

}  // namespace mmfault::kernel
