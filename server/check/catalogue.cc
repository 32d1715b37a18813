// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/check/catalogue.h"

#include <algorithm>
#include <array>

namespace mmfault::check {
namespace {

using enum CatalogueSection;

constexpr auto kCatalogue = std::to_array<CatalogueEntry>({
    {"P01", "missed start", kRegistration},
    {"P02", "end without start", kRegistration},
    {"P03", "rmap hole", kRegistration},
    {"P04", "partial lock set", kRegistration},
    {"P05", "anon_vma attached under lock", kRegistration},
    {"P06", "single-thread check insufficient", kRegistration},
    {"P07", "stop/start unaware of a section under way", kRegistration},
    {"P08", "publication order", kRegistration},
    {"P09", "register at mm_users 0", kRegistration},
    {"P10", "double release", kTeardown},
    {"P11", "hlist_del_rcu after hlist_del_init", kTeardown},
    {"P12", "release against a rmap walk", kTeardown},
    {"P13", "freed page still mapped", kTeardown},
    {"P14", "callback after unregister returned", kTeardown},
    {"P15", "double register", kTeardown},
    {"P16", "double unregister", kTeardown},
    {"P17", "unregister after a failed register", kTeardown},
    {"P18", "unregister at mm_users 0 walks freed VMAs", kTeardown},
    {"P19", "failing unregister", kTeardown},
    {"P20", "no release on unregister", kTeardown},
    {"P21", "release after unmap", kTeardown},
    {"P22", "release not implemented", kTeardown},
    {"P23", "mapped after release returned", kTeardown},
    {"P24", "start without end on unregister", kTeardown},
    {"P25", "mm_count leak", kTeardown},
    {"P26", "count underflow on put and get", kTeardown},
    {"P27", "module unload before its frees ran", kTeardown},
    {"P28", "unregister inside a callback", kTeardown},
    {"P29", "interval remove inside a callback", kTeardown},
    {"P30", "release takes mmap_lock", kTeardown},
    {"P31", "last mmput in a callback", kTeardown},
    {"P32", "signal leaves a lock held", kMmLock},
    {"P33", "unlocks a lock never taken", kMmLock},
    {"P34", "same lock twice", kMmLock},
    {"P35", "ABBA between two mm_locks", kMmLock},
    {"P36", "lock class inversion", kMmLock},
    {"P37", "leaked lock mark", kMmLock},
    {"P37b", "uninitialised cookie field", kMmLock},
    {"P38", "cookie leak", kMmLock},
    {"P39", "array overflow", kMmLock},
    {"P40", "latency of the lock pass", kMmLock},
    {"P41", "nested mm_lock by one task", kMmLock},
    {"P42", "sleeping allocation with all locks held", kMmLock},
    {"P43", "reclaim recursion", kMmLock},
    {"P44", "unbalanced start on an error path", kRanges},
    {"P45", "missing end after a refused start", kRanges},
    {"P46", "interval leak on -EAGAIN", kRanges},
    {"P47", "refusing op with range_end", kRanges},
    {"P47b", "early break of the walk", kRanges},
    {"P48", "error where it may block", kRanges},
    {"P49", "sleeping callback in atomic context", kRanges},
    {"P50", "stale mapping after the ack", kRanges},
    {"P51", "retry check outside the lock", kRanges},
    {"P52", "livelock", kRanges},
    {"P53", "sequence wrap and parity", kRanges},
    {"P54", "insert during an invalidation", kRanges},
    {"P55", "remove against the end of a range", kRanges},
    {"P56", "range widening", kRanges},
    {"P57", "memslots change between start and end", kRanges},
    {"P58", "invalidate_page race", kRanges},
    {"P59", "missing notification", kRanges},
    {"P60", "COW order", kRanges},
    {"P61", "fork unannounced", kRanges},
    {"P62", "mremap range", kRanges},
    {"P63", "nested and parallel ranges", kRanges},
    {"P64", "interruptible wait in invalidate", kRanges},
    {"P65", "global SRCU head of line", kRanges},
    {"P66", "OOM reaper against exit", kRanges},
});

// P61 is the core's too, but there it is only ever planted.
constexpr auto kDriversMistakes = std::to_array<std::string_view>(
    {"P09", "P15", "P16", "P17", "P22", "P23", "P24", "P25", "P26",
     "P27", "P28", "P29", "P30", "P31", "P43", "P47", "P48", "P49",
     "P50", "P51", "P52", "P57", "P61", "P63", "P64"});

}  // namespace

std::span<const CatalogueEntry> Catalogue() { return kCatalogue; }

const CatalogueEntry* FindCatalogueEntry(std::string_view id) {
  const auto* const found = std::find_if(
      kCatalogue.begin(), kCatalogue.end(),
      [id](const CatalogueEntry& entry) { return entry.id == id; });
  return found == kCatalogue.end() ? nullptr : found;
}

bool IsDriversMistake(std::string_view id) {
  return std::find(kDriversMistakes.begin(), kDriversMistakes.end(), id) !=
         kDriversMistakes.end();
}

std::string_view SectionName(CatalogueSection section) {
  switch (section) {
    case kRegistration:
      return "Registration";
    case kTeardown:
      return "Teardown";
    case kMmLock:
      return "Inside mm_lock";
    case kRanges:
      return "Ranges and drivers";
  }
  return "";
}

}  // namespace mmfault::check
