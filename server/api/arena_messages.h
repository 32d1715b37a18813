// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// arena_messages.h: request and response of a frequent unary call in memory
// that is used again.
//
// A small nested message costs an allocation for each of its parts. Here all of
// a call's parts are in one block, which the thread keeps for its next call.
//
// Threads: any; a block may be given back on another thread than it came from.

#ifndef MMFAULT_SERVER_API_ARENA_MESSAGES_H_
#define MMFAULT_SERVER_API_ARENA_MESSAGES_H_

#include <google/protobuf/arena.h>
#include <grpcpp/support/message_allocator.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace mmfault::api {

template <typename Request, typename Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override {
    auto& kept = Kept();
    std::unique_ptr<Holder> holder;
    if (kept.empty()) {
      holder = std::make_unique<Holder>();
    } else {
      holder = std::move(kept.back());
      kept.pop_back();
    }
    holder->Prepare();
    return holder.release();  // Release() ends it
  }

 private:
  static constexpr size_t kBlockBytes = 1024;
  static constexpr size_t kMostKept = 32;

  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    Holder() : arena_(block_, sizeof block_) {}

    void Prepare() {
      using google::protobuf::Arena;
      this->set_request(Arena::CreateMessage<Request>(&arena_));
      this->set_response(Arena::CreateMessage<Response>(&arena_));
    }

    void Release() override {
      std::unique_ptr<Holder> self(this);
      arena_.Reset();
      auto& kept = Kept();
      if (kept.size() < kMostKept) {
        kept.push_back(std::move(self));
      }
    }

   private:
    alignas(std::max_align_t) char block_[kBlockBytes];
    google::protobuf::Arena arena_;
  };

  static std::vector<std::unique_ptr<Holder>>& Kept() {
    thread_local std::vector<std::unique_ptr<Holder>> kept;
    return kept;
  }
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_ARENA_MESSAGES_H_
