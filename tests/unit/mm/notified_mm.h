// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// notified_mm.h: an mm with a notifier, and what the notifier was called with.
//
// For tests of the sequences of callbacks. A call reads `S CLEAR 0-512 W`: the
// method (S and E: range_start and range_end, IR: invalidate_range, PTE:
// change_pte, Y: clear_flush_young, release), the event of a start, the pages
// from kBase on, and how mmap_lock was held (W, R or -) at a start; `nb` after
// a start that may not block.

#ifndef MMFAULT_TESTS_UNIT_MM_NOTIFIED_MM_H_
#define MMFAULT_TESTS_UNIT_MM_NOTIFIED_MM_H_

#include <initializer_list>
#include <string>

#include "server/device/device.h"
#include "server/kernel/mutant.h"
#include "server/mm/mm_types.h"
#include "server/notifier/protocols.h"
#include "server/trace/method_call.h"
#include "tests/support/world_fixture.h"

namespace mmfault::mm {

inline constexpr uint64_t kBase = uint64_t{1} << 30;
inline constexpr uint64_t kRw = VM_READ | VM_WRITE;

// The address of a page of the window.
inline constexpr uint64_t At(uint64_t page) {
  return kBase + (page << kPageShift);
}

class NotifiedMm : public trace::MethodObserver {
 public:
  explicit NotifiedMm(std::string_view protocol,
                      std::initializer_list<kernel::Mutant> mutants = {},
                      const device::Behaviour& behaviour = {});
  ~NotifiedMm() override;

  // Runs a coroutine function alone, and returns what it does.
  template <typename Make>
  int Do(Make make) {
    return testing_support::Call<int>(&world_, make);
  }
  // The calls since the last time.
  std::string Calls();

  int Map(uint64_t first, uint64_t end, uint64_t flags,
          address_space* file = nullptr);
  // Writes, or reads, the pages [first, end); each whole with a byte.
  int Write(uint64_t first, uint64_t end, uint8_t value = 0);
  int Read(uint64_t first, uint64_t end);
  int Dontneed(uint64_t first, uint64_t end);
  int Unmap(uint64_t first, uint64_t end);
  int Protect(uint64_t first, uint64_t end, uint64_t flags);
  int Establish(uint64_t page, bool write = false);
  mm_struct* Fork();
  void Put(mm_struct* mm);
  // Pins a page, as a driver with get_user_pages() does.
  page* Pin(uint64_t page_index);
  void Unpin(page* p);

  page* PageAt(uint64_t page_index) const;
  bool IsHuge(uint64_t page_index) const;
  // Pages beside the zero page.
  uint64_t pages_live() const { return State()->pages_live - 1; }

  testing_support::TestWorld& world() { return world_; }
  mm_struct* mm() const { return mm_; }
  device::device* dev() const { return dev_; }

 private:
  void OnMethod(const trace::MethodCall& call) override;

  testing_support::TestWorld world_;
  mm_struct* mm_;
  device::device* dev_;
  std::string calls_;
};

}  // namespace mmfault::mm

#endif  // MMFAULT_TESTS_UNIT_MM_NOTIFIED_MM_H_
