// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mutant.h: mistakes that can be planted in a protocol or in the mm.
//
// A mutant is a setting of the world, off by default, that leaves out one rule
// at the place where the rule is. Each must be found by a checker, and the same
// code without it must not be accused: that is what tests/scenarios/known_bugs
// is for. `mmfault mutant list` prints the table.
//
// Threads: the table is constant; Mutated() as the world.

#ifndef MMFAULT_SERVER_KERNEL_MUTANT_H_
#define MMFAULT_SERVER_KERNEL_MUTANT_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "server/sched/world.h"

namespace mmfault::kernel {

enum class Mutant : uint8_t {
#define MMFAULT_MUTANT(id, name, protocols, what, catalogue) id,
#include "server/kernel/mutants.inc"
#undef MMFAULT_MUTANT
  kCount
};
inline constexpr int kMutantCount = static_cast<int>(Mutant::kCount);
static_assert(kMutantCount <= sched::kMaxMutants);

struct MutantInfo {
  std::string_view name;       // as in `mutants: "rollback_forgets_lock"`
  std::string_view protocols;  // ids or families, separated by commas
  std::string_view what;       // one sentence
  std::string_view catalogue;  // "P32" or "P32,P33"
};

// By number.
std::span<const MutantInfo> Mutants();

// -1 when there is none of that name.
int FindMutant(std::string_view name);
// The known name that is most like this one.
std::string_view NearestMutant(std::string_view name);

// Whether a mutant applies to a protocol of that id and family.
bool AppliesTo(const MutantInfo& mutant, std::string_view protocol,
               std::string_view family);

// Whether the running world has the mistake.
inline bool Mutated(Mutant mutant) {
  return sched::ThisWorld()->options().mutants.test(
      static_cast<size_t>(mutant));
}

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_MUTANT_H_
