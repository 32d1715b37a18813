// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// barrier_book.h: barriers of a world's clients, by name.
//
// A barrier knows how many it takes while somebody waits at it; nobody does any
// more once it has opened. Its generation is kept for as long as there is room.
//
// Threads: the world's runner only. Answers are given on it, too.

#ifndef MMFAULT_SERVER_HOST_BARRIER_BOOK_H_
#define MMFAULT_SERVER_HOST_BARRIER_BOOK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/fault_service.pb.h"

namespace mmfault::host {

class BarrierBook {
 public:
  static constexpr size_t kMaxBarriers = 256;
  static constexpr int32_t kMaxParties = 1024;
  using Response = v1::ArriveAtBarrierResponse;
  // Called once.
  using Answer = std::function<void(absl::StatusOr<Response>)>;

  // `world` is the resource name, `worlds/w1`.
  explicit BarrierBook(std::string world) : world_(std::move(world)) {}

  // Comes to a barrier. Returns the waiter's number, from 1; by then it may
  // have been answered.
  //
  // Errors, the answer not called: INVALID_ARGUMENT (FIELD_OUT_OF_RANGE),
  // FAILED_PRECONDITION (BARRIER_MISMATCH), RESOURCE_EXHAUSTED
  // (QUOTA_EXCEEDED).
  absl::StatusOr<uint64_t> Arrive(const std::string& id, int32_t parties,
                                  const std::string& party, Answer answer);

  // The waiter goes: with `timed_out` it is answered that the barrier did not
  // open, otherwise nobody listens any more. Does nothing for one that was
  // answered.
  void Leave(uint64_t waiter, bool timed_out);

  // Everybody who waits gets the status. Generations begin anew.
  void Fail(const absl::Status& status);

  // Those at which somebody waits, by id.
  std::vector<std::pair<std::string, v1::Barrier>> All() const;

 private:
  struct Waiter {
    uint64_t number = 0;
    std::string party;
    Answer answer;
  };
  struct Entry {
    int32_t parties = 0;
    int64_t generation = 0;
    std::vector<Waiter> waiting;  // in the order of arrival
  };

  absl::StatusOr<Entry*> Find(const std::string& id, int32_t parties);
  static void Open(Entry* entry);

  const std::string world_;
  std::map<std::string, Entry> entries_;  // by id
  uint64_t next_waiter_ = 1;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_BARRIER_BOOK_H_
