// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/mutant.h"

#include <array>

#include "faults/nearest.h"

namespace mmfault::kernel {
namespace {

constexpr std::array<MutantInfo, kMutantCount> kMutants = {{
#define MMFAULT_MUTANT(id, name, protocols, what, catalogue) \
  {name, protocols, what, catalogue},
#include "server/kernel/mutants.inc"
#undef MMFAULT_MUTANT
}};

}  // namespace

std::span<const MutantInfo> Mutants() { return kMutants; }

int FindMutant(std::string_view name) {
  for (int i = 0; i < kMutantCount; ++i) {
    if (kMutants[static_cast<size_t>(i)].name == name) {
      return i;
    }
  }
  return -1;
}

std::string_view NearestMutant(std::string_view name) {
  std::array<std::string_view, kMutantCount> names;
  for (size_t i = 0; i < names.size(); ++i) {
    names[i] = kMutants[i].name;
  }
  return faults::NearestName(names, name);
}

bool AppliesTo(const MutantInfo& mutant, std::string_view protocol,
               std::string_view family) {
  std::string_view rest = mutant.protocols;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view one = rest.substr(0, comma);
    const bool exact = !one.empty() && one.front() == '=';
    if (exact ? one.substr(1) == protocol
              : one == "all" || one == protocol || one == family) {
      return true;
    }
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return false;
}

}  // namespace mmfault::kernel
