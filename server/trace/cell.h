// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// cell.h: a value of simulated state whose every change can be undone.
//
// A Cell reads as its value and logs the old bytes before it is assigned, so
// code over cells looks like code over plain fields:
//
//   mm->mm_users = mm->mm_users + 1;
//
// Cells hold trivially copyable values of one to eight bytes and live in a
// world's arena only. They are not copyable: copying one by accident would
// write without the log.

#ifndef MMFAULT_SERVER_TRACE_CELL_H_
#define MMFAULT_SERVER_TRACE_CELL_H_

#include <cstdint>
#include <type_traits>

#include "server/trace/undo_log.h"

namespace mmfault::trace {

template <typename T>
class Cell {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(sizeof(T) <= 8);

 public:
  Cell() = default;
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell& other) { return *this = other.value_; }
  Cell& operator=(T value) {
    LogRange(&value_, sizeof(T));
    value_ = value;
    return *this;
  }

  // NOLINTNEXTLINE(google-explicit-constructor): a Cell reads as its value.
  operator T() const { return get(); }
  T get() const {
    NoteAccess(&value_, sizeof(T), false);
    return value_;
  }

  // For Cell<U*>: member access as through the pointer.
  T operator->() const
    requires std::is_pointer_v<T>
  {
    return get();
  }

  Cell& operator+=(T delta) { return *this = static_cast<T>(value_ + delta); }
  Cell& operator-=(T delta) { return *this = static_cast<T>(value_ - delta); }
  Cell& operator|=(T bits) { return *this = static_cast<T>(value_ | bits); }
  Cell& operator&=(T bits) { return *this = static_cast<T>(value_ & bits); }

 private:
  T value_;
};

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_CELL_H_
