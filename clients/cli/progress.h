// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// progress.h: a line on the terminal that says how far long work has come.

#ifndef MMFAULT_CLIENTS_CLI_PROGRESS_H_
#define MMFAULT_CLIENTS_CLI_PROGRESS_H_

#include <string>

#include "mmfault/v1/run_service.pb.h"

namespace mmfault::cli {

// `[#####.......]  7/24 cases  signal_every_lock v12  312/1000 schedules`.
std::string ProgressLine(const v1::WatchRunResponse& progress);

// Draws on stderr, when that is a terminal; else does nothing.
class Progress {
 public:
  Progress();
  ~Progress() { Clear(); }

  void Show(const v1::WatchRunResponse& progress);
  // The same with a text of the caller's.
  void ShowText(const std::string& text);
  // Takes the line away; needed before anything else is printed.
  void Clear();

 private:
  const bool is_terminal_;
  bool is_shown_ = false;
};

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_PROGRESS_H_
