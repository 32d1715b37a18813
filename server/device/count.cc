// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/count.h"

namespace mmfault::device {
namespace {

bool MeetsSlots(const device* dev, const mmu_notifier_range* range) {
  const Behaviour& behaviour = dev->behaviour;
  return behaviour.slots_end == 0 || (range->start < behaviour.slots_end &&
                                      range->end > behaviour.slots_start);
}

// Sections of the running task, innermost in bit 0: whether each was counted.
Cell<uint64_t>& Counted(device* dev) {
  return dev->counted[kernel::ThisWorld()->current_slot()];
}

}  // namespace

void CountStart(device* dev, const mmu_notifier_range* range) {
  const bool counts = MeetsSlots(dev, range);
  Counted(dev) = Counted(dev) << 1 | (counts ? 1 : 0);
  if (!counts) {
    return;
  }
  if (dev->behaviour.flag_instead_of_counter) {
    dev->invalidate_count = 1;
  } else {
    dev->invalidate_count += 1;
  }
}

void CountEnd(device* dev, const mmu_notifier_range* range) {
  bool counted = (Counted(dev) & 1) != 0;
  if (dev->behaviour.asks_slots_again_at_end || dev->behaviour.slots_end == 0) {
    counted = MeetsSlots(dev, range);
  }
  Counted(dev) = Counted(dev) >> 1;
  if (!counted) {
    return;
  }
  dev->invalidate_seq += 1;
  if (dev->behaviour.flag_instead_of_counter) {
    dev->invalidate_count = 0;
  } else if (dev->invalidate_count != 0) {
    dev->invalidate_count -= 1;
  }
}

}  // namespace mmfault::device
