// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// inline_function.h: a move-only function object without an allocation.
//
// std::function allocates for whatever is not small and trivially copyable,
// which is every lambda that holds a shared_ptr. Here a callable of up to
// kInlineBytes stays inside; a larger one goes to the heap.
//
// Threads: none of its own.

#ifndef MMFAULT_SERVER_BASE_INLINE_FUNCTION_H_
#define MMFAULT_SERVER_BASE_INLINE_FUNCTION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace mmfault::base {

template <typename Signature, size_t kInlineBytes = 64>
class InlineFunction;

template <typename Result, typename... Args, size_t kInlineBytes>
class InlineFunction<Result(Args...), kInlineBytes> {
 public:
  InlineFunction() = default;
  InlineFunction(std::nullptr_t) {}  // as std::function: an empty one

  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, InlineFunction> &&
             std::is_invocable_r_v<Result, std::decay_t<F>&, Args...>)
  InlineFunction(F&& callable) {  // as std::function: from any callable
    using Target = std::decay_t<F>;
    if constexpr (kFits<Target>) {
      new (storage_) Target(std::forward<F>(callable));
      ops_ = &kInlineOps<Target>;
    } else {
      new (storage_) Target*(new Target(std::forward<F>(callable)));
      ops_ = &kHeapOps<Target>;
    }
  }

  InlineFunction(InlineFunction&& other) noexcept { Take(other); }
  InlineFunction& operator=(InlineFunction&& other) noexcept {
    if (this != &other) {
      Reset();
      Take(other);
    }
    return *this;
  }
  InlineFunction& operator=(std::nullptr_t) {
    Reset();
    return *this;
  }
  ~InlineFunction() { Reset(); }

  // Requires: not empty.
  Result operator()(Args... args) const {
    return ops_->call(storage_, std::forward<Args>(args)...);
  }

  explicit operator bool() const { return ops_ != nullptr; }
  friend bool operator==(const InlineFunction& function, std::nullptr_t) {
    return function.ops_ == nullptr;
  }

 private:
  struct Ops {
    Result (*call)(std::byte* from, Args&&... args);
    void (*move)(std::byte* from, std::byte* to);  // leaves nothing behind
    void (*destroy)(std::byte* from);
  };

  template <typename F>
  static constexpr bool kFits =
      sizeof(F) <= kInlineBytes && alignof(F) <= alignof(std::max_align_t) &&
      std::is_nothrow_move_constructible_v<F>;

  template <typename F>
  static F& Inline(std::byte* from) {
    return *std::launder(reinterpret_cast<F*>(from));
  }

  template <typename F>
  static constexpr Ops kInlineOps = {
      [](std::byte* from, Args&&... args) -> Result {
        return std::invoke(Inline<F>(from), std::forward<Args>(args)...);
      },
      [](std::byte* from, std::byte* to) {
        new (to) F(std::move(Inline<F>(from)));
        Inline<F>(from).~F();
      },
      [](std::byte* from) { Inline<F>(from).~F(); }};

  template <typename F>
  static constexpr Ops kHeapOps = {
      [](std::byte* from, Args&&... args) -> Result {
        return std::invoke(*Inline<F*>(from), std::forward<Args>(args)...);
      },
      [](std::byte* from, std::byte* to) { new (to) F*(Inline<F*>(from)); },
      [](std::byte* from) {
        const std::unique_ptr<F> owned(Inline<F*>(from));
      }};

  void Take(InlineFunction& other) {
    ops_ = std::exchange(other.ops_, nullptr);
    if (ops_ != nullptr) {
      ops_->move(other.storage_, storage_);
    }
  }
  void Reset() {
    if (ops_ != nullptr) {
      std::exchange(ops_, nullptr)->destroy(storage_);
    }
  }

  alignas(std::max_align_t) mutable std::byte storage_[kInlineBytes];
  const Ops* ops_ = nullptr;
};

}  // namespace mmfault::base

#endif  // MMFAULT_SERVER_BASE_INLINE_FUNCTION_H_
