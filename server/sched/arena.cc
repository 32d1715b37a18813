// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sched/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "server/base/check.h"

namespace mmfault::sched {
namespace {

constexpr size_t kPage = 4096;

size_t RoundUp(size_t value, size_t to) { return (value + to - 1) / to * to; }

}  // namespace

Arena::Arena(size_t reserve_bytes, size_t root_bytes, size_t frame_windows,
             size_t frame_bytes)
    : reserve_bytes_(reserve_bytes), frame_bytes_(frame_bytes) {
  const size_t own =
      sizeof(HeapState) + kQuarantineLength * sizeof(QuarantineSlot);
  frames_offset_ = RoundUp(root_bytes + own, kPage);
  heap_offset_ = frames_offset_ + frame_windows * frame_bytes;
  CHECK(heap_offset_ < reserve_bytes_);
  void* map = mmap(nullptr, reserve_bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) {
    return;
  }
  base_ = static_cast<std::byte*>(map);
  state_ = reinterpret_cast<HeapState*>(base_ + RoundUp(root_bytes, kGranule));
  quarantine_ = reinterpret_cast<QuarantineSlot*>(state_ + 1);
}

Arena::~Arena() {
  if (reserved()) {
    munmap(base_, reserve_bytes_);
  }
}

size_t Arena::own_used() const {
  const uint64_t slots =
      std::min<uint64_t>(state_->quarantined, kQuarantineLength);
  return sizeof(HeapState) + slots * sizeof(QuarantineSlot);
}

size_t Arena::BlockSize(size_t size) {
  if (size < 2 * kGranule) {
    return 2 * kGranule;  // room for the dead object's header and a link
  }
  const size_t rounded = RoundUp(size, kGranule);
  return rounded < kSmallClasses * kGranule ? rounded : std::bit_ceil(rounded);
}

trace::Cell<void*>& Arena::FreeListOf(size_t block_size) {
  if (block_size < kSmallClasses * kGranule) {
    return state_->free_small[block_size / kGranule];
  }
  return state_->free_large[std::bit_width(block_size) - 12];
}

void* Arena::Allocate(size_t size) {
  const trace::AccessPause pause;
  if (size > reserve_bytes_) {
    return nullptr;
  }
  const size_t block_size = BlockSize(size);
  trace::Cell<void*>& free_list = FreeListOf(block_size);
  void* block = free_list;
  if (block != nullptr) {
    void* next = nullptr;
    std::memcpy(&next, static_cast<std::byte*>(block) + kGranule, sizeof next);
    free_list = next;
    trace::LogRange(block, block_size);
  } else {
    const uint64_t used = state_->used;
    if (heap_offset_ + used + block_size > reserve_bytes_) {
      return nullptr;
    }
    block = heap() + used;
    state_->used = used + block_size;
  }
  std::memset(block, 0, block_size);
  state_->live_bytes += block_size;
  state_->live_blocks += 1;
  return block;
}

void Arena::Free(void* block, size_t size) {
  const trace::AccessPause pause;
  const size_t block_size = BlockSize(size);
  state_->live_bytes -= block_size;
  state_->live_blocks -= 1;
  if (block_size >= kLargeBlock) {
    Recycle(block, block_size);
    return;
  }
  const uint64_t number = state_->quarantined;
  QuarantineSlot& slot = quarantine_[number % kQuarantineLength];
  if (number >= kQuarantineLength) {
    Recycle(slot.block, slot.size);
  }
  slot.block = block;
  slot.size = block_size;
  state_->quarantined = number + 1;
}

void Arena::Recycle(void* block, size_t block_size) {
  trace::Cell<void*>& free_list = FreeListOf(block_size);
  auto* link = static_cast<std::byte*>(block) + kGranule;
  trace::LogRange(link, sizeof(void*));
  void* next = free_list;
  std::memcpy(link, &next, sizeof next);
  free_list = block;
}

}  // namespace mmfault::sched
