// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/capsule_file.h"

#include <google/protobuf/text_format.h>

#include <charconv>
#include <string_view>

#include "clients/cli/fault_flag.h"
#include "clients/cli/scenario_files.h"

namespace mmfault::cli {
namespace {

constexpr std::string_view kMark = "# proto-message: mmfault.v1.Capsule\n";
constexpr int64_t kStepBudget = 100'000;  // as for a scenario that names none

bool ParseSweep(const std::string& text, v1::Capsule* capsule) {
  const char* end = text.data() + text.size();
  int32_t sweep = 0;
  int64_t hit = 0;
  const auto first = std::from_chars(text.data(), end, sweep);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '/') {
    return false;
  }
  const auto second = std::from_chars(first.ptr + 1, end, hit);
  if (second.ec != std::errc() || second.ptr != end || sweep < 1 || hit < 1) {
    return false;
  }
  capsule->set_sweep(sweep);
  capsule->set_sweep_hit(hit);
  return true;
}

bool FromScenario(const std::string& path, const std::string& text,
                  const ExecutionFlags& flags, v1::Capsule* capsule,
                  std::string* error) {
  if (!ParseText(path, text, capsule->mutable_scenario(), error)) {
    return false;
  }
  if (flags.protocol.empty() || (flags.decisions.empty() && flags.seed == 0)) {
    *error = path +
             " is a scenario: --protocol and one of --decisions and --seed say "
             "which of its executions";
    return false;
  }
  if (!flags.sweep.empty() && !ParseSweep(flags.sweep, capsule)) {
    *error = "--sweep " + flags.sweep +
             ": K/HIT is wanted, the sweep and its hit, both from 1";
    return false;
  }
  for (const std::string& mutant : flags.mutants) {
    capsule->mutable_scenario()->add_mutants(mutant);
  }
  for (const std::string& fault : flags.faults) {
    if (!ParseFaultFlag(fault, capsule->mutable_scenario()->add_fault(),
                        error)) {
      return false;
    }
  }
  const int64_t budget = capsule->scenario().explore().step_budget();
  capsule->set_format_version(flags.decisions.empty() ? 1 : 2);
  capsule->set_protocol(flags.protocol);
  capsule->set_decisions(flags.decisions);
  capsule->set_seed(flags.seed);
  capsule->set_step_budget(budget > 0 ? budget : kStepBudget);
  capsule->set_file(path);
  return true;
}

}  // namespace

bool ReadCapsule(const std::string& path, const ExecutionFlags& flags,
                 v1::Capsule* capsule, std::string* error) {
  std::string text;
  if (!ReadFile(path, &text)) {
    *error = path + ": cannot be read";
    return false;
  }
  if (text.find(kMark) == std::string::npos) {
    return FromScenario(path, text, flags, capsule, error);
  }
  if (!flags.decisions.empty() || !flags.sweep.empty() ||
      !flags.mutants.empty() || !flags.faults.empty() || flags.seed != 0 ||
      !flags.protocol.empty()) {
    *error = path + " is a capsule, which says all that these options do";
    return false;
  }
  return ParseText(path, text, capsule, error);
}

std::string CapsuleText(const v1::Capsule& capsule) {
  std::string text =
      "# One execution of a scenario. `mmfault replay FILE` shows it,\n"
      "# `mmfault minimize FILE` looks for a smaller one, and\n"
      "# `mmfault replay FILE --gtest TEST.cc` makes a test of it.\n"
      "# proto-file: mmfault/v1/scenario.proto\n";
  text += kMark;
  text += "\n";
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string body;
  printer.PrintToString(capsule, &body);
  return text + body;
}

}  // namespace mmfault::cli
