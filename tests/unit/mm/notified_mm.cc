// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/mm/notified_mm.h"

#include <string_view>

#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page.h"
#include "server/mm/page_table.h"
#include "server/notifier/registration.h"

namespace mmfault::mm {
namespace {

using testing_support::Call;

sched::WorldOptions OptionsWith(std::initializer_list<kernel::Mutant> mutants) {
  sched::WorldOptions options;
  options.rmap_lock = sched::LockKind::kMutex;
  for (const kernel::Mutant mutant : mutants) {
    options.mutants.set(static_cast<size_t>(mutant));
  }
  return options;
}

device::Behaviour WithPageMethods(device::Behaviour behaviour, const Era* era) {
  if (era->change_pte != nullptr) {
    behaviour.implemented |= device::Bit(notifier::Method::kInvalidateRange) |
                             device::Bit(notifier::Method::kChangePte);
  }
  return behaviour;
}

std::string Pages(const trace::MethodCall& call) {
  if (call.start == 0 && call.end == UINT64_MAX) {
    return "all";
  }
  const auto page = [](uint64_t address) {
    return std::to_string(
        (static_cast<int64_t>(address) - static_cast<int64_t>(kBase)) /
        static_cast<int64_t>(kPageSize));
  };
  return page(call.start) + "-" + page(call.end);
}

const char* Held(const mm_struct* mm) {
  if (mm->mmap_sem.owner != 0) {
    return "W";
  }
  return mm->mmap_sem.readers != 0 ? "R" : "-";
}

std::string Text(const trace::MethodCall& call) {
  const std::string_view method = call.method;
  if (method == "invalidate_range_start") {
    return std::string("S ") + EventName(static_cast<Event>(call.event)) + " " +
           Pages(call) + " " + Held(static_cast<const mm_struct*>(call.mm)) +
           (call.blockable ? "" : " nb");
  }
  if (method == "invalidate_range_end") {
    return "E " + Pages(call);
  }
  if (method == "invalidate_range") {
    return "IR " + Pages(call);
  }
  if (method == "change_pte") {
    return "PTE " + Pages(call);
  }
  return method == "clear_flush_young" ? "Y " + Pages(call)
                                       : std::string(method);
}

sched::Task<int> Touch(mm_struct* mm, uint64_t first, uint64_t end, bool write,
                       uint8_t value) {
  for (uint64_t i = first; i < end; ++i) {
    const int rc = co_await access_page(mm, At(i), write);
    if (rc != 0) {
      co_return rc;
    }
    page* p = LookupPte(mm, At(i)).target();
    if (write && p->value != value) {
      p->value = value;
    }
  }
  co_return 0;
}

}  // namespace

NotifiedMm::NotifiedMm(std::string_view protocol,
                       std::initializer_list<kernel::Mutant> mutants,
                       const device::Behaviour& behaviour)
    : world_(*notifier::FindProtocol(protocol), OptionsWith(mutants)),
      mm_(world_.NewMm()),
      dev_(device::NewDevice(WithPageMethods(behaviour, world_.protocol().era),
                             false)) {
  world_->SetMethodObserver(this);
  const int rc = Do(
      [this] { return notifier::Register(world_.protocol(), &dev_->mn, mm_); });
  CHECK(rc == 0);
}

NotifiedMm::~NotifiedMm() { world_->SetMethodObserver(nullptr); }

void NotifiedMm::OnMethod(const trace::MethodCall& call) {
  if (call.returned) {
    return;
  }
  calls_ += (calls_.empty() ? "" : ", ") + Text(call);
}

std::string NotifiedMm::Calls() {
  std::string calls;
  calls.swap(calls_);
  return calls;
}

int NotifiedMm::Map(uint64_t first, uint64_t end, uint64_t flags,
                    address_space* file) {
  return Do(
      [=, this] { return do_mmap(mm_, At(first), At(end), flags, file, 0); });
}

int NotifiedMm::Write(uint64_t first, uint64_t end, uint8_t value) {
  return Do([=, this] { return Touch(mm_, first, end, true, value); });
}

int NotifiedMm::Read(uint64_t first, uint64_t end) {
  return Do([=, this] { return Touch(mm_, first, end, false, 0); });
}

int NotifiedMm::Dontneed(uint64_t first, uint64_t end) {
  return Do([=, this] {
    return do_madvise(mm_, At(first), At(end), Advice::kDontneed);
  });
}

int NotifiedMm::Unmap(uint64_t first, uint64_t end) {
  return Do([=, this] { return do_munmap(mm_, At(first), At(end)); });
}

int NotifiedMm::Protect(uint64_t first, uint64_t end, uint64_t flags) {
  return Do([=, this] { return do_mprotect(mm_, At(first), At(end), flags); });
}

int NotifiedMm::Establish(uint64_t page, bool write) {
  return Do(
      [=, this] { return device::establish(dev_, mm_, At(page), write); });
}

mm_struct* NotifiedMm::Fork() {
  mm_struct* child = mm_alloc();
  const int rc = Do([=, this] { return dup_mmap(child, mm_); });
  CHECK(rc == 0);
  return child;
}

void NotifiedMm::Put(mm_struct* mm) {
  Call(&world_, [mm] { return mmput(mm); });
}

page* NotifiedMm::Pin(uint64_t page_index) {
  page* pinned = nullptr;
  const int rc = Do(
      [&, this] { return get_user_page(mm_, At(page_index), false, &pinned); });
  CHECK(rc == 0);
  return pinned;
}

void NotifiedMm::Unpin(page* p) {
  Call(&world_, [p] { return put_page(p); });
}

page* NotifiedMm::PageAt(uint64_t page_index) const {
  return LookupPte(mm_, At(page_index)).target();
}

bool NotifiedMm::IsHuge(uint64_t page_index) const {
  return LookupPte(mm_, At(page_index)).huge();
}

}  // namespace mmfault::mm
