// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/remote_notifier.h"

#include <gtest/gtest.h>

namespace mmfault::client {
namespace {

// Returns the number of the event it was called for.
class EventEcho : public RemoteNotifier {
 public:
  EventEcho() : RemoteNotifier("n0") {}
  int InvalidateRangeStart(Callback& call) override { return call.event(); }
  int InvalidateRangeEnd(Callback& call) override { return call.event(); }
  int InvalidatePage(Callback& call) override { return call.event(); }
  int Release(Callback& call) override { return call.event(); }
  int InvalidateRange(Callback& call) override { return call.event(); }
  int ClearFlushYoung(Callback& call) override { return call.event(); }
  int ClearYoung(Callback& call) override { return call.event(); }
  int TestYoung(Callback& call) override { return call.event(); }
  int ChangePte(Callback& call) override { return call.event(); }
  int IntervalInvalidate(Callback& call) override { return call.event(); }
  int FreeNotifier(Callback& call) override { return call.event(); }
  int Establish(Callback& call) override { return call.event(); }
};

TEST(RemoteNotifierTest, EveryEventHasItsMethod) {
  EventEcho echo;
  for (int event = v1::CallbackEvent_MIN + 1; event <= v1::CallbackEvent_MAX;
       ++event) {
    v1::AttachResponse::Callback message;
    message.set_event(static_cast<v1::CallbackEvent>(event));
    Callback call(message);
    EXPECT_EQ(echo.Dispatch(call), event);
  }
}

TEST(RemoteNotifierTest, AnEventOfTomorrowIsAnsweredWithZero) {
  EventEcho echo;
  v1::AttachResponse::Callback message;
  message.set_event(static_cast<v1::CallbackEvent>(900));
  Callback call(message);
  EXPECT_EQ(echo.Dispatch(call), 0);
}

TEST(MightSleepTest, OutsideOfACallbackItDoesNothing) { MightSleep(); }

TEST(CallbackTest, TheAckSaysWhatWasDropped) {
  v1::AttachResponse::Callback message;
  message.set_callback_number(4);
  Callback call(message);
  call.Dropped(0x1000, 0x2000);
  const v1::AttachRequest::Ack* ack = call.TakeAck(1);
  EXPECT_EQ(ack->callback_number(), 4);
  EXPECT_EQ(ack->rc(), 1);
  ASSERT_EQ(ack->dropped_size(), 1);
  EXPECT_EQ(ack->dropped(0).end(), 0x2000u);
  EXPECT_FALSE(ack->dropped_range());
}

}  // namespace
}  // namespace mmfault::client
