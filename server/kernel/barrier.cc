// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/barrier.h"

namespace mmfault::kernel {

void PublishStore(const trace::Op& op) {
  sched::World* world = ThisWorld();
  if (!world->pso()) [[likely]] {
    world->Publish(op);
  } else {
    world->Publish(op, &world->state().storers, sched::HasStoreRoom);
  }
}

void BufferStore(const trace::Op& op, void* cell, uint64_t value, size_t size,
                 bool release) {
  sched::BufferStore(ThisWorld(), {.cell = cell,
                                   .value = value,
                                   .size = static_cast<uint8_t>(size),
                                   .release = release,
                                   .obj = op.obj.bits,
                                   .where = op.where});
}

}  // namespace mmfault::kernel
