// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace mmfault::cli {
namespace {

constexpr int kBarWidth = 24;

// In thousandths, the case under way counted by its schedules.
int64_t DonePermille(const v1::WatchRunResponse& progress) {
  const int64_t cases = progress.run().case_count();
  if (cases <= 0) return 0;
  int64_t done = progress.run().done_case_count() * 1000;
  if (progress.case_schedule_total() > 0) {
    done += std::min<int64_t>(1000, progress.case_schedule_count() * 1000 /
                                        progress.case_schedule_total());
  }
  return std::min<int64_t>(1000, done / cases);
}

}  // namespace

std::string ProgressLine(const v1::WatchRunResponse& progress) {
  const auto filled =
      static_cast<int>(DonePermille(progress) * kBarWidth / 1000);
  std::string line = "[" + std::string(filled, '#') +
                     std::string(kBarWidth - filled, '.') + "]  " +
                     std::to_string(progress.run().done_case_count()) + "/" +
                     std::to_string(progress.run().case_count()) + " cases";
  if (progress.run().state() == v1::Run::STATE_WAITING_FOR_CLIENTS) {
    return line + "  waiting for clients";
  }
  if (!progress.current_case().empty()) {
    line += "  " + progress.current_case();
  }
  if (progress.case_schedule_total() > 0) {
    line += "  " + std::to_string(progress.case_schedule_count()) + "/" +
            std::to_string(progress.case_schedule_total()) + " schedules";
  }
  return line;
}

Progress::Progress() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

void Progress::Show(const v1::WatchRunResponse& progress) {
  if (is_terminal_) ShowText(ProgressLine(progress));
}

void Progress::ShowText(const std::string& text) {
  if (!is_terminal_) return;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  is_shown_ = true;
}

void Progress::Clear() {
  if (!is_shown_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  is_shown_ = false;
}

}  // namespace mmfault::cli
