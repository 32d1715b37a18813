// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a registration costs in each protocol is what is written of it, for
// N VMAs that lead to Di mappings and Da anon_vmas: VMA visits, lock
// operations, looks at signals, allocations, memory. Method: count the story of
// one call over a grid, and hold it against the formulas. Where a formula of
// the literature is another, docs/findings.md says so.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <string>
#include <vector>

#include "server/device/device.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/notifier/protocols.h"
#include "server/notifier/registration.h"
#include "tests/support/world_fixture.h"

namespace mmfault::notifier {
namespace {

using testing_support::Call;
using testing_support::TestWorld;
using trace::OpKind;

struct Shape {
  uint64_t file_vmas = 0;  // spread over `files`
  uint64_t files = 0;      // Di
  uint64_t anon_vmas = 0;  // VMAs with an anon_vma of their own
  uint64_t split = 0;      // VMAs that share one more, if any
  uint64_t bare = 0;       // VMAs without any lock

  uint64_t n() const { return file_vmas + anon_vmas + split + bare; }
  uint64_t di() const { return files; }
  uint64_t da() const { return anon_vmas + (split > 0 ? 1 : 0); }
  uint64_t anons() const { return anon_vmas + split; }
};

// What a call costs.
struct Cost {
  // VMAs looked at until all locks are taken; #v11 scans in one function, to
  // lock and to unlock, and all of it counts here.
  uint64_t lock_visits = 0;
  uint64_t unlock_visits = 0;  // ... and until they are given back
  uint64_t rmap_locks = 0;
  uint64_t machine_locks = 0;  // mm_all_locks_mutex
  uint64_t signal_tests = 0;   // places where a signal may end it
  uint64_t allocations = 0;    // places where memory may be missing

  bool operator==(const Cost&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Cost& cost) {
  return out << "visits " << cost.lock_visits << " / " << cost.unlock_visits
             << ", locks " << cost.rmap_locks << " + " << cost.machine_locks
             << ", signal tests " << cost.signal_tests << ", allocations "
             << cost.allocations;
}

bool IsAny(std::string_view text, const std::vector<std::string_view>& of) {
  return std::find(of.begin(), of.end(), text) != of.end();
}

class Counter : public trace::EventSink {
 public:
  Counter(TestWorld* world, const mm::mm_struct* mm)
      : world_(world),
        mmap_sem_(mm->mmap_sem.key().bits),
        before_(world->get()->arena().state().live_bytes) {}

  void OnEvent(const trace::Event& event) override {
    const std::string_view where = event.op.where;
    const OpKind kind = event.op.kind;
    const bool vma =
        kind == OpKind::kRead && event.op.obj.type() == trace::ObjType::kVma;
    const bool back = IsAny(where, {"mm_unlock", "mm_drop_all_locks"});
    const bool takes =
        IsAny(where, {"mm_lock", "mm_lock_unlock", "mm_take_all_locks"});
    cost.lock_visits += vma && takes ? 1 : 0;
    cost.unlock_visits += vma && back ? 1 : 0;
    const bool lock = kind == OpKind::kLock;
    const bool rmap_lock =
        event.op.obj.bits != mmap_sem_ &&
        IsAny(where, {"mm_lock", "vm_lock_mapping", "vm_lock_anon_vma"});
    cost.rmap_locks += lock && rmap_lock ? 1 : 0;
    cost.machine_locks += lock && where == "mm_take_all_locks" ? 1 : 0;
    cost.signal_tests += kind == OpKind::kSignalTest ? 1 : 0;
    cost.allocations += kind == OpKind::kAlloc ? 1 : 0;
    rescheds += kind == OpKind::kYield && where == "cond_resched" ? 1 : 0;
    const uint64_t live = world_->get()->arena().state().live_bytes;
    peak_bytes = std::max(peak_bytes, live > before_ ? live - before_ : 0);
  }
  void OnViolation(const trace::Violation& /*violation*/) override {}

  Cost cost;
  uint64_t rescheds = 0;
  uint64_t peak_bytes = 0;

 private:
  TestWorld* world_;
  uint64_t mmap_sem_;
  uint64_t before_;
};

// An mm of that shape, and a device.
class Bench {
 public:
  Bench(const Protocol& protocol, const Shape& shape,
        const sched::WorldOptions& options = {})
      : world_(protocol, options),
        mm_(world_.NewMm()),
        dev_(device::NewDevice(device::Behaviour(), false)) {
    std::vector<mm::address_space*> files;
    files.reserve(shape.files);
    for (uint64_t i = 0; i < shape.files; ++i) {
      files.push_back(mm::NewFile(1, 1));
    }
    for (uint64_t i = 0; i < shape.file_vmas; ++i) {
      mm::LinkFileVma(Add(1, mm::VM_SHARED, files[i % files.size()]));
    }
    for (uint64_t i = 0; i < shape.anon_vmas; ++i) {
      mm::AttachAnonVma(Add(1, 0, nullptr));
    }
    for (uint64_t i = 0; i < shape.bare; ++i) Add(1, 0, nullptr);
    if (shape.split > 0) AddSplit(shape.split);
  }

  Counter Count(bool unregister) {
    Counter counter(&world_, mm_);
    world_->SetSink(&counter);
    rc_ = Call<int>(&world_, [this, unregister] {
      return unregister ? Unregister(world_.protocol(), &dev_->mn, mm_)
                        : Register(world_.protocol(), &dev_->mn, mm_);
    });
    world_->SetSink(nullptr);
    EXPECT_EQ(rc_, 0);
    return counter;
  }

  uint64_t map_count() const { return mm_->map_count; }

 private:
  mm::vm_area_struct* Add(uint64_t pages, uint64_t flags,
                          mm::address_space* file) {
    const uint64_t start = next_;
    next_ += (pages + 1) * mm::kPageSize;
    mm::vm_area_struct* vma =
        mm::NewVma(mm_, start, start + pages * mm::kPageSize,
                   mm::VM_READ | mm::VM_WRITE | flags, file,
                   file != nullptr ? 0 : mm::Vpn(start));
    mm::InsertVma(vma);
    return vma;
  }

  void AddSplit(uint64_t count) {
    mm::vm_area_struct* vma = Add(count, 0, nullptr);
    mm::AttachAnonVma(vma);
    const uint64_t start = vma->vm_start;
    for (uint64_t i = 1; i < count; ++i) {
      Call(&world_,
           [&] { return mm::split_vma(mm_, start + i * mm::kPageSize); });
    }
  }

  TestWorld world_;
  mm::mm_struct* mm_;
  device::device* dev_;
  uint64_t next_ = 16 * mm::kPageSize;
  int rc_ = 0;
};

// --- The formulas ------------------------------------------------------------

bool IsAnyOf(const Protocol& protocol,
             const std::vector<std::string_view>& ids) {
  return IsAny(protocol.id, ids) || IsAny(protocol.family, ids);
}

bool WithoutMmLock(const Protocol& protocol) {
  return protocol.family == "emm" && protocol.id != "emm_v3";
}

// A scan of all VMAs for each lock, and one that finds none, in each class.
uint64_t Rescans(const Shape& s) {
  return s.n() * (s.di() + 1) + s.n() * (s.da() + 1);
}

// Passes of mm_take_all_locks(): both classes at each VMA; mappings, then
// anon_vmas; hugetlb files first; the VMAs' own locks before everything.
uint64_t PassesOf(const Protocol& p) {
  if (p.id == "2.6.27-rc1") return 1;
  if (IsAnyOf(p, {"6.12", "7.3"})) return 4;
  return p.id == "6.1" ? 3 : 2;
}

Cost TakeAllLocks(const Protocol& p, const Shape& s) {
  const uint64_t visits = PassesOf(p) * s.n();
  return {.lock_visits = visits,
          .unlock_visits = s.n(),
          .rmap_locks = s.di() + s.da(),
          .machine_locks = 1,
          .signal_tests = visits,
          .allocations = 1};
}

// mm_lock() and mm_unlock() of 2008.
Cost MmLock(const Protocol& p, const Shape& s) {
  const uint64_t scans = Rescans(s);
  Cost cost{.rmap_locks = s.di() + s.da()};
  if (IsAnyOf(p, {"emm_v3", "v11"})) {
    cost.lock_visits = 2 * scans;  // one function scans for both
  } else if (p.id == "v12") {
    cost.lock_visits = cost.signal_tests = s.n() + scans;
    cost.allocations = s.n() == 0 ? 1 : 3;  // no arrays for no VMA
  } else if (p.id == "seed_flags" || p.id == "seed_bitmaps") {
    cost.lock_visits = cost.signal_tests = scans;
    cost.unlock_visits = s.n();
    cost.allocations = p.id == "seed_bitmaps" ? 2 : 0;
  } else if (p.id == "seed_flags_naive") {
    cost.lock_visits = cost.signal_tests = 2 * s.n();
    cost.unlock_visits = s.n();
    cost.rmap_locks = s.file_vmas + s.anons();
  } else if (p.id == "seed_threshold") {
    cost.lock_visits = cost.unlock_visits = scans;
  } else {  // #v13 to #v16
    cost.lock_visits = 2 * s.n();
    // The arrays, and #v13's cookie.
    cost.allocations = (s.n() == 0 ? 0 : 2) + (p.id == "v13" ? 1 : 0);
  }
  return cost;
}

Cost RegisterCost(const Protocol& p, const Shape& s) {
  if (WithoutMmLock(p)) return {};
  if (IsAnyOf(p, {"rcu", "srcu", "subscriptions"})) return TakeAllLocks(p, s);
  Cost cost = MmLock(p, s);
  // The mm's list and its SRCU domain.
  cost.allocations += IsAnyOf(p, {"v14", "v15", "v16"}) ? 2 : 0;
  return cost;
}

// A full mm_lock() where it is fallible, else no VMA at all.
Cost UnregisterCost(const Protocol& p, const Shape& s) {
  return IsAnyOf(p, {"v12", "v13"}) && p.unregister_needs_users ? MmLock(p, s)
                                                                : Cost{};
}

// Of memory that is given back when the locks are, for each VMA. Unit: bits.
uint64_t BitsPerVma(const Protocol& p) {
  if (p.id == "v12" || p.family == "v13-v16") return 128;
  return p.id == "seed_bitmaps" ? 2 : 0;
}

// --- Tests -------------------------------------------------------------------

class CostModelTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  // Two VMAs of one lock are more than the naive form survives.
  static bool Survives(const Shape& s) {
    return GetParam()->id != "seed_flags_naive" ||
           (s.file_vmas == s.files && s.split == 0);
  }
};

// Those that have an unregister, and those that sort what they lock.
class UnregistrationCostTest : public CostModelTest {};
class SortingCostTest : public CostModelTest {};

std::vector<Shape> Grid() {
  std::vector<Shape> grid;
  for (const uint64_t n : {0, 1, 3, 16, 40}) {
    for (const uint64_t files : {0, 1, 2, 7}) {
      for (const uint64_t anons : {0, 1, 5}) {
        grid.push_back({.file_vmas = files == 0 ? 0 : std::max(n, files),
                        .files = files,
                        .anon_vmas = anons,
                        .split = 0,
                        .bare = files == 0 ? n : 0});
      }
    }
  }
  grid.push_back({.file_vmas = 7, .files = 7, .anon_vmas = 5});
  grid.push_back({.file_vmas = 4, .files = 2, .anon_vmas = 3, .split = 9});
  grid.push_back({.file_vmas = 0, .files = 0, .split = 12, .bare = 4});
  return grid;
}

TEST_P(CostModelTest, RegistrationFollowsTheFormulas) {
  for (const Shape& shape : Grid()) {
    if (!Survives(shape)) continue;
    for (const auto order :
         {sched::KaddrOrder::kCreation, sched::KaddrOrder::kShuffled}) {
      sched::WorldOptions options;
      options.kaddr_order = order;
      Bench bench(*GetParam(), shape, options);
      ASSERT_EQ(bench.map_count(), shape.n());
      EXPECT_EQ(bench.Count(false).cost, RegisterCost(*GetParam(), shape))
          << "N " << shape.n() << " Di " << shape.di() << " Da " << shape.da();
    }
  }
}

TEST_P(UnregistrationCostTest, FollowsTheFormulas) {
  for (const Shape& shape : Grid()) {
    if (!Survives(shape)) continue;
    Bench bench(*GetParam(), shape);
    bench.Count(false);
    EXPECT_EQ(bench.Count(true).cost, UnregisterCost(*GetParam(), shape))
        << "N " << shape.n() << " Di " << shape.di() << " Da " << shape.da();
  }
}

// Twice as many VMAs with the same locks: what is more is for the VMAs. EMM,
// #v11 and mm_take_all_locks() keep what they hold in the locks' owners, or
// nowhere.
TEST_P(CostModelTest, MemoryGrowsByWhatAVmaCosts) {
  const auto peak = [](uint64_t vmas) {
    Bench bench(*GetParam(), {.file_vmas = 1, .files = 1, .bare = vmas - 1});
    return bench.Count(false).peak_bytes;
  };
  constexpr uint64_t kVmas = 64;  // few enough for blocks of exact size
  EXPECT_EQ(peak(2 * kVmas) - peak(kVmas), kVmas * BitsPerVma(*GetParam()) / 8);
}

// #v13 to #v16 sort the pointers of each class: O(N log N) comparisons, each
// with its cond_resched().
TEST_P(SortingCostTest, IsBoundedByNLogN) {
  for (const uint64_t n : {1, 2, 31, 256, 1000}) {
    sched::WorldOptions options;
    options.kaddr_order = sched::KaddrOrder::kShuffled;
    Bench bench(*GetParam(), {.file_vmas = n, .files = n}, options);
    EXPECT_LE(bench.Count(false).rescheds, 2 * n * (std::bit_width(n) + 1))
        << n;
  }
}

std::string NameOf(const ::testing::TestParamInfo<const Protocol*>& info) {
  std::string name(info.param->id);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; },
      '_');
  return name;
}

template <typename Predicate>
std::vector<const Protocol*> Those(Predicate predicate) {
  std::vector<const Protocol*> those;
  std::copy_if(AllProtocols().begin(), AllProtocols().end(),
               std::back_inserter(those), predicate);
  return those;
}

INSTANTIATE_TEST_SUITE_P(Protocols, CostModelTest,
                         ::testing::ValuesIn(AllProtocols().begin(),
                                             AllProtocols().end()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Protocols, UnregistrationCostTest,
                         ::testing::ValuesIn(Those([](const Protocol* p) {
                           return p->mmu_notifier_unregister != nullptr;
                         })),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Protocols, SortingCostTest,
                         ::testing::ValuesIn(Those([](const Protocol* p) {
                           return p->family == "v13-v16";
                         })),
                         NameOf);

}  // namespace
}  // namespace mmfault::notifier
