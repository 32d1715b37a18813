// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A case's executions, done in parts, by one worker or by several.

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/scenario/case.h"
#include "server/scenario/crew.h"

namespace mmfault::scenario {
namespace {

using explore::Job;

constexpr int64_t kSeedsInPart = 64;

}  // namespace

bool Case::MayEnd(const Tally& tally) const {
  return !WantsAll() && MayBeDecided(expectations_, tally);
}

Findings Case::RunPart(const Part& part, const Before& before,
                       SharedGroup* group,
                       std::function<void(std::vector<Job>)> give) {
  Findings found(protocol_);
  found.probes.resize(probes_.size());
  found_ = &found;
  probes_.Into(&found.probes);
  shared_ = group;
  seen_ = before.tally;
  found.status =
      part.seed_count != 0
          ? RunSeeds(part.first_seed, part.seed_count, group->execution())
          : RunJob(part.job, before, group->execution(), std::move(give));
  found_ = &sum_;
  probes_.Into(&sum_.probes);
  shared_ = nullptr;
  return found;
}

absl::Status Case::RunJob(const Job& job, const Before& before,
                          const Execution& group,
                          std::function<void(std::vector<Job>)> give) {
  RETURN_IF_ERROR(BeginSearch(group));
  explore::SearchOptions options = shared_->options();
  options.budget.executions = before.executions_left;
  options.budget.steps = before.steps_left;
  options.coverage = &found_->coverage;
  explore::Sharing sharing;
  sharing.quota = explore::kStepsBeforeGift;
  sharing.give = std::move(give);
  // Calls that ended in the prefix are counted where it was made, and what was
  // asked there too.
  sharing.begun = [this, &job, &group] {
    found_->rc_counts.clear();
    BeginProbes(group, job.prefix);
  };
  found_->search = explore::RunJob(&machine_->world(), options, job, sharing,
                                   VisitorOf(group));
  EndSearch();
  return outside_status_;
}

absl::Status Case::ShareSeeded(const Execution& group, int64_t count) {
  std::vector<Part> parts;
  for (int64_t i = 0; i < count; i += kSeedsInPart) {
    Part part;
    part.first_seed = group.seed + static_cast<uint64_t>(i);
    part.seed_count = std::min(kSeedsInPart, count - i);
    parts.push_back(std::move(part));
  }
  return ShareGroup(group, explore::SearchOptions(), std::move(parts));
}

absl::Status Case::ShareGroup(const Execution& group,
                              const explore::SearchOptions& options,
                              std::vector<Part> parts) {
  SharedGroup shared(group, options, std::move(parts), &sum_, *this);
  const auto work = [this, &shared](int worker) {
    const absl::Status status = WorkAs(worker, &shared);
    if (!status.ok()) {
      shared.Fail(status);
    }
  };
  if (options_.crew == nullptr) {
    work(0);
  } else {
    workers_.resize(static_cast<size_t>(options_.crew->size()));
    options_.crew->Run(work);
  }
  for (const std::unique_ptr<Case>& worker : workers_) {
    cancelled_ = cancelled_ || (worker != nullptr && worker->cancelled_);
  }
  return shared.status();
}

// A worker beside this thread has a case of its own, set up alike.
absl::Status Case::WorkAs(int worker, SharedGroup* group) {
  if (worker == 0) {
    group->Work(this);
    return absl::OkStatus();
  }
  std::unique_ptr<Case>& own = workers_[static_cast<size_t>(worker)];
  if (own == nullptr) {
    ASSIGN_OR_RETURN(own, Make(scenario_, protocol_, options_));
  }
  group->Work(own.get());
  return absl::OkStatus();
}

}  // namespace mmfault::scenario
