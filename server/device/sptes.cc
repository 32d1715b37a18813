// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/sptes.h"

#include "server/base/check.h"

namespace mmfault::device {
namespace {

void Uninstall(device* dev, spte* entry) {
  mm::page* target = entry->target;
  if (!target->object.freed() && target->object.id == entry->page_id) {
    target->spte_count -= 1;
  }
  dev->spte_count -= 1;
  kernel::ThisWorld()->Delete(entry);
}

}  // namespace

void ReportStale(trace::Cause cause, const device& dev, const spte& entry) {
  sched::World* world = kernel::ThisWorld();
  world->Report({.checker = trace::Checker::kNoStaleSecondaryMapping,
                 .cause = cause,
                 .task = static_cast<int8_t>(world->current_slot()),
                 .obj = entry.target->object.key(),
                 .by = dev.mn.object.key(),
                 .a = entry.address,
                 .b = entry.page_id});
}

void Install(device* dev, uint64_t address, mm::page* target, uint32_t page_id,
             bool write) {
  auto* entry = kernel::ThisWorld()->New<spte>(trace::ObjType::kNone);
  CHECK(entry != nullptr);
  entry->address = address;
  entry->target = target;
  entry->page_id = page_id;
  entry->writable = write;
  entry->next = dev->sptes;
  dev->sptes = entry;
  dev->spte_count += 1;
  if (target->object.freed() || target->object.id != page_id) {
    ReportStale(trace::Cause::kStalePageFreed, *dev, *entry);
    return;
  }
  target->spte_count += 1;
  const notifier::mmu_notifier& mn = dev->mn;
  const bool untold = mn.ops->release == nullptr && mn.release_count != 0;
  if (dev->released || untold) {
    kernel::ReportHere(trace::Checker::kNoStaleSecondaryMapping,
                       trace::Cause::kMappedAfterRelease, target->object.key(),
                       address);
  }
}

spte* Find(const device* dev, uint64_t address) {
  spte* entry = dev->sptes;
  while (entry != nullptr && entry->address != address) {
    entry = entry->next;
  }
  return entry;
}

bool Maps(const device* dev, const mm::page* p) {
  const spte* entry = dev->sptes;
  while (entry != nullptr &&
         (entry->target != p || entry->page_id != p->object.id)) {
    entry = entry->next;
  }
  return entry != nullptr;
}

namespace {

// The link that leads to the first mapping in a range; null when there is none.
Cell<spte*>* FirstIn(device* dev, uint64_t start, uint64_t end) {
  Cell<spte*>* link = &dev->sptes;
  while (*link != nullptr) {
    const spte* entry = *link;
    if (entry->address >= start && entry->address < end) {
      return link;
    }
    link = &link->get()->next;
  }
  return nullptr;
}

void TakeOut(device* dev, Cell<spte*>* link) {
  spte* entry = *link;
  *link = entry->next;
  Uninstall(dev, entry);
}

}  // namespace

void DropNow(device* dev, uint64_t start, uint64_t end) {
  while (Cell<spte*>* link = FirstIn(dev, start, end)) {
    TakeOut(dev, link);
  }
}

Task<> DropLocked(device* dev, uint64_t start, uint64_t end) {
  Cell<spte*>* link = FirstIn(dev, start, end);
  while (link != nullptr) {
    co_await PageStep((*link)->target, "device_unmap");
    TakeOut(dev, link);
    link = FirstIn(dev, start, end);
  }
}

Task<> DropRange(device* dev, const mmu_notifier_range* range) {
  if (dev->behaviour.ignores_widening && range->asked_end != 0) {
    co_await DropLocked(dev, range->asked_start, range->asked_end);
  } else {
    co_await DropLocked(dev, range->start, range->end);
  }
}

}  // namespace mmfault::device
