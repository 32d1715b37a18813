// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/testing/testing.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/device/ops.h"
#include "server/device/remote.h"
#include "server/host/callback_message.h"
#include "server/host/recorded_answer.h"
#include "server/notifier/protocols.h"
#include "server/report/story.h"
#include "server/scenario/compile.h"
#include "server/scenario/decisions.h"
#include "server/scenario/runner.h"

namespace mmfault::testing {
namespace {

// The notifiers of one execution: told to begin anew, then asked.
class InProcess {
 public:
  explicit InProcess(const std::map<std::string, NotifierFactory>& factories)
      : factories_(factories) {}

  // Has them answer in a case, or in its story.
  template <typename Options>
  void Serve(Options* options) {
    options->answer = [this](scenario::Machine* machine) {
      return Answer(machine);
    };
    options->on_reset = [this](scenario::Machine* machine, uint64_t /*seed*/) {
      return Reset(machine);
    };
  }

 private:
  absl::Status Reset(scenario::Machine* machine) {
    notifiers_.clear();
    sched::World::Scope scope(&machine->world());
    for (const auto& [id, make] : factories_) {
      notifiers_[id] = make();
      const auto dev = machine->devices().find(id);
      if (dev == machine->devices().end()) {
        return absl::InvalidArgumentError("the scenario has no notifier \"" +
                                          id + "\"");
      }
      device::SetRemote(dev->second, true, UnimplementedBy(*notifiers_[id]));
    }
    return absl::OkStatus();
  }

  absl::Status Answer(scenario::Machine* machine) {
    const device::pending_callback* first =
        device::FirstPending(&machine->world());
    CHECK(first != nullptr);
    v1::AttachResponse::Callback message;
    host::FillCallback(*machine, *first, &message);
    message.set_callback_number(static_cast<int64_t>(first->number));
    message.set_notifier(machine->NameOf(first->dev->mn.object.id));
    const auto notifier = notifiers_.find(message.notifier());
    if (notifier == notifiers_.end()) {
      return absl::FailedPreconditionError(
          "the scenario's notifier \"" + message.notifier() +
          "\" is remote: ExploreOptions.notifiers must have its class");
    }
    client::Callback callback(message);
    const int rc = notifier->second->Dispatch(callback);
    const v1::AttachRequest::Ack* ack = callback.TakeAck(rc);
    host::AdmitRecorded(machine, *first,
                        host::RecordOf(*machine, *first, *ack));
    return absl::OkStatus();
  }

  static uint32_t UnimplementedBy(const client::RemoteNotifier& notifier) {
    uint32_t mask = 0;
    for (const v1::CallbackEvent event : notifier.Unimplemented()) {
      mask |= scenario::MethodBit(event);
    }
    return mask;
  }

  const std::map<std::string, NotifierFactory>& factories_;
  std::map<std::string, std::unique_ptr<client::RemoteNotifier>> notifiers_;
};

// The scenario with its search and its remote notifiers as the options have
// them, and no expectations.
absl::StatusOr<v1::Scenario> Prepared(const std::string& text,
                                      const ExploreOptions& options) {
  ASSIGN_OR_RETURN(v1::Scenario scenario,
                   scenario::ParseScenario(text, "scenario"));
  scenario.clear_expect();
  v1::Explore& explore = *scenario.mutable_explore();
  explore.set_strategy(options.strategy);
  explore.set_exhaust(true);
  if (options.step_budget > 0) {
    explore.set_search_step_budget(options.step_budget);
  }
  if (options.preemption_bound > 0) {
    explore.set_preemption_bound(options.preemption_bound);
  }
  for (v1::NotifierSetup& setup : *scenario.mutable_notifier()) {
    if (options.notifiers.contains(setup.id())) {
      setup.mutable_remote();
    }
  }
  return scenario;
}

class Explorer {
 public:
  Explorer(v1::Scenario scenario, const ExploreOptions& options)
      : scenario_(std::move(scenario)),
        options_(options),
        in_process_(options.notifiers) {}

  absl::Status Run(Exploration* out) {
    std::vector<std::string> wanted;
    if (!options_.protocol.empty()) {
      wanted.push_back(options_.protocol);
    }
    ASSIGN_OR_RETURN(const auto protocols,
                     scenario::ProtocolsOf(scenario_, wanted));
    for (const notifier::Protocol* protocol : protocols) {
      RETURN_IF_ERROR(RunCase(*protocol, out));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status RunCase(const notifier::Protocol& protocol, Exploration* out) {
    scenario::CaseOptions options;
    options.seed = options_.seed;
    options.schedule_count = options_.schedule_count;
    options.exhaust = true;
    in_process_.Serve(&options);
    ASSIGN_OR_RETURN(v1::CaseResult result,
                     scenario::RunCase(scenario_, protocol, options));
    if (out->story.empty() && result.violations_size() > 0) {
      RETURN_IF_ERROR(Tell(protocol, result.violations(0), &out->story));
    }
    out->cases.push_back(std::move(result));
    return absl::OkStatus();
  }

  // A violation's execution once more, with its events.
  absl::Status Tell(const notifier::Protocol& protocol,
                    const v1::Violation& violation, std::string* text) {
    ASSIGN_OR_RETURN(const sched::Schedule schedule,
                     scenario::ParseDecisions(violation.decisions()));
    scenario::StoryOptions options;
    options.seed = static_cast<uint64_t>(violation.schedule_seed());
    if (!violation.decisions().empty()) {
      options.schedule = &schedule;
    }
    in_process_.Serve(&options);
    ASSIGN_OR_RETURN(const scenario::Story story,
                     scenario::TellStory(scenario_, protocol, options));
    *text = report::RenderStory(story.events, story.violations, {});
    return absl::OkStatus();
  }

  const v1::Scenario scenario_;
  const ExploreOptions& options_;
  InProcess in_process_;
};

}  // namespace

Exploration Explore(const std::string& scenario,
                    const ExploreOptions& options) {
  Exploration out;
  absl::StatusOr<v1::Scenario> prepared = Prepared(scenario, options);
  absl::Status status = prepared.status();
  if (status.ok()) {
    status = Explorer(*std::move(prepared), options).Run(&out);
  }
  out.error = std::string(status.message());
  return out;
}

}  // namespace mmfault::testing
