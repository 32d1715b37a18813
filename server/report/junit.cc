// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/junit.h"

#include <cstdio>
#include <string>
#include <vector>

#include "server/report/wording.h"
#include "server/report/xml.h"

namespace mmfault::report {
namespace {

using Cases = std::vector<const v1::CaseResult*>;

double SecondsOf(const v1::CaseResult& result) {
  return static_cast<double>(result.elapsed().seconds()) +
         result.elapsed().nanos() / 1e9;
}

std::string Decimal(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", seconds);
  return text;
}

struct Counts {
  int failures = 0;
  int errors = 0;
  double seconds = 0;
};

Counts CountsOf(const Cases& cases) {
  Counts counts;
  for (const v1::CaseResult* result : cases) {
    const Standing standing = StandingOf(*result);
    counts.failures += standing == Standing::kUnmet ? 1 : 0;
    counts.errors += standing == Standing::kInconclusive ? 1 : 0;
    counts.seconds += SecondsOf(*result);
  }
  return counts;
}

XmlWriter::Attributes SuiteAttributes(const std::string& name,
                                      const Cases& cases) {
  const Counts counts = CountsOf(cases);
  return {{"name", name},
          {"tests", std::to_string(cases.size())},
          {"failures", std::to_string(counts.failures)},
          {"errors", std::to_string(counts.errors)},
          {"time", Decimal(counts.seconds)}};
}

std::string ViolationsText(const v1::CaseResult& result) {
  std::string text;
  for (const v1::Violation& violation : result.violations()) {
    text += JunitViolation(violation);
  }
  for (const v1::ProbeResult& probe : result.probes()) {
    if (!probe.replay_line().empty()) {
      text += "probe " + probe.id() + " replay: " + probe.replay_line() + "\n";
    }
  }
  return text;
}

std::string IdleText(const v1::CaseResult& result) {
  std::string text;
  for (const std::string& line : IdleRules(result)) text += line + "\n";
  return text;
}

void WriteProperties(const v1::CaseResult& result, XmlWriter& xml) {
  xml.Open("properties");
  xml.Leaf("property", {{"name", "verdict"}, {"value", VerdictText(result)}});
  xml.Leaf("property",
           {{"name", "seed"}, {"value", std::to_string(result.seed())}});
  xml.Leaf("property", {{"name", "schedules"},
                        {"value", std::to_string(result.schedule_count())}});
  xml.Leaf("property",
           {{"name", "drive_mode"}, {"value", result.drive_mode()}});
  xml.Leaf("property", {{"name", "notifiers"},
                        {"value", result.remote() ? "remote" : "modelled"}});
  for (const v1::ProbeResult& probe : result.probes()) {
    xml.Leaf("property",
             {{"name", "probe." + probe.id()}, {"value", ProbeText(probe)}});
  }
  xml.Close();
}

void WriteCase(const v1::CaseResult& result, XmlWriter& xml) {
  xml.Open("testcase", {{"classname", "mmfault." + result.scenario()},
                        {"name", result.protocol()},
                        {"time", Decimal(SecondsOf(result))}});
  WriteProperties(result, xml);
  const Standing standing = StandingOf(result);
  const std::string unmet = UnmetText(result);
  const std::string violations = ViolationsText(result) + IdleText(result);
  if (standing == Standing::kUnmet) {
    xml.Leaf("failure", {{"message", unmet}, {"type", "unmet"}},
             unmet + "\n" + violations);
  } else if (standing == Standing::kInconclusive) {
    xml.Leaf(
        "error",
        {{"message", result.inconclusive_cause()}, {"type", "inconclusive"}},
        unmet);
  }
  if (standing != Standing::kUnmet && !violations.empty()) {
    xml.Leaf("system-out", {}, violations);
  }
  xml.Close();
}

// Scenarios in the order of the run, each with its cases.
std::vector<std::pair<std::string, Cases>> Suites(const v1::Run& run) {
  std::vector<std::pair<std::string, Cases>> suites;
  for (const v1::CaseResult& result : run.results()) {
    if (suites.empty() || suites.back().first != result.scenario()) {
      suites.emplace_back(result.scenario(), Cases());
    }
    suites.back().second.push_back(&result);
  }
  return suites;
}

// A run that ended early must not look green.
void WriteFailureOfRun(const v1::Run& run, XmlWriter& xml) {
  xml.Open("testsuite", {{"name", "run"},
                         {"tests", "1"},
                         {"failures", "0"},
                         {"errors", "1"},
                         {"time", "0.000"}});
  xml.Open("testcase",
           {{"classname", "mmfault.run"}, {"name", "run"}, {"time", "0.000"}});
  xml.Leaf("error", {{"message", run.failure()}, {"type", "infrastructure"}},
           run.failure());
  xml.Close();
  xml.Close();
}

}  // namespace

std::string JunitViolation(const v1::Violation& violation) {
  std::string text = violation.checker() + " at step " +
                     std::to_string(violation.step()) + ": " +
                     violation.explanation() + "\n";
  for (const v1::Event& event : violation.events()) {
    text += "  step " + std::to_string(event.step()) + " " + event.task() +
            " " + event.function() + " " + event.object() + " " +
            event.detail() + "\n";
  }
  for (const std::string& line : FaultLines(violation)) {
    text += "  " + line + "\n";
  }
  const std::string& replay = violation.replay_line();
  return replay.empty() ? text : text + "replay: " + replay + "\n";
}

std::string RenderJunit(const v1::Run& run) {
  Cases all;
  for (const v1::CaseResult& result : run.results()) all.push_back(&result);
  XmlWriter::Attributes attributes = SuiteAttributes("mmfault", all);
  const bool has_failed = !run.failure().empty();
  if (has_failed) {
    attributes[1].second = std::to_string(all.size() + 1);
    attributes[3].second = std::to_string(CountsOf(all).errors + 1);
  }
  XmlWriter xml;
  xml.Open("testsuites", attributes);
  for (const auto& [scenario, cases] : Suites(run)) {
    xml.Open("testsuite", SuiteAttributes(scenario, cases));
    for (const v1::CaseResult* result : cases) WriteCase(*result, xml);
    xml.Close();
  }
  if (has_failed) WriteFailureOfRun(run, xml);
  xml.Close();
  return xml.document();
}

}  // namespace mmfault::report
