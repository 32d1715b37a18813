// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a lease holds goes with it, however it ends, and nothing else does.
// Method: HoldLease streams over the in-process channel that half-close, break,
// fall silent, or break the protocol.

#include "tests/unit/api/fault_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Stub = v1::FaultService::Stub;
using std::chrono::milliseconds;

class LeaseTest : public FaultTest {
 protected:
  static v1::ArmFaultRequest Held(const std::string& id,
                                  const std::string& lease,
                                  const std::string& trigger = "1*hold") {
    v1::ArmFaultRequest request = Rule(id, kAfterStart, trigger);
    request.mutable_fault()->set_lease(lease);
    return request;
  }

  std::vector<v1::Lease> Leases() {
    v1::ListLeasesResponse response;
    EXPECT_TRUE(
        Call(*faults_, &Stub::ListLeases, v1::ListLeasesRequest(), &response)
            .ok());
    return {response.leases().begin(), response.leases().end()};
  }

  // One lease's task stands at a hold, and another lease has a rule there. When
  // `end` ends the first, its task goes on, and the other's rule is left.
  template <typename End>
  void EndWhileItHolds(milliseconds ttl, End end) {
    HeldLease other(*faults_, "other");
    HeldLease lease(*faults_, "kvm", ttl);
    ASSERT_TRUE(Arm(Held("mine", lease.name())).ok());
    ASSERT_TRUE(Arm(Held("theirs", other.name(), "off")).ok());
    std::future<int32_t> unmapped = UnmapElsewhere();
    EXPECT_TRUE(WaitFor(kAfterStart).reached());
    end(&lease);
    EXPECT_EQ(unmapped.get(), 0);
    ASSERT_THAT(Armed(), SizeIs(1));
    EXPECT_EQ(Armed()[0].name(), "worlds/w/faults/theirs");
    EXPECT_EQ(Why(Arm(Held("late", lease.name()))),
              "NOT_FOUND (LEASE_NOT_FOUND)");
    ASSERT_THAT(Leases(), SizeIs(1));
    EXPECT_EQ(Leases()[0].client(), "other");
  }
};

TEST_F(LeaseTest, HalfClosingEndsIt) {
  EndWhileItHolds(std::chrono::minutes(5), [](HeldLease* lease) {
    lease->HalfClose();
    EXPECT_TRUE(lease->Finish().ok());
  });
}

TEST_F(LeaseTest, ABrokenStreamEndsIt) {
  EndWhileItHolds(std::chrono::minutes(5),
                  [](HeldLease* lease) { lease->Cancel(); });
}

TEST_F(LeaseTest, SilenceEndsIt) {
  EndWhileItHolds(milliseconds(200), [](HeldLease* lease) {
    const v1::HoldLeaseResponse notice = lease->Read();
    EXPECT_TRUE(notice.has_expires_soon());
    EXPECT_LE(notice.expires_soon().remaining().nanos(), 100'000'000);
    EXPECT_FALSE(lease->Read().has_lease());
  });
}

// A client that does not read cannot keep what it has armed.
TEST_F(LeaseTest, SilenceEndsItUnread) {
  EndWhileItHolds(milliseconds(200), [](HeldLease* /*lease*/) {});
}

TEST_F(LeaseTest, WhoSpeaksKeepsIt) {
  HeldLease lease(*faults_, "kvm", milliseconds(400));
  ASSERT_TRUE(Arm(Held("mine", lease.name())).ok());
  // Each notice comes at half of the time; five of them are more than twice
  // the time that silence would have been given.
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(lease.Read().has_expires_soon());
    lease.KeepAlive();
  }
  EXPECT_THAT(Armed(), SizeIs(1));
  lease.HalfClose();
  EXPECT_TRUE(lease.Finish().ok());
}

TEST_F(LeaseTest, OneIsHeldInSeveralWorlds) {
  ASSERT_TRUE(CreateWorld("x", Settings()).ok());
  HeldLease lease(*faults_, "kvm", std::chrono::minutes(5), "l");
  EXPECT_EQ(lease.name(), "leases/l");
  v1::ArmFaultRequest request = Held("a", lease.name(), "off");
  ASSERT_TRUE(Arm(request).ok());
  request.set_parent("worlds/x");
  v1::Fault fault;
  ASSERT_TRUE(Arm(request, &fault).ok());
  EXPECT_EQ(fault.client(), "kvm");
  EXPECT_EQ(fault.lease(), "leases/l");
  ASSERT_THAT(Leases(), SizeIs(1));
  EXPECT_THAT(Leases()[0].worlds(), ElementsAre("worlds/w", "worlds/x"));
  lease.HalfClose();
  EXPECT_TRUE(lease.Finish().ok());
  EXPECT_THAT(Armed("w"), IsEmpty());
  EXPECT_THAT(Armed("x"), IsEmpty());
}

// A lease that is opened again under the same name holds nothing of before.
TEST_F(LeaseTest, ANameMayBeUsedAgain) {
  {
    HeldLease lease(*faults_, "kvm", std::chrono::minutes(5), "l");
    const HeldLease second(*faults_, "kvm", std::chrono::minutes(5), "l");
    EXPECT_THAT(second.name(), IsEmpty());
    ASSERT_TRUE(Arm(Held("a", lease.name(), "off")).ok());
    lease.HalfClose();
    EXPECT_TRUE(lease.Finish().ok());
  }
  HeldLease lease(*faults_, "vfio", std::chrono::minutes(5), "l");
  ASSERT_TRUE(Arm(Held("b", lease.name(), "off")).ok());
  ASSERT_THAT(Armed(), SizeIs(1));
  EXPECT_EQ(Armed()[0].client(), "vfio");
}

TEST_F(LeaseTest, AClientAndItsLeaseAreNoOther) {
  HeldLease lease(*faults_, "kvm");
  v1::ArmFaultRequest request = Held("a", lease.name());
  request.mutable_fault()->set_client("vfio");
  const grpc::Status status = Arm(request);
  EXPECT_EQ(Why(status), "INVALID_ARGUMENT (UNSUPPORTED_SETTING)");
  EXPECT_EQ(client::DetailsOf(status).field, "fault.client");
}

class LeaseProtocolTest : public FaultTest {
 protected:
  grpc::Status EndOf(const std::vector<v1::HoldLeaseRequest>& messages) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = faults_->HoldLease(&context);
    for (const v1::HoldLeaseRequest& message : messages) {
      stream->Write(message);
    }
    v1::HoldLeaseResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }
  static v1::HoldLeaseRequest Open(const std::string& client) {
    v1::HoldLeaseRequest request;
    request.mutable_open()->set_client(client);
    return request;
  }
};

TEST_F(LeaseProtocolTest, WhatIsNoLeaseIsRefused) {
  v1::HoldLeaseRequest keep_alive;
  keep_alive.mutable_keep_alive();
  EXPECT_EQ(Why(EndOf({keep_alive})), "INVALID_ARGUMENT (STREAM_PROTOCOL)");
  EXPECT_EQ(Why(EndOf({Open("kvm"), Open("kvm")})),
            "INVALID_ARGUMENT (STREAM_PROTOCOL)");
  EXPECT_EQ(Why(EndOf({Open("")})), "INVALID_ARGUMENT (FIELD_MISSING)");
  EXPECT_EQ(Why(EndOf({Open("K V M")})), "INVALID_ARGUMENT (NAME_MALFORMED)");
  v1::HoldLeaseRequest open = Open("kvm");
  open.mutable_open()->mutable_ttl()->set_nanos(1'000'000);
  EXPECT_EQ(Why(EndOf({open})), "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  open.mutable_open()->mutable_ttl()->set_seconds(7200);
  EXPECT_EQ(Why(EndOf({open})), "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
}

TEST_F(LeaseProtocolTest, SilenceIsSaid) {
  HeldLease lease(*faults_, "kvm", milliseconds(100));
  while (lease.Read().message_case() != 0) {
  }
  const grpc::Status status = lease.Finish();
  // The stream is also cancelled, for those who would never read its end.
  EXPECT_THAT(Why(status), ::testing::AnyOf("DEADLINE_EXCEEDED (LEASE_EXPIRED)",
                                            HasSubstr("CANCELLED")));
}

}  // namespace
}  // namespace mmfault::api
