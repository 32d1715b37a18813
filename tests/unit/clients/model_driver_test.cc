// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a model answered from afar makes the mistakes of its twin in the server.
// Method: each behaviour, set and not set, against one callback.

#include "clients/cpp/model_driver.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace mmfault::client {
namespace {

using google::protobuf::TextFormat;

// The acknowledgements to these events, in order.
std::vector<v1::AttachRequest::Ack> AcksOf(
    const std::string& model_text, const std::vector<v1::CallbackEvent>& events,
    bool blockable = true) {
  v1::ModelledDevice model;
  EXPECT_TRUE(TextFormat::ParseFromString(model_text, &model));
  ModelDriver driver("n0", v1::Notifier::KIND_LIST, model);
  std::vector<v1::AttachRequest::Ack> acks;
  for (const v1::CallbackEvent event : events) {
    v1::AttachResponse::Callback message;
    message.set_event(event);
    message.set_blockable(blockable);
    Callback call(message);
    const int rc = driver.Dispatch(call);
    acks.push_back(*call.TakeAck(rc));
  }
  return acks;
}

const std::vector<v1::CallbackEvent> kStart = {
    v1::CALLBACK_EVENT_INVALIDATE_RANGE_START};
const std::vector<v1::CallbackEvent> kStartEnd = {
    v1::CALLBACK_EVENT_INVALIDATE_RANGE_START,
    v1::CALLBACK_EVENT_INVALIDATE_RANGE_END};

TEST(ModelDriverTest, TheDefaultDropsAtStartAndOnRelease) {
  const auto acks = AcksOf("", kStartEnd);
  EXPECT_TRUE(acks[0].dropped_range());
  EXPECT_FALSE(acks[1].dropped_range());
  EXPECT_FALSE(acks[0].slept());
  EXPECT_TRUE(AcksOf("", {v1::CALLBACK_EVENT_RELEASE})[0].dropped_range());
}

TEST(ModelDriverTest, ForgetsInvalidate) {
  EXPECT_FALSE(AcksOf("forgets_invalidate: true", kStart)[0].dropped_range());
  EXPECT_FALSE(AcksOf("forgets_invalidate: true",
                      {v1::CALLBACK_EVENT_INVALIDATE_PAGE})[0]
                   .dropped_range());
}

TEST(ModelDriverTest, DropsAtEnd) {
  const auto acks = AcksOf("drops_at_end: true", kStartEnd);
  EXPECT_FALSE(acks[0].dropped_range());
  EXPECT_TRUE(acks[1].dropped_range());
}

TEST(ModelDriverTest, ForgetsRelease) {
  EXPECT_FALSE(AcksOf("forgets_release: true", {v1::CALLBACK_EVENT_RELEASE})[0]
                   .dropped_range());
}

TEST(ModelDriverTest, SleepsAndAllocatesSayThatTheySlept) {
  EXPECT_TRUE(AcksOf("sleeps: true", kStart)[0].slept());
  EXPECT_TRUE(AcksOf("allocates: true", kStart)[0].slept());
}

TEST(ModelDriverTest, AnAnswerIsForItsHitOnly) {
  const auto acks = AcksOf(
      "answer { event: CALLBACK_EVENT_INVALIDATE_RANGE_START rc: -11 hit: 2 }",
      {kStart[0], kStart[0], kStart[0]});
  EXPECT_EQ(acks[0].rc(), 0);
  EXPECT_EQ(acks[1].rc(), -11);
  // What refuses has dropped nothing.
  EXPECT_FALSE(acks[1].dropped_range());
  EXPECT_EQ(acks[2].rc(), 0);
}

TEST(ModelDriverTest, AnAnswerForNonblockingOnly) {
  const std::string model =
      "answer { event: CALLBACK_EVENT_INVALIDATE_RANGE_START rc: -11 "
      "only_nonblocking: true }";
  EXPECT_EQ(AcksOf(model, kStart, true)[0].rc(), 0);
  EXPECT_EQ(AcksOf(model, kStart, false)[0].rc(), -11);
}

TEST(NotifiersOfTest, DeclaredAndNamedBySteps) {
  v1::Scenario scenario;
  ASSERT_TRUE(TextFormat::ParseFromString(
      R"(notifier { id: "n0" modelled { sleeps: true } }
         task { step { register { notifier: "n0" } }
                step { insert { notifier: "i0" } }
                step { unregister { notifier: "n9" } } })",
      &scenario));
  const auto setups = NotifiersOf(scenario);
  ASSERT_EQ(setups.size(), 2u);
  EXPECT_TRUE(setups.at("n0").modelled().sleeps());
  EXPECT_EQ(setups.at("i0").kind(), v1::Notifier::KIND_INTERVAL);
}

}  // namespace
}  // namespace mmfault::client
