// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: the ring keeps the newest, and says honestly from where on it has all.

#include "server/host/event_ring.h"

#include <gtest/gtest.h>

namespace mmfault::host {
namespace {

// Events of steps 1, 1, 2, 2, 3, 3, ...
void Fill(EventRing* ring, int count) {
  for (int i = 0; i < count; ++i) {
    trace::Event event;
    event.step = static_cast<uint64_t>(i / 2 + 1);
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

}  // namespace
}  // namespace mmfault::host
