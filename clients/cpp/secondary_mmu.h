// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// secondary_mmu.h: a driver that mirrors an mm, right.
//
// Keeps a table of the pages it maps and the two numbers of the kernel's retry
// protocol (virt/kvm/kvm_main.c): invalidations in progress, and a sequence
// that every end moves. Start drops what is in the range and counts; end moves
// the sequence and counts down; a fault maps only if neither moved since the
// page was looked up.
//
// Lock order: a driver lock of its own, innermost. Threads: all members from
// any thread; callbacks may run at the same time.

#ifndef MMFAULT_CLIENTS_CPP_SECONDARY_MMU_H_
#define MMFAULT_CLIENTS_CPP_SECONDARY_MMU_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "clients/cpp/attachment.h"
#include "clients/cpp/remote_notifier.h"

namespace mmfault::client {

class SecondaryMmu : public RemoteNotifier {
 public:
  // What the device maps at an address.
  struct Mapping {
    v1::PageRef page;
    bool write = false;
  };

  using RemoteNotifier::RemoteNotifier;

  // Maps the page at `address`; the server runs the whole protocol and this
  // side notes the result. `rc` in the answer: 0, -EFAULT, -ENOMEM, -ESRCH,
  // -EBUSY.
  StepAnswer Establish(Attachment& attachment, uint64_t address, bool write,
                       const std::string& task = "");

  // The same with the protocol run here: look the page up, check for an
  // invalidation in between under the driver's lock, map or look again. Needs
  // Dispatch::kThreads: an invalidation that meets a mapping under way waits
  // for it, as it would for the lock.
  //
  // With one simulated CPU and an invalidation in atomic context the task that
  // maps cannot run, and both wait for ever; a driver that cannot exclude this
  // uses Establish().
  StepAnswer LookUpAndMap(Attachment& attachment, uint64_t address, bool write,
                          const std::string& task = "");

  // Drops what is mapped in [start, end), of the device's own accord.
  StepAnswer Drop(Attachment& attachment, uint64_t start, uint64_t end,
                  const std::string& task = "");

  std::optional<Mapping> Find(uint64_t address) const;
  size_t mapping_count() const;

  // True once release() has run: nothing is mapped any more.
  bool is_released() const;

  int InvalidateRangeStart(Callback& call) override;
  int InvalidateRangeEnd(Callback& call) override;
  int InvalidatePage(Callback& call) override;
  int InvalidateRange(Callback& call) override;
  int ChangePte(Callback& call) override;
  int IntervalInvalidate(Callback& call) override;
  int Establish(Callback& call) override;
  int Release(Callback& call) override;
  void Reset(const v1::AttachResponse::WorldReset& reset) override;

 private:
  // Drops from the table and says so; waits for mappings under way.
  void DropRange(Callback& call, std::unique_lock<std::mutex>& lock);
  void Invalidate(Callback& call);
  // False when an invalidation came in between.
  bool BeginInstall(uint64_t seq, uint64_t address, const Mapping& mapping);
  void EndInstall(uint64_t address);
  // The sequence once no invalidation is in progress; none after release.
  std::optional<uint64_t> WaitForQuiet();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, Mapping> mappings_;  // mutex_; by address
  std::set<uint64_t> installing_;         // mutex_; addresses under way
  uint64_t invalidate_count_ = 0;         // mutex_
  uint64_t invalidate_seq_ = 0;           // mutex_
  bool is_released_ = false;              // mutex_
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_SECONDARY_MMU_H_
