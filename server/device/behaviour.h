// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// behaviour.h: what a modelled device does, right or wrong in named ways.
//
// The fields are those of ModelledDevice in device.proto, which says what each
// means; names are resolved to what they name. All zero: a device that does all
// right. Changes between two steps only (`configure`).

#ifndef MMFAULT_SERVER_DEVICE_BEHAVIOUR_H_
#define MMFAULT_SERVER_DEVICE_BEHAVIOUR_H_

#include <array>
#include <cstdint>

#include "server/kernel/wait.h"
#include "server/mm/mm_types.h"
#include "server/notifier/call.h"

namespace mmfault::device {

using notifier::Method;
using trace::Cell;

// A bit of `unimplemented`, `implemented` and `unregisters_in`.
constexpr uint32_t Bit(Method method) {
  return 1U << static_cast<uint32_t>(method);
}

// What a modelled device answers instead of 0.
struct Answer {
  Method method;
  bool only_nonblocking;
  int32_t rc;
  uint64_t hit;           // this delivery only, from 1; 0: every one
  bool optional = false;  // or 0: a choice
};
inline constexpr int kMaxAnswers = 8;

// A fence: signalled once the count is above 0, and from then on.
struct Fence {
  kernel::wait_queue_head_t* queue = nullptr;  // null: none is waited for
  Cell<int64_t>* count = nullptr;
};

struct Behaviour {
  bool sleeps = false;
  bool allocates = false;
  bool forgets_invalidate = false;
  bool drops_at_end = false;
  bool forgets_release = false;
  bool forgets_retry = false;
  bool retries_unlocked = false;  // checks_retry_unlocked, too
  bool frees_in_release = false;
  bool ignores_widening = false;
  bool flag_instead_of_counter = false;
  bool asks_slots_again_at_end = false;
  bool forgets_reset = false;
  bool removes_in_invalidate = false;
  bool puts_user_in_callback = false;
  bool forgets_set_seq = false;
  bool uses_callers_mm = false;
  bool forgets_users = false;
  bool waits_interruptibly = false;
  bool locks_around_fault = false;
  bool never_gives_up = false;
  uint32_t yield_count = 0;
  uint32_t unimplemented = 0;   // usual methods that it does not have
  uint32_t implemented = 0;     // others that it has
  uint32_t unregisters_in = 0;  // one bit, or none
  uint32_t max_retries = 0;     // 0: 64
  int32_t alloc_rc = 0;
  uint32_t answer_count = 0;
  uint64_t start_delay_ns = 0;
  uint64_t slots_start = 0;
  uint64_t slots_end = 0;  // 0: it counts every invalidation
  // The mm whose mmap_lock release() takes; null: none.
  const Cell<mm::mm_struct*>* release_locks_mm = nullptr;
  Fence waits_for;
  std::array<Answer, kMaxAnswers> answers = {};
};

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_BEHAVIOUR_H_
