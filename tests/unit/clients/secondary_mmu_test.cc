// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: the table follows the retry protocol. Method: a script that puts an
// invalidation between the look-up and the mapping, or under the mapping.

#include "clients/cpp/secondary_mmu.h"

#include <gtest/gtest.h>

#include "tests/unit/clients/scripted_server.h"

namespace mmfault::client {
namespace {

constexpr uint64_t kAddress = 0x1000;
constexpr auto kStart = v1::CALLBACK_EVENT_INVALIDATE_RANGE_START;
constexpr auto kEnd = v1::CALLBACK_EVENT_INVALIDATE_RANGE_END;

Attachment::Options OptionsForWorld() {
  Attachment::Options options;
  options.parent = "worlds/w";
  return options;
}

TEST(SecondaryMmuTest, MapsThePageThatWasLookedUp) {
  int64_t mapped = 0;
  ScriptedServer server([&mapped](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Result(end.Read().call().tag(), 0, 7);
    const v1::AttachRequest::Call call = end.Read().call();
    mapped = call.step().establish().page().pfn();
    end.Result(call.tag(), 0);
    end.Read();
    return grpc::Status::OK;
  });
  SecondaryMmu mmu("n0");
  auto attached = Attachment::Open(server.session(), OptionsForWorld());
  ASSERT_TRUE(attached.value->Bind(mmu).ok());
  EXPECT_EQ(mmu.LookUpAndMap(*attached.value, kAddress + 8, true).value.rc(),
            0);
  EXPECT_EQ(mapped, 7);
  ASSERT_TRUE(mmu.Find(kAddress).has_value());
  EXPECT_EQ(mmu.Find(kAddress)->page.pfn(), 7);
  EXPECT_TRUE(attached.value->Close().ok());
}

TEST(SecondaryMmuTest, AnInvalidationInBetweenMakesItLookAgain) {
  int64_t mapped = 0;
  ScriptedServer server([&mapped](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    const int64_t tag = end.Read().call().tag();
    end.Call(1, "n0", kStart);
    end.Read();
    end.Call(2, "n0", kEnd);
    end.Read();
    end.Result(tag, 0, 7);  // Stale by now.
    end.Result(end.Read().call().tag(), 0, 8);
    const v1::AttachRequest::Call call = end.Read().call();
    mapped = call.step().establish().page().pfn();
    end.Result(call.tag(), 0);
    end.Read();
    return grpc::Status::OK;
  });
  SecondaryMmu mmu("n0");
  auto attached = Attachment::Open(server.session(), OptionsForWorld());
  ASSERT_TRUE(attached.value->Bind(mmu).ok());
  EXPECT_EQ(mmu.LookUpAndMap(*attached.value, kAddress, false).value.rc(), 0);
  EXPECT_EQ(mapped, 8);
  EXPECT_TRUE(attached.value->Close().ok());
}

// The start comes while the mapping is under way: it is acknowledged only after
// the mapping is there, and takes it out.
TEST(SecondaryMmuTest, AStartWaitsForAMappingUnderWay) {
  bool is_ack = false;
  bool dropped = false;
  ScriptedServer server([&](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Result(end.Read().call().tag(), 0, 7);
    const int64_t tag = end.Read().call().tag();
    end.Call(1, "n0", kStart);
    end.Result(tag, 0);
    const v1::AttachRequest request = end.Read();
    is_ack = request.has_ack();
    dropped = request.ack().dropped_range();
    end.Read();
    return grpc::Status::OK;
  });
  SecondaryMmu mmu("n0");
  auto attached = Attachment::Open(server.session(), OptionsForWorld());
  ASSERT_TRUE(attached.value->Bind(mmu).ok());
  EXPECT_EQ(mmu.LookUpAndMap(*attached.value, kAddress, false).value.rc(), 0);
  while (attached.value->acked_count() < 1) std::this_thread::yield();
  EXPECT_TRUE(attached.value->Close().ok());
  EXPECT_TRUE(is_ack);
  EXPECT_TRUE(dropped);
  EXPECT_EQ(mmu.mapping_count(), 0u);
}

TEST(SecondaryMmuTest, AfterReleaseNothingIsMapped) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Call(1, "n0", v1::CALLBACK_EVENT_RELEASE, 0, ~uint64_t{0});
    end.Read();
    end.Read();
    return grpc::Status::OK;
  });
  SecondaryMmu mmu("n0");
  auto attached = Attachment::Open(server.session(), OptionsForWorld());
  ASSERT_TRUE(attached.value->Bind(mmu).ok());
  while (attached.value->acked_count() < 1) std::this_thread::yield();
  EXPECT_TRUE(mmu.is_released());
  EXPECT_EQ(mmu.LookUpAndMap(*attached.value, kAddress, false).value.rc(), -3);
  EXPECT_TRUE(attached.value->Close().ok());
}

TEST(SecondaryMmuTest, TheServersMappingIsNoted) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Result(end.Read().call().tag(), 0, 9);
    end.Read();
    return grpc::Status::OK;
  });
  SecondaryMmu mmu("n0");
  auto attached = Attachment::Open(server.session(), OptionsForWorld());
  ASSERT_TRUE(attached.value->Bind(mmu).ok());
  EXPECT_EQ(mmu.Establish(*attached.value, kAddress, true).value.rc(), 0);
  EXPECT_EQ(mmu.mapping_count(), 1u);
  EXPECT_TRUE(attached.value->Close().ok());
}

}  // namespace
}  // namespace mmfault::client
