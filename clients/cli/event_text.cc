// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/event_text.h"

#include "clients/cli/output.h"
#include "server/report/wording.h"

namespace mmfault::cli {
namespace {

std::string Left(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

}  // namespace

std::string EventLine(const v1::Event& event) {
  const std::string step = std::to_string(event.step());
  std::string line = step.size() < 8 ? std::string(8 - step.size(), ' ') : "";
  line += step + "  " + Left(event.task(), 10) + "  " +
          Left(event.function(), 26) + "  " + Left(event.object(), 14) + "  " +
          event.detail();
  if (event.end() != 0) {
    line += " [" + Hex(event.start()) + ", " + Hex(event.end()) + ")";
  }
  if (event.rc() != 0) line += " rc " + std::to_string(event.rc());
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string ViolationText(const v1::Violation& violation) {
  std::string text = "VIOLATED " + violation.checker() + " at step " +
                     std::to_string(violation.step()) + " by " +
                     JoinedOf(violation.tasks());
  if (violation.forced()) text += " (forced)";
  text += ": " + violation.explanation() + "\n";
  for (const v1::Event& event : violation.events()) text += EventLine(event);
  for (const std::string& line : report::FaultLines(violation)) {
    text += "  " + line + "\n";
  }
  if (!violation.replay_line().empty()) {
    text += "  next: " + violation.replay_line() + "\n";
  }
  return text;
}

std::string ResultText(const v1::StepResult& result) {
  if (result.skipped()) return "skipped";
  std::string text = "rc " + std::to_string(result.rc()) + ", steps " +
                     std::to_string(result.begin_step()) + " to " +
                     std::to_string(result.end_step());
  if (result.violation_count() > 0) {
    text += ", " + std::to_string(result.violation_count()) + " violations";
  }
  if (result.died()) text += ", the task died";
  return text;
}

}  // namespace mmfault::cli
