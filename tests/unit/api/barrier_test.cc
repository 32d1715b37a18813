// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a barrier opens when enough have come, for all of them at once, and
// whoever goes before that leaves it. Method: callers on threads of their own,
// over the in-process channel.

#include "tests/unit/api/fault_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Stub = v1::FaultService::Stub;

class BarrierTest : public FaultTest {
 protected:
  static v1::ArriveAtBarrierRequest At(const std::string& barrier,
                                       int32_t parties,
                                       const std::string& party) {
    v1::ArriveAtBarrierRequest request;
    request.set_name("worlds/w/barriers/" + barrier);
    request.set_parties(parties);
    request.set_party(party);
    return request;
  }

  struct Arrival {
    grpc::Status status;
    v1::ArriveAtBarrierResponse response;
  };
  Arrival Arrive(const v1::ArriveAtBarrierRequest& request) {
    Arrival arrival;
    arrival.status =
        Call(*faults_, &Stub::ArriveAtBarrier, request, &arrival.response);
    return arrival;
  }
  std::future<Arrival> ArriveElsewhere(
      const v1::ArriveAtBarrierRequest& request) {
    return std::async(std::launch::async,
                      [this, request] { return Arrive(request); });
  }

  std::vector<std::string> Waiting() {
    v1::ListBarriersRequest request;
    request.set_parent("worlds/w");
    v1::ListBarriersResponse response;
    EXPECT_TRUE(Call(*faults_, &Stub::ListBarriers, request, &response).ok());
    std::vector<std::string> all;
    for (const v1::Barrier& barrier : response.barriers()) {
      all.insert(all.end(), barrier.waiting().begin(), barrier.waiting().end());
    }
    return all;
  }
  // Asks until it is so.
  void AwaitWaiting(size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (Waiting().size() != count) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
  }
};

TEST_F(BarrierTest, OpensWhenAllHaveCome) {
  for (int64_t generation = 1; generation <= 3; ++generation) {
    std::future<Arrival> a = ArriveElsewhere(At("b", 3, "a"));
    AwaitWaiting(1);
    std::future<Arrival> b = ArriveElsewhere(At("b", 3, "b"));
    AwaitWaiting(2);
    EXPECT_THAT(Waiting(), ElementsAre("a", "b"));
    const Arrival c = Arrive(At("b", 3, "c"));
    EXPECT_TRUE(c.response.opened());
    EXPECT_EQ(c.response.place(), 3);
    EXPECT_EQ(c.response.generation(), generation);
    EXPECT_EQ(a.get().response.place(), 1);
    EXPECT_EQ(b.get().response.place(), 2);
    EXPECT_THAT(Waiting(), IsEmpty());
  }
}

TEST_F(BarrierTest, OthersAreOthers) {
  std::future<Arrival> a = ArriveElsewhere(At("one", 2, "a"));
  std::future<Arrival> b = ArriveElsewhere(At("two", 2, "b"));
  AwaitWaiting(2);
  EXPECT_THAT(Waiting(), UnorderedElementsAre("a", "b"));
  EXPECT_TRUE(Arrive(At("two", 2, "c")).response.opened());
  EXPECT_TRUE(b.get().response.opened());
  EXPECT_THAT(Waiting(), ElementsAre("a"));
  EXPECT_TRUE(Arrive(At("one", 2, "c")).response.opened());
  EXPECT_TRUE(a.get().response.opened());
}

TEST_F(BarrierTest, WhoGoesHasLeft) {
  v1::ArriveAtBarrierRequest request = At("b", 2, "a");
  request.mutable_timeout();
  EXPECT_FALSE(Arrive(request).response.opened());
  request.mutable_timeout()->set_nanos(1'000'000);
  EXPECT_FALSE(Arrive(request).response.opened());

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  auto cancelled = std::async(std::launch::async, [&] {
    v1::ArriveAtBarrierResponse response;
    return faults_->ArriveAtBarrier(&context, At("b", 2, "a"), &response);
  });
  AwaitWaiting(1);
  context.TryCancel();
  EXPECT_EQ(cancelled.get().error_code(), grpc::StatusCode::CANCELLED);
  AwaitWaiting(0);
  // None of them counts.
  std::future<Arrival> b = ArriveElsewhere(At("b", 2, "b"));
  AwaitWaiting(1);
  const Arrival c = Arrive(At("b", 2, "c"));
  EXPECT_EQ(c.response.generation(), 1);
  EXPECT_TRUE(b.get().response.opened());
}

TEST_F(BarrierTest, WhatIsNoBarrierIsRefused) {
  EXPECT_EQ(Why(Arrive(At("b", 1, "")).status),
            "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  EXPECT_EQ(Why(Arrive(At("b", 1025, "")).status),
            "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  EXPECT_EQ(Why(Arrive(At("B!", 2, "")).status),
            "INVALID_ARGUMENT (NAME_MALFORMED)");
  EXPECT_EQ(Why(Arrive(At("b", 2, std::string(64, 'x'))).status),
            "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  std::future<Arrival> a = ArriveElsewhere(At("b", 3, "a"));
  AwaitWaiting(1);
  EXPECT_EQ(Why(Arrive(At("b", 2, "b")).status),
            "FAILED_PRECONDITION (BARRIER_MISMATCH)");
  v1::ResetWorldRequest reset;
  reset.set_name("worlds/w");
  v1::ResetWorldResponse again;
  ASSERT_TRUE(
      Call(*worlds_, &v1::WorldService::Stub::ResetWorld, reset, &again).ok());
  EXPECT_EQ(Why(a.get().status), "ABORTED (WORLD_GONE)");
}

}  // namespace
}  // namespace mmfault::api
