// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_bench: what worlds and VMAs cost in memory, and making a world in time.
//
// Worlds are made as CreateWorld makes them, with the server's default limits.
// An idle world's bytes are the growth of the process's resident set over many
// of them, so their share of the host's tables counts too. A VMA's bytes are
// what the arena handed out: the VMA, its anon_vma and chain, and its share of
// the page table, with the pages themselves left out.

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "server/host/executor.h"
#include "server/host/world_table.h"
#include "server/mm/page.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/notifier/protocols.h"
#include "tests/bench/bench_main.h"
#include "tests/support/world_fixture.h"

namespace mmfault::bench {
namespace {

constexpr int kWorlds = 1000;
constexpr double kIdleBytesBar = 64 * 1024;
constexpr int kCreateRounds = 5;
constexpr uint64_t kVmas = 100000;
constexpr double kVmaBytesBar = 256;

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void MakeWorlds(host::WorldTable& table, int count) {
  for (int i = 0; i < count; ++i) {
    v1::CreateWorldRequest request;
    request.mutable_settings()->set_protocol("6.1");
    const auto made = table.Create(request);
    if (!made.ok()) {
      std::cerr << "cannot make a world: " << made.status().message() << "\n";
      std::exit(1);
    }
  }
}

void MeasureWorlds(Report& report) {
  host::Executor executor(1);
  {
    // The allocator and the tables of the process are warm after this.
    host::WorldTable table(host::Limits(), &executor);
    MakeWorlds(table, kWorlds / 10);
  }
  double idle_bytes = 0;
  const double seconds = LeastSeconds(kCreateRounds, 0, [&] {
    host::WorldTable table(host::Limits(), &executor);
    const uint64_t before = ResidentBytes();
    const double create_seconds =
        SecondsOf([&] { MakeWorlds(table, kWorlds); });
    // The first round counts: later ones reuse what the heap kept.
    if (idle_bytes == 0) {
      idle_bytes = static_cast<double>(ResidentBytes() - before) / kWorlds;
    }
    return create_seconds;
  });
  report.Add("world.idle_bytes", idle_bytes, "bytes", Report::Better::kLower,
             kIdleBytesBar);
  report.Add("world.create_per_s", kWorlds / seconds, "1/s",
             Report::Better::kHigher);
}

// Anonymous VMAs of one page, side by side, each with a pte: what a heap cut up
// by mprotect looks like.
void MeasureVmas(Report& report) {
  testing_support::TestWorld world(*notifier::FindProtocol("6.1"));
  mm::mm_struct* mm = world.NewMm();
  mm::page* page = mm::alloc_page(nullptr, true, 0);
  const uint64_t before = world->arena().state().live_bytes;
  for (uint64_t i = 0; i < kVmas; ++i) {
    const uint64_t start = (16 + i) * mm::kPageSize;
    mm::vm_area_struct* vma =
        mm::NewVma(mm, start, start + mm::kPageSize, mm::VM_READ | mm::VM_WRITE,
                   nullptr, mm::Vpn(start));
    mm::InsertVma(vma);
    mm::AttachAnonVma(vma);
    mm::SetPte(mm, start, mm::Pte(page, mm::Pte::kYoung));
  }
  const uint64_t bytes = world->arena().state().live_bytes - before;
  report.Add("vma.bytes", static_cast<double>(bytes) / kVmas, "bytes",
             Report::Better::kLower, kVmaBytesBar);
}

void Measure(Report& report) {
  MeasureWorlds(report);
  MeasureVmas(report);
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "world_bench",
      "Measures the memory of worlds and VMAs, and how fast worlds are made.",
      mmfault::bench::Measure);
}
