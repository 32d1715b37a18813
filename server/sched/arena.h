// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// arena.h: the one reservation that a world's simulated state lives in.
//
// Layout: the world's root block, then a fixed window per task for coroutine
// frames, then the heap. The reservation is address space only; pages become
// resident as they are first touched, so a small world is small. Everything
// that steers allocation is itself in the arena and logged, so undo and
// snapshots bring it back too.
//
// Freed objects stay readable in a first-in first-out quarantine of
// kQuarantineLength blocks, marked dead, so that a use after free is seen
// instead of suffered; then the block is reused and its generation goes up.
// Blocks above kLargeBlock are reused at once: a million-entry cookie must not
// pin memory.
//
// Threads: as its world.

#ifndef MMFAULT_SERVER_SCHED_ARENA_H_
#define MMFAULT_SERVER_SCHED_ARENA_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/trace/cell.h"

namespace mmfault::sched {

inline constexpr size_t kGranule = 8;
inline constexpr size_t kSmallClasses = 257;  // blocks up to 2 KiB
inline constexpr size_t kLargeClasses = 40;   // powers of two above
inline constexpr size_t kLargeBlock = 64 * 1024;
inline constexpr size_t kQuarantineLength = 1024;

// The part of the allocator that is simulated state.
struct HeapState {
  trace::Cell<uint64_t> used;        // bytes of the heap ever handed out
  trace::Cell<uint64_t> live_bytes;  // allocated and not freed
  trace::Cell<uint64_t> live_blocks;
  trace::Cell<uint64_t> quarantined;  // blocks ever quarantined
  std::array<trace::Cell<void*>, kSmallClasses> free_small;
  std::array<trace::Cell<void*>, kLargeClasses> free_large;
};

// A ring slot: a freed block waiting for reuse.
struct QuarantineSlot {
  trace::Cell<void*> block;
  trace::Cell<uint64_t> size;
};

class Arena {
 public:
  // Reserves `reserve_bytes` of address space. `root_bytes` at its start belong
  // to the owner; `frame_windows` windows of `frame_bytes` follow. Where the
  // machine has no such space, reserved() is false and nothing else may be
  // called.
  Arena(size_t reserve_bytes, size_t root_bytes, size_t frame_windows,
        size_t frame_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  bool reserved() const { return base_ != nullptr; }
  std::byte* root() const { return base_; }
  std::byte* frame_window(size_t index) const {
    return base_ + frames_offset_ + index * frame_bytes_;
  }
  size_t frame_bytes() const { return frame_bytes_; }
  std::byte* heap() const { return base_ + heap_offset_; }
  size_t heap_used() const { return state_->used; }
  // Where the allocator's own state begins, and how much of it was ever
  // written: what lies behind is zero, until the frame windows begin.
  std::byte* own() const { return reinterpret_cast<std::byte*>(state_); }
  size_t own_used() const;
  const HeapState& state() const { return *state_; }

  // Zeroed memory for `size` bytes, or null when the reservation is spent.
  void* Allocate(size_t size);

  // Gives a block back. Its first eight bytes stay as they are until reuse.
  void Free(void* block, size_t size);

  // The offset of an address in the arena; stable within one build.
  uint64_t OffsetOf(const void* addr) const {
    return static_cast<uint64_t>(static_cast<const std::byte*>(addr) - base_);
  }
  bool Contains(const void* addr) const {
    const auto* at = static_cast<const std::byte*>(addr);
    return at >= base_ && at < base_ + reserve_bytes_;
  }

 private:
  static size_t BlockSize(size_t size);
  trace::Cell<void*>& FreeListOf(size_t block_size);
  void Recycle(void* block, size_t block_size);

  size_t reserve_bytes_;
  size_t frame_bytes_;
  size_t frames_offset_;
  size_t heap_offset_;
  std::byte* base_ = nullptr;
  HeapState* state_ = nullptr;
  QuarantineSlot* quarantine_ = nullptr;
};

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_ARENA_H_
