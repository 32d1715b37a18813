// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_lock_bench: what a registration costs over 100 to 10^6 VMAs.
//
// Two shapes of an mm with N VMAs. `exponent` and `ns_per_vma.N`: each VMA has
// an anon_vma of its own, at shuffled addresses, so that N locks are taken. A
// design that rescans for each of them costs N(D+1), the square of N;
// mm_take_all_locks costs 3N + C. `one_file.*`: all VMAs map one file, so D is
// 1 and every design is linear. The exponent is the slope of a least-squares
// line through log(time) over log(N).

#include <array>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "server/device/device.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/notifier/protocols.h"
#include "tests/bench/bench_main.h"
#include "tests/support/world_fixture.h"

namespace mmfault::bench {
namespace {

using notifier::Protocol;
using testing_support::TestWorld;

enum class Shape { kOwnAnonVmas, kOneFile };

struct Growth {
  std::string_view protocol;
  double exponent;  // of kOwnAnonVmas
};
constexpr std::array<Growth, 7> kGrowths = {{{"emm_v3", 2},
                                             {"v11", 2},
                                             {"v12", 2},
                                             {"seed_flags", 2},
                                             {"seed_bitmaps", 2},
                                             {"seed_threshold", 2},
                                             {"6.1", 1}}};
// Relative to the exponent: 1.0 +- 0.1 and 2.0 +- 0.2.
constexpr double kTolerance = 0.1;
constexpr uint64_t kVmasMax = 1000000;
constexpr double kLongestSeconds = 1;
constexpr double kSecondsPerSize = 0.3;

struct Registration {
  const Protocol* protocol;
  notifier::mmu_notifier* mn;
  mm::mm_struct* mm;
  int rc = 0;

  static sched::Task<> Run(void* arg) {
    auto* self = static_cast<Registration*>(arg);
    self->rc =
        co_await self->protocol->mmu_notifier_register(self->mn, self->mm);
  }
};

void AddVma(mm::mm_struct* mm, mm::address_space* file, uint64_t index) {
  // A page of space between two VMAs, as if they could not be merged.
  const uint64_t start = (16 + 2 * index) * mm::kPageSize;
  const uint64_t shared = file != nullptr ? mm::VM_SHARED : 0;
  mm::vm_area_struct* vma = mm::NewVma(
      mm, start, start + mm::kPageSize, mm::VM_READ | mm::VM_WRITE | shared,
      file, file != nullptr ? index : mm::Vpn(start));
  mm::InsertVma(vma);
  if (file != nullptr) {
    mm::LinkFileVma(vma);
  } else {
    mm::AttachAnonVma(vma);
  }
}

sched::WorldOptions Options() {
  sched::WorldOptions options;
  options.kaddr_order = sched::KaddrOrder::kShuffled;
  return options;
}

// The seconds of one registration over `vma_count` VMAs.
double RegisterSeconds(const Protocol& protocol, Shape shape,
                       uint64_t vma_count) {
  TestWorld world(protocol, Options());
  mm::mm_struct* mm = world.NewMm();
  mm::address_space* file =
      shape == Shape::kOneFile ? mm::NewFile(1, 1) : nullptr;
  for (uint64_t i = 0; i < vma_count; ++i) {
    AddVma(mm, file, i);
  }
  device::device* dev = device::NewDevice({}, false);
  Registration registration{&protocol, &dev->mn, mm};
  const sched::World::Snapshot start = world->Save();
  return LeastSeconds(3, kSecondsPerSize, [&] {
    world->Restore(start);
    const double seconds =
        SecondsOf([&] { world.Do(Registration::Run, &registration); });
    if (registration.rc != 0 || world->state().violation_count != 0) {
      std::cerr << protocol.id << ": registration failed: " << registration.rc
                << " " << world.Violations() << "\n";
      std::exit(1);
    }
    return seconds;
  });
}

// The slope of the least-squares line through (log x, log y).
double Exponent(const std::vector<double>& x, const std::vector<double>& y) {
  double sx = 0;
  double sy = 0;
  double sxx = 0;
  double sxy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double lx = std::log(x[i]);
    const double ly = std::log(y[i]);
    sx += lx;
    sy += ly;
    sxx += lx * lx;
    sxy += lx * ly;
  }
  const auto n = static_cast<double>(x.size());
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

// 100, 1000, ... for what is linear. The square of N is out of reach two
// decades later: there 100, 200, 400, ... up to about a second.
void MeasureGrowth(const Protocol& protocol, Shape shape, double expected,
                   const std::string& prefix, Report& report) {
  const uint64_t factor = expected > 1.5 ? 2 : 10;
  std::vector<double> sizes;
  std::vector<double> times;
  double next_seconds = 0;
  for (uint64_t n = 100; n <= kVmasMax && next_seconds <= kLongestSeconds;
       n *= factor) {
    const double seconds = RegisterSeconds(protocol, shape, n);
    sizes.push_back(static_cast<double>(n));
    times.push_back(seconds);
    report.Add(prefix + "ns_per_vma." + std::to_string(n),
               seconds * 1e9 / static_cast<double>(n), "ns",
               Report::Better::kLower);
    // A linear design goes all the way: there the size is the limit.
    next_seconds = factor == 2 ? seconds * 4 : 0;
  }
  report.AddWithin(prefix + "exponent", Exponent(sizes, times), "exponent",
                   expected, expected * kTolerance);
}

void Measure(Report& report) {
  for (const Growth& growth : kGrowths) {
    const Protocol* protocol = notifier::FindProtocol(growth.protocol);
    CHECK(protocol != nullptr);
    const std::string prefix = "mm_lock." + std::string(growth.protocol) + ".";
    MeasureGrowth(*protocol, Shape::kOwnAnonVmas, growth.exponent, prefix,
                  report);
    MeasureGrowth(*protocol, Shape::kOneFile, 1, prefix + "one_file.", report);
  }
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "mm_lock_bench",
      "Measures registrations over many VMAs, for each protocol that locks.",
      mmfault::bench::Measure);
}
