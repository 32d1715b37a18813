// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// in_order.h: the cells of groups that several workers run leave in the order
// of the groups, as though one had run them.
//
// Groups are taken in order, too, so the first one that is not done is always
// being run: what waits behind it is what the others do meanwhile.
//
// Locks: mutex_, which is held while cells leave. Threads: any.

#ifndef MMFAULT_SERVER_SWEEP_IN_ORDER_H_
#define MMFAULT_SERVER_SWEEP_IN_ORDER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "mmfault/v1/sweep.pb.h"

namespace mmfault::sweep {

class InOrder {
 public:
  // `groups`: their numbers, growing. `on_cell` is called by one worker at a
  // time.
  InOrder(std::vector<int64_t> groups,
          std::function<void(v1::SweepCell)> on_cell);

  // Where the next group that nobody has taken is in the list; nothing when
  // there is none, or when one has failed.
  std::optional<size_t> Take();
  int64_t GroupAt(size_t place) const { return groups_[place]; }
  // A cell of a group that was taken.
  void Add(size_t place, v1::SweepCell cell);
  // It has no more.
  void Done(size_t place, const absl::Status& status);

  // That of the first group that failed, in order.
  absl::Status status() const;

 private:
  struct Group {
    std::vector<v1::SweepCell> waiting = {};
    bool done = false;
  };

  const std::vector<int64_t> groups_;
  const std::function<void(v1::SweepCell)> on_cell_;
  mutable std::mutex mutex_;
  size_t next_ = 0;          // to be taken
  size_t front_ = 0;         // the first that is not done
  std::deque<Group> taken_;  // from the front on
  size_t failed_ = SIZE_MAX;
  absl::Status status_;
};

}  // namespace mmfault::sweep

#endif  // MMFAULT_SERVER_SWEEP_IN_ORDER_H_
