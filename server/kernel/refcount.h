// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// refcount.h: counters that decide when something dies.
//
// Each operation is one step on one object, so the explorer can know that two
// of them commute while the value stays away from zero. A counter that goes
// below zero is reported (counts_sane) and stays there.

#ifndef MMFAULT_SERVER_KERNEL_REFCOUNT_H_
#define MMFAULT_SERVER_KERNEL_REFCOUNT_H_

#include "server/kernel/point.h"

namespace mmfault::kernel {

struct atomic_t {
  Cell<int32_t> counter;
};

// A published operation names its counter: whether two of them commute depends
// on the value (explore/footprint.h).
struct [[nodiscard]] AtomicPoint : Point {
  atomic_t* v;
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    if (op.kind == trace::OpKind::kRefGet) {
      ThisWorld()->Publish(op);
    } else {
      PublishReleasing(op);  // one with a result: Documentation/atomic_t.txt
    }
    Current()->op_target = v;
  }
};

struct [[nodiscard]] AtomicInc : AtomicPoint {
  void await_resume() const { v->counter += 1; }
};
struct [[nodiscard]] AtomicIncNotZero : AtomicPoint {
  bool await_resume() const {
    if (v->counter == 0) {
      return false;
    }
    v->counter += 1;
    return true;
  }
};
// True when the counter reached zero.
struct [[nodiscard]] AtomicDecAndTest : AtomicPoint {
  trace::Cause below_zero;
  bool await_resume() const;
};

struct [[nodiscard]] AtomicDec : AtomicPoint {
  trace::Cause below_zero;
  void await_resume() const;
};

inline AtomicInc atomic_inc(atomic_t* v, ObjKey key, const char* where) {
  return {{{{trace::OpKind::kRefGet, trace::Access::kWrite, key, where}}, v}};
}
inline AtomicIncNotZero atomic_inc_not_zero(atomic_t* v, ObjKey key,
                                            const char* where) {
  return {{{{trace::OpKind::kRefGetNotZero, trace::Access::kWrite, key, where}},
           v}};
}
inline AtomicDecAndTest atomic_dec_and_test(atomic_t* v, ObjKey key,
                                            trace::Cause below_zero,
                                            const char* where) {
  return {{{{trace::OpKind::kRefPut, trace::Access::kWrite, key, where}}, v},
          below_zero};
}

// Nobody learns whether it reached zero.
inline AtomicDec atomic_dec(atomic_t* v, ObjKey key, trace::Cause below_zero,
                            const char* where) {
  return {{{{trace::OpKind::kRefDec, trace::Access::kWrite, key, where}}, v},
          below_zero};
}

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_REFCOUNT_H_
