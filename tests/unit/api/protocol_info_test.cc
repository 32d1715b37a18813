// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what the API tells of a protocol is what the protocol says of itself.

#include "server/api/protocol_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/notifier/protocols.h"
#include "tests/support/matchers.h"

namespace mmfault::api {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Lt;

TEST(ProtocolInfoTest, NamesLeadBackToTheirProtocol) {
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const v1::Protocol told = ToProto(*protocol);
    const auto found = ProtocolNamed(told.name());
    ASSERT_OK(found);
    EXPECT_EQ(*found, protocol);
  }
}

TEST(ProtocolInfoTest, ErrorsAreNegativeAndAgreeWithUnregister) {
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const v1::Protocol told = ToProto(*protocol);
    EXPECT_THAT(told.register_errors(), Each(Lt(0))) << told.name();
    EXPECT_EQ(told.unregister() == v1::Protocol::UNREGISTER_CAN_FAIL,
              told.unregister_errors_size() > 0)
        << told.name();
    EXPECT_NE(told.unregister(), v1::Protocol::UNREGISTER_UNSPECIFIED);
  }
}

TEST(ProtocolInfoTest, AMistypedNameGetsTheNearest) {
  const auto found = ProtocolNamed("protocols/v21");
  EXPECT_EQ(base::ReasonOf(found.status()), "PROTOCOL_NOT_FOUND");
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("did you mean"));
}

TEST(ProtocolInfoTest, ForeignNamesAreMalformed) {
  for (const char* name : {"", "6.1", "protocols/", "worlds/6.1"}) {
    EXPECT_EQ(base::ReasonOf(ProtocolNamed(name).status()), "NAME_MALFORMED");
  }
}

}  // namespace
}  // namespace mmfault::api
