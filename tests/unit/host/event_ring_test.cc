// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: the ring keeps the newest, and says honestly from where on it has all.

#include "server/host/event_ring.h"

#include <gtest/gtest.h>

#include <vector>

namespace mmfault::host {
namespace {

// Events of steps 1, 1, 2, 2, 3, 3, ...
void Fill(EventRing* ring, int count) {
  for (int i = 0; i < count; ++i) {
    trace::Event event;
    event.step = static_cast<uint64_t>(i) / 2 + 1;
    ring->Push(event, 0);
  }
}

TEST(EventRingTest, KeepsAllWhileThereIsRoom) {
  EventRing ring;
  ring.SetCapacity(10);
  EXPECT_EQ(ring.first_step(), 0u);
  Fill(&ring, 10);
  EXPECT_EQ(ring.first(), 0u);
  EXPECT_EQ(ring.first_step(), 0u);
  EXPECT_EQ(ring.FirstOfStep(0), 0u);
  EXPECT_EQ(ring.FirstOfStep(3), 4u);
  EXPECT_EQ(ring.FirstOfStep(99), 10u);
}

TEST(EventRingTest, EvictsTheOldest) {
  EventRing ring;
  ring.SetCapacity(5);
  Fill(&ring, 12);
  EXPECT_EQ(ring.first(), 7u);
  EXPECT_EQ(ring.end(), 12u);
  // Step 4 has lost its first event.
  EXPECT_EQ(ring.first_step(), 5u);
  EXPECT_EQ(ring.at(ring.FirstOfStep(5)).event.step, 5u);
  ring.Clear();
  EXPECT_EQ(ring.end(), 0u);
  EXPECT_EQ(ring.first_step(), 0u);
}

// What few events have, and the time, which stands still mostly: as told, for
// each entry there, at any fill. Capacities are below, at and above a piece of
// the ring's memory.
TEST(EventRingTest, GivesBackWhatItTook) {
  for (const size_t capacity : {1, 5, 100, 128, 129, 300}) {
    EventRing ring;
    ring.SetCapacity(capacity);
    std::vector<trace::Event> told;
    for (uint64_t i = 0; i < 700; ++i) {
      trace::Event event;
      event.step = i;
      event.time_ns = i / 7 * 10;
      event.task = static_cast<int>(i % 5) - 1;
      event.op.where = "here";
      if (i % 3 == 0) {
        event.start = i;
        event.end = i + 4096;
      }
      event.value = i % 11 == 0 ? -12 : 0;
      told.push_back(event);
      const bool violates = i % 13 == 0;
      ring.Push(event, static_cast<uint32_t>(i),
                violates ? static_cast<int32_t>(i) : -1);
      for (uint64_t n : {ring.first(), (ring.first() + i) / 2, i}) {
        const EventRing::Entry entry = ring.at(n);
        ASSERT_EQ(entry.event.step, told[n].step);
        ASSERT_EQ(entry.event.time_ns, told[n].time_ns) << n << " of " << i;
        ASSERT_EQ(entry.event.task, told[n].task);
        ASSERT_EQ(entry.event.start, told[n].start);
        ASSERT_EQ(entry.event.end, told[n].end);
        ASSERT_EQ(entry.event.value, told[n].value);
        ASSERT_EQ(entry.task_id, n);
        ASSERT_EQ(entry.violation, n % 13 == 0 ? static_cast<int>(n) : -1);
      }
    }
  }
}

TEST(EventRingTest, ClientsEventsStandBetweenTheWorlds) {
  EventRing ring;
  ring.SetCapacity(4);
  Fill(&ring, 3);
  ring.PushClient(2, 0, {"c1", "left"});
  Fill(&ring, 2);
  ASSERT_EQ(ring.first(), 2u);
  EXPECT_EQ(ring.at(2).client, nullptr);
  ASSERT_NE(ring.at(3).client, nullptr);
  EXPECT_EQ(ring.at(3).client->detail, "left");
  EXPECT_EQ(ring.at(3).violation, -1);
  EXPECT_EQ(ring.at(4).client, nullptr);
}

}  // namespace
}  // namespace mmfault::host
