// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// event_ring.h: the newest events of a world, for readers that come and go.
//
// Grows with what happens, up to a bound; then the oldest go. Taking one in
// costs a copy; text is made when somebody reads.
//
// Threads: the world's runner only.

#ifndef MMFAULT_SERVER_HOST_EVENT_RING_H_
#define MMFAULT_SERVER_HOST_EVENT_RING_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/trace/event.h"

namespace mmfault::host {

// Something that a client did, or did not: nothing of the machine's.
struct ClientEvent {
  std::string client;
  std::string detail;
};

class EventRing {
 public:
  struct Entry {
    trace::Event event;
    uint32_t task_id = 0;    // of the task; slots are used again
    int32_t violation = -1;  // an index into the world's violations
    const ClientEvent* client = nullptr;  // valid until the next Push
  };

  void SetCapacity(size_t capacity) { capacity_ = capacity; }
  void Clear();

  void Push(const trace::Event& event, uint32_t task_id,
            int32_t violation = -1) {
    if (room_ == 0) [[unlikely]] {
      NextChunk();
    }
    Packed& packed = *at_++;
    --room_;
    const bool has_more = (event.start | event.end | event.detail) != 0 ||
                          event.value != 0 || violation != -1 ||
                          event.time_ns != time_ns_;
    packed.obj = event.op.obj.bits;
    packed.where = event.op.where;
    packed.step = event.step;
    packed.task_id = task_id;
    packed.task_and_one = static_cast<uint8_t>(event.task + 1);
    packed.kind = event.op.kind;
    packed.access = event.op.access;
    packed.has_more = has_more;
    if (has_more) [[unlikely]] {
      PushMore(event, violation);
    }
    ++pushed_;
  }

  void PushClient(uint64_t step, uint64_t time_ns, ClientEvent client);

  // Entries are numbered from 0 as they come; [first(), end()) are there.
  uint64_t first() const {
    return pushed_ > capacity_ ? pushed_ - capacity_ : 0;
  }
  uint64_t end() const { return pushed_; }
  Entry at(uint64_t number) const;

  // The first entry there of that step or a later one.
  uint64_t FirstOfStep(uint64_t step) const;
  // The step from which everything is there.
  uint64_t first_step() const;

 private:
  // Memory comes in pieces, so that growing moves nothing.
  static constexpr size_t kChunk = 128;
  static constexpr int32_t kOfClient = -2;  // More::violation

  // Half a cache line: the ring takes in every event of a live world, and what
  // few events have stands elsewhere.
  struct alignas(32) Packed {
    uint64_t obj;
    const char* where;
    uint64_t step;
    uint32_t task_id;
    uint8_t task_and_one;  // 0: no task
    trace::OpKind kind;
    trace::Access access;
    bool has_more;
  };
  static_assert(sizeof(Packed) == 32);

  struct More {
    uint64_t number;   // of the entry
    uint64_t time_ns;  // of this one and those after it
    uint64_t start;
    uint64_t end;
    int32_t value;  // a return code
    int32_t violation;
    uint8_t detail;
  };

  void NextChunk();
  void PushMore(const trace::Event& event, int32_t violation);
  const Packed& PackedAt(uint64_t number) const {
    const uint64_t place = number % capacity_;
    return chunks_[place / kChunk][place % kChunk];
  }

  size_t capacity_ = 1;
  uint64_t pushed_ = 0;
  Packed* at_ = nullptr;  // where the next one goes
  size_t room_ = 0;       // how many there
  std::vector<std::unique_ptr<Packed[]>> chunks_;
  std::deque<More> more_;  // what is there, and one before it
  uint64_t time_ns_ = 0;   // of the last one
  std::deque<std::pair<uint64_t, ClientEvent>> clients_;  // by entry's number
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_EVENT_RING_H_
