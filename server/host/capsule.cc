// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/capsule.h"

#include <algorithm>
#include <string>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/run_clients.h"
#include "server/scenario/decisions.h"

namespace mmfault::host {
namespace {

constexpr char kServerVersion[] = MMFAULT_VERSION;

absl::Status Unreadable(const v1::Capsule& capsule, const std::string& why) {
  return base::InvalidFieldError(
      "capsule", "CAPSULE_UNREADABLE", "the capsule cannot be read: " + why,
      {{"format_version", std::to_string(capsule.format_version())}});
}

std::string EventText(const std::vector<v1::Event>& events, int64_t step) {
  for (const v1::Event& event : events) {
    if (event.step() == step) {
      return event.task() + " in " + event.function() + ": " + event.detail() +
             " " + event.object();
    }
  }
  return "nothing";
}

// A repetition that was cut short is compared as far as it goes.
absl::Status CheckSame(const v1::Capsule& capsule, const scenario::Story& story,
                       bool cut) {
  if (capsule.fingerprint().empty()) {
    return absl::OkStatus();
  }
  const size_t length =
      cut ? std::min(story.fingerprint.size(), capsule.fingerprint().size())
          : capsule.fingerprint().size();
  const uint64_t step =
      scenario::FirstDifference(story.fingerprint.substr(0, length),
                                capsule.fingerprint().substr(0, length));
  if (step == 0) {
    return absl::OkStatus();
  }
  const int64_t at = story.start_step + static_cast<int64_t>(step);
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, "CAPSULE_DIVERGED",
      "the repetition is another execution from step " + std::to_string(at) +
          " on: here it is " + EventText(story.events, at) +
          "; the capsule was made by version " + capsule.server_version() +
          ", this is " + kServerVersion,
      {{"step", std::to_string(at)}});
}

}  // namespace

absl::Status CheckCapsule(const v1::Capsule& capsule) {
  if (capsule.format_version() != kSeedCapsule &&
      capsule.format_version() != kDecisionCapsule) {
    return Unreadable(capsule, "it has version " +
                                   std::to_string(capsule.format_version()) +
                                   ", and this server reads 1 and 2");
  }
  const bool seeded =
      capsule.format_version() == kDecisionCapsule || capsule.seed() != 0;
  if (!capsule.has_scenario() || capsule.protocol().empty() || !seeded ||
      capsule.step_budget() < 1 || capsule.sweep() < 0 ||
      capsule.sweep_hit() < 0) {
    return Unreadable(capsule,
                      "the scenario, the protocol, the seed or the step budget "
                      "is missing");
  }
  return scenario::ParseDecisions(capsule.decisions()).status();
}

v1::Capsule CapsuleOf(const PlannedCase& planned,
                      const v1::Violation& violation, bool all_remote) {
  v1::Capsule capsule;
  const bool decided = !violation.decisions().empty();
  capsule.set_format_version(decided ? kDecisionCapsule : kSeedCapsule);
  *capsule.mutable_scenario() = *planned.scenario;
  capsule.set_protocol(std::string(planned.protocol->id));
  capsule.set_seed(violation.schedule_seed());
  capsule.set_decisions(violation.decisions());
  capsule.set_remote(all_remote);
  capsule.set_step_budget(planned.step_budget);
  capsule.set_checker(violation.checker());
  capsule.set_step(violation.step());
  capsule.set_server_version(kServerVersion);
  capsule.set_sweep(violation.sweep());
  capsule.set_sweep_hit(violation.sweep_hit());
  capsule.set_file(planned.file);
  return capsule;
}

absl::StatusOr<scenario::Story> TellCapsule(const PlannedCase& planned,
                                            const v1::Capsule& capsule,
                                            int64_t step_budget) {
  const Answers answers(capsule.answers().begin(), capsule.answers().end());
  ASSIGN_OR_RETURN(const sched::Schedule schedule,
                   scenario::ParseDecisions(capsule.decisions()));
  scenario::StoryOptions options;
  options.seed = static_cast<uint64_t>(capsule.seed());
  if (capsule.format_version() == kDecisionCapsule) {
    options.schedule = &schedule;
  }
  options.sweep = capsule.sweep();
  options.sweep_hit = capsule.sweep_hit();
  options.step_budget = step_budget;
  options.all_remote = capsule.remote();
  options.with_twin = true;
  options.answer = [&answers](scenario::Machine* machine) {
    return AnswerFromRecord(machine, answers);
  };
  ASSIGN_OR_RETURN(
      scenario::Story story,
      scenario::TellStory(*planned.scenario, *planned.protocol, options));
  RETURN_IF_ERROR(
      CheckSame(capsule, story, step_budget < capsule.step_budget()));
  return story;
}

void FillCapsule(const scenario::Story& story, v1::Capsule* capsule) {
  capsule->set_format_version(kDecisionCapsule);
  capsule->set_decisions(scenario::DecisionsText(story.schedule));
  capsule->set_fingerprint(story.fingerprint);
  capsule->set_event_hash(story.event_hash);
  capsule->clear_tasks();
  for (const auto& [slot, id] : story.tasks) {
    capsule->add_tasks(std::to_string(slot) + " " + id);
  }
}

}  // namespace mmfault::host
