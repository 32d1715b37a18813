// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// object.h: the header that every simulated object starts with.
//
// It survives the object: a freed block keeps its header in quarantine, so a
// late user can be told what it touched.

#ifndef MMFAULT_SERVER_SCHED_OBJECT_H_
#define MMFAULT_SERVER_SCHED_OBJECT_H_

#include <cstdint>

#include "server/trace/cell.h"
#include "server/trace/op.h"

namespace mmfault::sched {

enum class Life : uint8_t { kNone = 0, kLive = 0x11, kFreed = 0x6b };

// Eight bytes: the world's number for the object, what it is, and whether it
// still is.
struct Object {
  uint32_t id;  // from 1, in order of creation; never reused
  trace::ObjType type;
  trace::Cell<Life> life;
  uint16_t spare;  // owned by the type

  bool freed() const { return life == Life::kFreed; }
  trace::ObjKey key(uint32_t part = 0) const { return {type, id, part}; }
};
static_assert(sizeof(Object) == 8);

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_OBJECT_H_
