// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <google/protobuf/text_format.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/testing/testing.h"
#include "server/base/status_macros.h"
#include "server/host/capsule.h"
#include "server/host/run_plan.h"
#include "server/report/story.h"

namespace mmfault::testing {
namespace {

absl::Status RunCapsule(const std::string& text, Exploration* out) {
  v1::CreateRunRequest request;
  if (!google::protobuf::TextFormat::ParseFromString(
          text, request.mutable_capsule())) {
    return absl::InvalidArgumentError("the capsule does not parse");
  }
  ASSIGN_OR_RETURN(const host::RunPlan plan,
                   host::PlanRun(request, scenario::Bounds()));
  const host::PlannedCase& planned = plan.cases.front();
  ASSIGN_OR_RETURN(
      const scenario::Story story,
      host::TellCapsule(planned, request.capsule(), planned.step_budget));
  v1::CaseResult result;
  result.set_scenario(planned.scenario->id());
  result.set_protocol(std::string(planned.protocol->id));
  result.set_schedule_count(1);
  for (const v1::Violation& violation : story.violations) {
    *result.add_violations() = violation;
  }
  out->story = report::RenderStory(story.events, story.violations, {});
  out->cases.push_back(std::move(result));
  return absl::OkStatus();
}

}  // namespace

Exploration Replay(const std::string& capsule) {
  Exploration out;
  out.error = std::string(RunCapsule(capsule, &out).message());
  return out;
}

}  // namespace mmfault::testing
