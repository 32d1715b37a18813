// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// capsule_file.h: capsules on disk, as text that says what it is.

#ifndef MMFAULT_CLIENTS_CLI_CAPSULE_FILE_H_
#define MMFAULT_CLIENTS_CLI_CAPSULE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mmfault/v1/scenario.pb.h"

namespace mmfault::cli {

// How to repeat an execution of a scenario file, from a replay line.
struct ExecutionFlags {
  std::string protocol;
  std::string decisions;
  std::string sweep;  // `K/HIT`; empty: none
  std::vector<std::string> mutants;
  std::vector<std::string> faults;  // as fault_flag.h
  int64_t seed = 0;
};

// Reads a capsule, or makes one of a scenario file and the flags. False with
// `error`, in the form FILE:LINE:COLUMN: what, where there is a place.
bool ReadCapsule(const std::string& path, const ExecutionFlags& flags,
                 v1::Capsule* capsule, std::string* error);

// The text of a capsule's file: a heading for people, then text format.
std::string CapsuleText(const v1::Capsule& capsule);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_CAPSULE_FILE_H_
