// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What an mm_lock() costs: VMA visits, lock operations, signal tests and
// allocations, counted from the story and held against the formulas; and a
// registration over a million VMAs of one file, where all of them are linear.

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using trace::OpKind;

class CountingSink : public trace::EventSink {
 public:
  void OnEvent(const trace::Event& event) override {
    const std::string_view where = event.op.where;
    const bool vma = event.op.kind == OpKind::kRead &&
                     event.op.obj.type() == trace::ObjType::kVma;
    lock_visits += vma && where == "mm_lock" ? 1 : 0;
    unlock_visits += vma && where == "mm_unlock" ? 1 : 0;
    locks += event.op.kind == OpKind::kLock ? 1 : 0;
    signal_tests += event.op.kind == OpKind::kSignalTest ? 1 : 0;
    allocations += event.op.kind == OpKind::kAlloc ? 1 : 0;
  }
  void OnViolation(const trace::Violation& /*violation*/) override {}

  uint64_t lock_visits = 0;
  uint64_t unlock_visits = 0;
  uint64_t locks = 0;
  uint64_t signal_tests = 0;
  uint64_t allocations = 0;
};

class V12CostTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  static void Fill(Scene* scene, uint64_t n, uint64_t files, uint64_t anons) {
    std::vector<mm::address_space*> of;
    for (uint64_t i = 0; i < files; ++i) {
      of.push_back(mm::NewFile(1, 1));
    }
    for (uint64_t i = 0; i < n - anons; ++i) {
      scene->AddFileVma(scene->mm, of[i % files]);
    }
    for (uint64_t i = 0; i < anons; ++i) {
      scene->AddAnonVma(scene->mm);
    }
  }

  void Expect(const CountingSink& seen, uint64_t n, uint64_t di, uint64_t da) {
    const Protocol* p = GetParam();
    const uint64_t scans = n * (di + 1) + n * (da + 1);
    const uint64_t count = p == &kV12 ? n : 0;
    EXPECT_EQ(seen.lock_visits, count + scans);
    const uint64_t unlock = p == &kV12 ? 0 : (p == &kSeedThreshold ? scans : n);
    EXPECT_EQ(seen.unlock_visits, unlock);
    EXPECT_EQ(seen.locks, di + da + 1);  // and mmap_sem
    EXPECT_EQ(seen.signal_tests, p->tests_signals ? count + scans : 0);
    const uint64_t allocations = p == &kV12 ? 3 : p == &kSeedBitmaps ? 2 : 0;
    EXPECT_EQ(seen.allocations, allocations);
  }
};

TEST_P(V12CostTest, FollowsTheFormulas) {
  struct Shape {
    uint64_t n, files, anons;
  };
  for (const Shape& shape : {Shape{1, 1, 0}, Shape{5, 2, 1}, Shape{20, 3, 4},
                             Shape{30, 15, 15}, Shape{40, 1, 0}}) {
    for (const auto order :
         {sched::KaddrOrder::kCreation, sched::KaddrOrder::kShuffled}) {
      sched::WorldOptions options;
      options.kaddr_order = order;
      Scene scene(*GetParam(), options);
      Fill(&scene, shape.n, shape.files, shape.anons);
      CountingSink sink;
      scene.world->SetSink(&sink);
      ASSERT_EQ(scene.RegisterNow(), 0);
      scene.world->SetSink(nullptr);
      Expect(sink, shape.n, shape.files, shape.anons);
    }
  }
}

// Unregister is a full mm_lock() as well.
TEST_P(V12CostTest, UnregisterCostsAsMuch) {
  Scene scene(*GetParam());
  Fill(&scene, 20, 3, 4);
  ASSERT_EQ(scene.RegisterNow(), 0);
  CountingSink sink;
  scene.world->SetSink(&sink);
  ASSERT_EQ(scene.UnregisterNow(), 0);
  scene.world->SetSink(nullptr);
  Expect(sink, 20, 3, 4);
}

TEST_P(V12CostTest, MillionVmasOfOneFile) {
  constexpr uint64_t kVmas = 1000000;
  Scene scene(*GetParam());
  for (uint64_t i = 0; i < kVmas; ++i) {
    scene.AddFileVma(scene.mm, scene.file);
  }
  ASSERT_EQ(scene.mm->map_count, kVmas);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

INSTANTIATE_TEST_SUITE_P(Family, V12CostTest, MMFAULT_V12_FAMILY, NameOf);

}  // namespace
}  // namespace mmfault::notifier::v12_test
