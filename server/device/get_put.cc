// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/get_put.h"

#include "server/device/context.h"
#include "server/device/remote.h"
#include "server/kernel/errno.h"
#include "server/kernel/slab.h"
#include "server/notifier/ledger.h"

namespace mmfault::device {
namespace {

device* ModuleOf(const notifier::mmu_notifier_ops* ops) {
  auto* at = reinterpret_cast<std::byte*>(
      const_cast<notifier::mmu_notifier_ops*>(ops));
  return reinterpret_cast<device*>(at - offsetof(device, ops));
}

// A new life: a number of its own, which keeps the name.
void Revive(device* dev) {
  mmu_notifier* mn = &dev->mn;
  sched::World* world = kernel::ThisWorld();
  const std::string name =
      world->HasName(mn->object.id) ? world->NameOf(mn->object.key()) : "";
  world->InitObject(&mn->object, trace::ObjType::kNotifier);
  if (!name.empty()) {
    world->SetName(mn->object.id, name);
  }
  mn->hlist.next = nullptr;
  mn->hlist.pprev = nullptr;
  mn->unloaded = false;
  mn->next_freed = false;
  mn->tree_next_freed = false;
}

void Reset(device* dev) {
  mmu_notifier* mn = &dev->mn;
  if (mn->object.freed()) {
    Revive(dev);
  }
  // Here and not when the call returns: by then others may have called it.
  notifier::BeginRegistration(mn);
  mn->users = 0;
  device_restart(dev);
}

}  // namespace

Task<int> AllocNotifier(const notifier::mmu_notifier_ops* ops,
                        mm_struct* /*mm*/, mmu_notifier** result) {
  device* dev = ModuleOf(ops);
  dev->deliveries[static_cast<size_t>(Method::kAllocNotifier)] += 1;
  if (dev->behaviour.alloc_rc != 0) {
    co_return dev->behaviour.alloc_rc;
  }
  kernel::allocation* block =
      co_await kernel::kmalloc(0, kernel::GFP_KERNEL, "alloc_notifier");
  if (block == nullptr) {
    co_return -ENOMEM;
  }
  kernel::kfree(block);
  Reset(dev);
  *result = &dev->mn;
  co_return 0;
}

Task<> FreeNotifierMethod(mmu_notifier* mn) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kFreeNotifier, nullptr);
  co_await FreeDevice(dev);
}

Task<> RemoteFreeNotifier(mmu_notifier* mn) {
  const mmu_notifier_range range{mn->mm, 0, 0, mm::Event::kUnmap, false};
  co_await CallRemote(DeviceOf(mn), Method::kFreeNotifier, mn->mm, range,
                      false);
  co_await FreeDevice(DeviceOf(mn));
}

}  // namespace mmfault::device
