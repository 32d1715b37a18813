// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>

#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace mmfault::server {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

absl::Status Invalid(std::string_view text, const std::string& problem) {
  return base::InvalidFieldError(
      "listen", "LISTEN_ADDRESS_INVALID",
      "cannot listen on \"" + std::string(text) + "\": " + problem,
      {{"address", std::string(text)}});
}

absl::StatusOr<ListenAddress> ParseUnix(std::string_view text) {
  const std::string_view path = text.substr(kUnixPrefix.size());
  if (path.empty() || path.front() != '/') {
    return Invalid(text, "a unix socket needs an absolute path (unix:/PATH)");
  }
  if (path.size() > kSocketPathBytesMax) {
    return Invalid(text, "a socket's path has at most " +
                             std::to_string(kSocketPathBytesMax) + " bytes");
  }
  ListenAddress address;
  address.is_unix = true;
  address.path = path;
  return address;
}

absl::StatusOr<int> ParsePort(std::string_view text, std::string_view port) {
  int value = 0;
  const auto [end, error] =
      std::from_chars(port.data(), port.data() + port.size(), value);
  if (error != std::errc() || end != port.data() + port.size() || value < 0 ||
      value > 65535) {
    return Invalid(text, "the port must be a number in [0, 65535]");
  }
  return value;
}

bool IsIpv6Literal(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

}  // namespace

bool ListenAddress::IsLocal() const {
  if (is_unix || host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string ListenAddress::ToString() const {
  if (is_unix) return std::string(kUnixPrefix) + path;
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return ParseUnix(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Invalid(text, "expected HOST:PORT or unix:/PATH");
  }
  ListenAddress address;
  address.host = text.substr(0, colon);
  const bool brackets =
      address.host.starts_with('[') && address.host.ends_with(']');
  if (brackets) {
    address.host = address.host.substr(1, address.host.size() - 2);
    if (!IsIpv6Literal(address.host)) {
      return Invalid(text, "what is in the brackets is no IPv6 address");
    }
  }
  if (address.host.empty()) {
    return Invalid(text,
                   "the host is missing; 127.0.0.1 is this machine only, "
                   "0.0.0.0 is every interface");
  }
  if (!brackets && address.host.find(':') != std::string::npos) {
    return Invalid(text, "put an IPv6 address into brackets ([::1]:PORT)");
  }
  ASSIGN_OR_RETURN(address.port, ParsePort(text, text.substr(colon + 1)));
  return address;
}

}  // namespace mmfault::server
