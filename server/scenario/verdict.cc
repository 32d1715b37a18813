// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/verdict.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "server/kernel/mutant.h"

namespace mmfault::scenario {

bool Names(const google::protobuf::RepeatedPtrField<std::string>& names,
           const notifier::Protocol& protocol) {
  return std::any_of(names.begin(), names.end(),
                     [&protocol](const std::string& name) {
                       return name == protocol.id || name == protocol.family;
                     });
}

namespace {

// Catalogue entries about the inside of mm_lock: they mean nothing where a
// design takes no rmap lock.
bool NeedsMmLock(const google::protobuf::RepeatedPtrField<std::string>& names) {
  static constexpr std::array<std::string_view, 8> kInside = {
      "P32", "P33", "P34", "P35", "P36", "P37", "P38", "P39"};
  return !names.empty() &&
         std::all_of(names.begin(), names.end(), [](const std::string& name) {
           return std::find(kInside.begin(), kInside.end(), name) !=
                  kInside.end();
         });
}

bool IsViolation(v1::Verdict verdict) {
  return verdict == v1::VIOLATED || verdict == v1::TOLERATED;
}

void AddResult(const v1::Expect& expect, const v1::Scenario& scenario,
               v1::Verdict verdict, int64_t fired, v1::CaseResult* result) {
  v1::CheckerResult* out = result->add_checkers();
  out->set_checker(expect.checker());
  out->set_verdict(verdict);
  out->set_expected(expect.verdict());
  out->set_met(verdict == expect.verdict());
  out->set_violating_schedule_count(fired);
  const auto& numbers =
      expect.catalogue().empty() ? scenario.catalogue() : expect.catalogue();
  for (const std::string& number : numbers) {
    out->add_catalogue(number);
  }
}

// A checker that fired and that nobody expected.
void AddSurprises(const std::vector<const v1::Expect*>& expectations,
                  const Tally& tally, v1::CaseResult* result) {
  for (int i = 0; i < trace::kCheckerCount; ++i) {
    const auto checker = static_cast<trace::Checker>(i);
    const bool known =
        std::any_of(expectations.begin(), expectations.end(),
                    [checker](const v1::Expect* expect) {
                      return expect->checker() == trace::CheckerName(checker);
                    });
    if (known || tally.FiredIn(checker) == 0) {
      continue;
    }
    const v1::Verdict verdict = tally.VerdictOf(checker);
    v1::CheckerResult* out = result->add_checkers();
    out->set_checker(trace::CheckerName(checker));
    out->set_verdict(verdict);
    out->set_expected(v1::HOLDS);
    out->set_met(verdict == v1::TOLERATED);
    out->set_violating_schedule_count(tally.FiredIn(checker));
  }
}

template <typename Predicate>
bool AllSteps(const v1::Scenario& scenario, Predicate predicate) {
  return std::all_of(scenario.task().begin(), scenario.task().end(),
                     [&predicate](const v1::TaskSetup& task) {
                       return std::all_of(task.step().begin(),
                                          task.step().end(), predicate);
                     });
}

}  // namespace

bool Tally::Tolerated(const trace::Violation& violation) const {
  return std::any_of(protocol_->tolerated.begin(), protocol_->tolerated.end(),
                     [&violation](const notifier::Tolerance& tolerance) {
                       return tolerance.checker == violation.checker &&
                              tolerance.cause == violation.cause;
                     });
}

void Tally::Add(const std::vector<trace::Violation>& violations, bool cut) {
  std::array<bool, trace::kCheckerCount> fired = {};
  std::array<bool, trace::kCheckerCount> bad = {};
  for (const trace::Violation& violation : violations) {
    const auto i = static_cast<size_t>(violation.checker);
    fired[i] = true;
    bad[i] = bad[i] || !Tolerated(violation);
  }
  for (size_t i = 0; i < fired.size(); ++i) {
    fired_[i] += fired[i] ? 1 : 0;
    not_tolerated_[i] += bad[i] ? 1 : 0;
  }
  violating_count_ += violations.empty() ? 0 : 1;
  cut_count_ += cut ? 1 : 0;
}

void Tally::Add(const Tally& other) {
  for (size_t i = 0; i < fired_.size(); ++i) {
    fired_[i] += other.fired_[i];
    not_tolerated_[i] += other.not_tolerated_[i];
  }
  violating_count_ += other.violating_count_;
  cut_count_ += other.cut_count_;
}

v1::Verdict Tally::VerdictOf(trace::Checker checker) const {
  const auto i = static_cast<size_t>(checker);
  if (not_tolerated_[i] != 0) {
    return v1::VIOLATED;
  }
  if (fired_[i] != 0) {
    return v1::TOLERATED;
  }
  return cut_count_ != 0 ? v1::INCONCLUSIVE : v1::HOLDS;
}

std::vector<const v1::Expect*> ExpectationsFor(
    const v1::Scenario& scenario, const notifier::Protocol& protocol) {
  std::vector<const v1::Expect*> out;
  for (const v1::Expect& expect : scenario.expect()) {
    if (!expect.protocol().empty()) {
      if (Names(expect.protocol(), protocol)) {
        out.push_back(&expect);
      }
      continue;
    }
    const bool named_elsewhere =
        std::any_of(scenario.expect().begin(), scenario.expect().end(),
                    [&expect, &protocol](const v1::Expect& other) {
                      return other.checker() == expect.checker() &&
                             Names(other.protocol(), protocol);
                    });
    if (!named_elsewhere) {
      out.push_back(&expect);
    }
  }
  return out;
}

bool HasKinds(const v1::Scenario& scenario,
              const notifier::Protocol& protocol) {
  const auto has_kind_of = [&protocol](const v1::NotifierSetup& setup) {
    switch (setup.kind()) {
      case v1::Notifier::KIND_GET_PUT:
        return notifier::Has(protocol, notifier::Kind::kGetPut);
      case v1::Notifier::KIND_INTERVAL:
        return notifier::Has(protocol, notifier::Kind::kInterval);
      default:
        return true;
    }
  };
  return std::all_of(scenario.notifier().begin(), scenario.notifier().end(),
                     has_kind_of) &&
         AllSteps(scenario, [&protocol](const v1::Step& step) {
           switch (step.op_case()) {
             case v1::Step::kGet:
             case v1::Step::kPut:
               return notifier::Has(protocol, notifier::Kind::kGetPut);
             case v1::Step::kInsert:
             case v1::Step::kRemove:
             case v1::Step::kReadBegin:
             case v1::Step::kReadRetry:
               return notifier::Has(protocol, notifier::Kind::kInterval);
             default:
               return true;
           }
         });
}

bool IsApplicable(const v1::Scenario& scenario,
                  const notifier::Protocol& protocol) {
  // A mistake is left out of the code that a protocol does not have.
  for (const std::string& name : scenario.mutants()) {
    const int mutant = kernel::FindMutant(name);
    if (mutant < 0 ||
        !kernel::AppliesTo(kernel::Mutants()[static_cast<size_t>(mutant)],
                           protocol.id, protocol.family)) {
      return false;
    }
  }
  return HasKinds(scenario, protocol) &&
         AllSteps(scenario, [&protocol](const v1::Step& step) {
           switch (step.op_case()) {
             case v1::Step::kUnregister:
               return protocol.mmu_notifier_unregister != nullptr;
             // The OOM reaper, and with it starts that may be refused.
             case v1::Step::kOomReap:
             case v1::Step::kProcessMrelease:
               return protocol.era->huge_pages;
             default:
               return true;
           }
         });
}

bool Decided(const std::vector<const v1::Expect*>& expectations,
             const Tally& tally) {
  return !expectations.empty() &&
         std::all_of(expectations.begin(), expectations.end(),
                     [&tally](const v1::Expect* expect) {
                       const auto checker =
                           trace::CheckerByName(expect->checker());
                       return IsViolation(expect->verdict()) &&
                              tally.VerdictOf(*checker) == expect->verdict();
                     });
}

bool MayBeDecided(const std::vector<const v1::Expect*>& expectations,
                  const Tally& tally) {
  return !expectations.empty() &&
         std::all_of(expectations.begin(), expectations.end(),
                     [&tally](const v1::Expect* expect) {
                       const auto checker =
                           trace::CheckerByName(expect->checker());
                       return IsViolation(expect->verdict()) &&
                              tally.FiredIn(*checker) != 0;
                     });
}

void Judge(const v1::Scenario& scenario, const notifier::Protocol& protocol,
           bool applicable, const Tally& tally, v1::CaseResult* result) {
  const std::vector<const v1::Expect*> expectations =
      ExpectationsFor(scenario, protocol);
  for (const v1::Expect* expect : expectations) {
    const trace::Checker checker = *trace::CheckerByName(expect->checker());
    const auto& numbers = expect->catalogue().empty() ? scenario.catalogue()
                                                      : expect->catalogue();
    const bool means_something =
        applicable && (protocol.takes_all_locks || !NeedsMmLock(numbers));
    AddResult(*expect, scenario,
              means_something ? tally.VerdictOf(checker) : v1::NOT_APPLICABLE,
              tally.FiredIn(checker), result);
  }
  if (applicable) {
    AddSurprises(expectations, tally, result);
  }
  result->set_met(std::all_of(
      result->checkers().begin(), result->checkers().end(),
      [](const v1::CheckerResult& checker) { return checker.met(); }));
  result->set_violating_schedule_count(tally.violating_count());
  result->set_cut_schedule_count(tally.cut_count());
}

}  // namespace mmfault::scenario
