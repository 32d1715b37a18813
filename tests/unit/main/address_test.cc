// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: no address is taken for local that is not, and every refusal says what
// to type instead. Method: tables.

#include "server/main/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/error.h"
#include "server/main/credentials.h"
#include "tests/support/matchers.h"

namespace mmfault::server {
namespace {

using ::mmfault::testing_support::IsOk;
using ::mmfault::testing_support::StatusIs;
using ::testing::HasSubstr;

bool IsLocal(const std::string& text) {
  const auto address = ParseListenAddress(text);
  EXPECT_THAT(address, IsOk()) << text;
  return address.ok() && address->IsLocal();
}

TEST(AddressTest, RoundTripsWhatItTakes) {
  for (const char* text :
       {"127.0.0.1:0", "0.0.0.0:50051", "localhost:65535", "[::1]:7", "[::]:7",
        "db.example.com:80", "unix:/run/mmfault.sock"}) {
    const auto address = ParseListenAddress(text);
    ASSERT_THAT(address, IsOk());
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(AddressTest, OnlyLoopbackAndUnixAreLocal) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1",
                           "[::1]:1", "unix:/tmp/s"}) {
    EXPECT_TRUE(IsLocal(text)) << text;
  }
  for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[fe80::1]:1",
                           "[::ffff:127.0.0.1]:1", "localhost.example.com:1",
                           "127.0.0.1.nip.io:1", "127.1:1"}) {
    EXPECT_FALSE(IsLocal(text)) << text;
  }
}

TEST(AddressTest, RefusesWhatIsNeitherForm) {
  const std::string long_path = "unix:/" + std::string(107, 'x');
  for (const std::string& text :
       {std::string(), std::string("localhost"), std::string(":50051"),
        std::string("127.0.0.1:"), std::string("127.0.0.1:65536"),
        std::string("127.0.0.1:-1"), std::string("127.0.0.1:80x"),
        std::string("::1:80"), std::string("[nonsense]:80"),
        std::string("[]:80"), std::string("unix:relative"),
        std::string("unix:"), long_path}) {
    const auto address = ParseListenAddress(text);
    EXPECT_THAT(address, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_EQ(base::ReasonOf(address.status()), "LISTEN_ADDRESS_INVALID");
  }
}

absl::Status Credentials(const std::string& address, const TlsFiles& tls,
                         bool allow_insecure_public) {
  return CredentialsFor(*ParseListenAddress(address), tls,
                        allow_insecure_public)
      .status();
}

TEST(CredentialsTest, PlaintextOffLoopbackNeedsThePermission) {
  const absl::Status refused = Credentials("0.0.0.0:50051", {}, false);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("--allow-insecure-public")));
  EXPECT_EQ(base::ReasonOf(refused), "PLAINTEXT_ON_PUBLIC_ADDRESS");
  EXPECT_THAT(Credentials("0.0.0.0:50051", {}, true), IsOk());
  EXPECT_THAT(Credentials("127.0.0.1:50051", {}, false), IsOk());
  EXPECT_THAT(Credentials("unix:/tmp/s", {}, false), IsOk());
}

TEST(CredentialsTest, HalfAKeyPairIsRefusedEverywhere) {
  for (const TlsFiles& tls :
       {TlsFiles{.cert = "c", .key = "", .client_ca = ""},
        TlsFiles{.cert = "", .key = "k", .client_ca = ""},
        TlsFiles{.cert = "", .key = "", .client_ca = "ca"}}) {
    for (const char* address : {"0.0.0.0:1", "127.0.0.1:1", "unix:/tmp/s"}) {
      EXPECT_EQ(base::ReasonOf(Credentials(address, tls, true)),
                "TLS_FILES_INCOMPLETE");
    }
  }
}

TEST(CredentialsTest, UnreadableFileIsNamed) {
  const absl::Status status = Credentials(
      "0.0.0.0:1",
      {.cert = "/nonexistent/server.pem", .key = "k", .client_ca = ""}, false);
  EXPECT_EQ(base::ReasonOf(status), "TLS_FILE_UNREADABLE");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--tls-cert=/nonexistent/server.pem: No such "
                                 "file or directory")));
}

}  // namespace
}  // namespace mmfault::server
