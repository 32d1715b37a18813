// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// task.h: a simulated thread's code, as C++20 coroutines.
//
// A Task<T> is a lazy coroutine: it runs when awaited. Frames come from the
// simulated task's own window of the arena, last in first out, so a frame's
// address does not depend on the schedule and a step can save them all in one
// copy. Nothing here relies on tail calls: awaiting a child or finishing one
// returns to the scheduler's loop, which resumes the innermost coroutine, so
// any depth and any number of calls work in debug and sanitized builds.
//
// Rules for coroutines: one co_await per statement, never in a condition's
// operand, argument or catch; parameters are values or pointers to objects of
// the world; locals are trivially destructible.
//
// Threads: as its world.

#ifndef MMFAULT_SERVER_SCHED_TASK_H_
#define MMFAULT_SERVER_SCHED_TASK_H_

#include <coroutine>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

namespace mmfault::sched {

// The running task's frame window; implemented by World.
void* AllocateFrame(size_t size);
void FreeFrame(void* frame, size_t size);

// Makes `handle` the coroutine that the scheduler resumes next for the running
// task; a null handle means that the task has run to its end.
void SetLeaf(std::coroutine_handle<> handle);

class PromiseBase {
 public:
  static void* operator new(size_t size) { return AllocateFrame(size); }
  static void operator delete(void* frame, size_t size) {
    FreeFrame(frame, size);
  }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
      SetLeaf(handle.promise().parent_);
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> parent_;
};

template <typename T = void>
class Task;

template <typename T>
class Promise : public PromiseBase {
 public:
  static_assert(std::is_trivially_copyable_v<T>);
  Task<T> get_return_object() noexcept;
  void return_value(T value) noexcept { value_ = value; }
  T value() const noexcept { return value_; }

 private:
  T value_{};
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void value() const noexcept {}
};

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> parent) const noexcept {
    handle_.promise().parent_ = parent;
    SetLeaf(handle_);
  }
  T await_resume() const noexcept { return handle_.promise().value(); }

  // Gives up ownership; the scheduler does this for a simulated thread's root.
  Handle Release() noexcept { return std::exchange(handle_, {}); }

 private:
  Handle handle_;
};

template <typename T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_TASK_H_
