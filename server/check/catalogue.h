// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// catalogue.h: the catalogue of known ways to get MMU notifiers wrong.
//
// Scenarios name its entries by number, verdicts are told per entry, and
// docs/corpus.md says where each is staged. The numbers are stable.
//
// Threads: constant data; safe everywhere.

#ifndef MMFAULT_SERVER_CHECK_CATALOGUE_H_
#define MMFAULT_SERVER_CHECK_CATALOGUE_H_

#include <span>
#include <string_view>

namespace mmfault::check {

// What an entry is about.
enum class CatalogueSection {
  kRegistration,  // P01 to P09: what a registration must not split
  kTeardown,      // P10 to P31: release, unregister, reference counts
  kMmLock,        // P32 to P43: the inside of mm_lock
  kRanges,        // P44 to P66: starts, ends, intervals, and drivers
};

struct CatalogueEntry {
  std::string_view id;    // "P37b"
  std::string_view name;  // a few words
  CatalogueSection section;
};

// All 68, in order.
std::span<const CatalogueEntry> Catalogue();

// The entry of that number, letter for letter, or null.
const CatalogueEntry* FindCatalogueEntry(std::string_view id);

// Whether the entry is about what a driver, or a caller, does wrong: no design
// keeps that from doing harm, so it says nothing of one.
bool IsDriversMistake(std::string_view id);

std::string_view SectionName(CatalogueSection section);

}  // namespace mmfault::check

#endif  // MMFAULT_SERVER_CHECK_CATALOGUE_H_
