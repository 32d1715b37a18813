// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: each call gets empty messages of its own, whatever the memory was used
// for before. Run under ASan: a message that outlives its memory is seen there.

#include "server/api/arena_messages.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "mmfault/v1/mm_service.pb.h"

namespace mmfault::api {
namespace {

using Messages = ArenaMessages<v1::RunStepRequest, v1::RunStepResponse>;
using Holder = grpc::MessageHolder<v1::RunStepRequest, v1::RunStepResponse>;

void Use(Holder& holder, const std::string& name) {
  EXPECT_EQ(holder.request()->ByteSizeLong(), 0u);
  EXPECT_EQ(holder.response()->ByteSizeLong(), 0u);
  holder.request()->set_parent(name);
  holder.request()->mutable_step()->mutable_madvise()->mutable_range()->set_end(
      4096);
  holder.response()->mutable_result()->set_rc(-4);
  holder.response()->set_task(name);
}

TEST(ArenaMessagesTest, EmptyEachTime) {
  Messages messages;
  // The second text is far larger than the block.
  for (const size_t size : {10, 100'000, 10}) {
    Holder* holder = messages.AllocateMessages();
    Use(*holder, std::string(size, 'x'));
    holder->Release();
  }
}

TEST(ArenaMessagesTest, CallsAtOnceHaveTheirOwn) {
  Messages messages;
  std::vector<Holder*> holders;
  for (int i = 0; i < 100; ++i) {  // more than a thread keeps
    holders.push_back(messages.AllocateMessages());
    Use(*holders.back(), std::to_string(i));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(holders[static_cast<size_t>(i)]->request()->parent(),
              std::to_string(i));
    holders[static_cast<size_t>(i)]->Release();
  }
}

TEST(ArenaMessagesTest, ReleasedOnAnotherThread) {
  Messages messages;
  Holder* holder = messages.AllocateMessages();
  Use(*holder, "worlds/w");
  std::thread([&] {
    holder->Release();
    Holder* next = messages.AllocateMessages();
    Use(*next, "worlds/v");
    next->Release();
  }).join();
}

}  // namespace
}  // namespace mmfault::api
