// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Reading scenario files, and choosing protocols for them.

#include <algorithm>
#include <array>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/explore/strategies.h"
#include "server/kernel/mutant.h"
#include "server/notifier/protocols.h"
#include "server/scenario/compile.h"
#include "server/scenario/probes.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

// Keeps the first error; the parser counts lines and columns from 0.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text_.empty()) {
      line_ = line + 1;
      column_ = column + 1;
      text_ = message;
    }
  }

  absl::Status ToStatus(const std::string& file) const {
    const std::string place =
        file + ":" + std::to_string(line_) + ":" + std::to_string(column_);
    return base::MakeError(absl::StatusCode::kInvalidArgument,
                           "SCENARIO_MALFORMED", place + ": " + text_,
                           {{"file", file},
                            {"line", std::to_string(line_)},
                            {"column", std::to_string(column_)}});
  }

 private:
  int line_ = 0;
  int column_ = 0;
  std::string text_;
};

absl::Status CheckExpectations(const v1::Scenario& scenario) {
  for (int i = 0; i < scenario.expect_size(); ++i) {
    const std::string field = "expect[" + std::to_string(i) + "]";
    const v1::Expect& expect = scenario.expect(i);
    if (!trace::CheckerByName(expect.checker()).has_value()) {
      return base::InvalidFieldError(
          field + ".checker", "CHECKER_UNKNOWN",
          "there is no checker \"" + expect.checker() + "\"");
    }
    if (expect.verdict() == v1::VERDICT_UNSPECIFIED) {
      return base::InvalidFieldError(field + ".verdict", "FIELD_MISSING",
                                     "say which verdict is expected");
    }
  }
  return absl::OkStatus();
}

// What the search decides beside the schedule.
absl::Status CheckDecisions(const v1::Explore& search) {
  if (search.max_failures() < 0 || search.max_failures() > 16) {
    return base::InvalidFieldError("explore.max_failures", "FIELD_OUT_OF_RANGE",
                                   "must be in [0, 16]");
  }
  if (search.signals_size() > 8) {
    return base::InvalidFieldError("explore.signals", "FIELD_OUT_OF_RANGE",
                                   "at most 8 signals");
  }
  for (int i = 0; i < search.signals_size(); ++i) {
    if (search.signals(i).signal() < 1 || search.signals(i).signal() > 64) {
      return base::InvalidFieldError(
          "explore.signals[" + std::to_string(i) + "].signal",
          "FIELD_OUT_OF_RANGE", "a signal is a number in [1, 64]");
    }
  }
  return absl::OkStatus();
}

using Protocols = std::vector<const notifier::Protocol*>;

// `v12` is a protocol and the family around it. A scenario that lists it means
// the family; who asks for it by name on a command line means the protocol.
absl::Status AddNamed(const std::string& name, bool id_first,
                      Protocols* chosen) {
  const notifier::Protocol* exact = notifier::FindProtocol(name);
  if (id_first && exact != nullptr) {
    chosen->push_back(exact);
    return absl::OkStatus();
  }
  bool found = false;
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    if (name != "all" && name != protocol->id && name != protocol->family) {
      continue;
    }
    found = true;
    if (std::find(chosen->begin(), chosen->end(), protocol) == chosen->end()) {
      chosen->push_back(protocol);
    }
  }
  if (found) {
    return absl::OkStatus();
  }
  return base::MissingResourceError(
      name, "PROTOCOL_NOT_FOUND",
      "there is no protocol or family \"" + name + "\"; the nearest is \"" +
          std::string(notifier::NearestProtocolId(name)) + "\"");
}

}  // namespace

absl::StatusOr<v1::Scenario> ParseScenario(const std::string& text,
                                           const std::string& file) {
  v1::Scenario scenario;
  google::protobuf::TextFormat::Parser parser;
  FirstError error;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &scenario)) {
    return error.ToStatus(file);
  }
  return scenario;
}

bool IsStrategy(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kExhaustive = {
      "dfs", "dpor", "stateful", "bounded", "auto"};
  return explore::IsRandomStrategy(name) ||
         std::find(kExhaustive.begin(), kExhaustive.end(), name) !=
             kExhaustive.end();
}

absl::Status CheckMutants(const v1::Scenario& scenario) {
  for (const std::string& name : scenario.mutants()) {
    if (kernel::FindMutant(name) >= 0) {
      continue;
    }
    std::string message = "there is no mutant \"" + name + "\"";
    const std::string_view nearest = kernel::NearestMutant(name);
    if (!nearest.empty()) {
      message += "; did you mean \"" + std::string(nearest) + "\"?";
    }
    return base::InvalidFieldError("mutants", "MUTANT_UNKNOWN", message,
                                   {{"mutant", name}});
  }
  return absl::OkStatus();
}

void SetMutants(const v1::Scenario& scenario, sched::WorldOptions* options) {
  for (const std::string& name : scenario.mutants()) {
    options->mutants.set(static_cast<size_t>(kernel::FindMutant(name)));
  }
}

absl::Status CheckScenario(const v1::Scenario& scenario) {
  if (!IsValidId(scenario.id())) {
    return base::InvalidFieldError("id", "NAME_MALFORMED",
                                   "a scenario's id matches "
                                   "[a-z][a-z0-9_-]{0,62}, got \"" +
                                       scenario.id() + "\"");
  }
  if (scenario.task().empty()) {
    return base::InvalidFieldError("task", "FIELD_MISSING",
                                   "a scenario has at least one task");
  }
  const std::string& strategy = scenario.explore().strategy();
  if (!IsStrategy(strategy)) {
    return base::InvalidFieldError(
        "explore.strategy", "UNSUPPORTED_SETTING",
        "a strategy is random, pct, pos, dfs, dpor, stateful, bounded or auto, "
        "got \"" +
            strategy + "\"");
  }
  RETURN_IF_ERROR(CheckDecisions(scenario.explore()));
  RETURN_IF_ERROR(CheckMutants(scenario));
  RETURN_IF_ERROR(CheckProbes(scenario));
  return CheckExpectations(scenario);
}

absl::StatusOr<Protocols> ProtocolsOf(const v1::Scenario& scenario,
                                      const std::vector<std::string>& wanted) {
  Protocols chosen;
  if (!wanted.empty()) {
    for (const std::string& name : wanted) {
      RETURN_IF_ERROR(AddNamed(name, true, &chosen));
    }
  } else {
    for (const std::string& name : scenario.protocols()) {
      RETURN_IF_ERROR(AddNamed(name, false, &chosen));
    }
  }
  if (chosen.empty()) {
    return base::InvalidFieldError("protocols", "FIELD_MISSING",
                                   "the scenario names no protocol");
  }
  const auto all = notifier::AllProtocols();
  std::sort(chosen.begin(), chosen.end(),
            [&all](const notifier::Protocol* a, const notifier::Protocol* b) {
              return std::find(all.begin(), all.end(), a) <
                     std::find(all.begin(), all.end(), b);
            });
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

}  // namespace mmfault::scenario
