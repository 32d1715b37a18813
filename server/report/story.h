// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// story.h: an execution as a table with one column a task.
//
//   STEP  exit                    register                HOLDS
//      4  exit_mmap
//         . lock m0.mmap_lock                             m0.mmap_lock
//      9                          mmu_notifier_register
//                                 . ref_get m0.mm_users
//
// A function is named when its task enters it in the story; below it, what it
// did. HOLDS has the locks and read sections of the task that made the step.
// The steps that matter are calls and their results, callbacks, signals that
// were sent and seen, faults, what a violation names, and every access to an
// object that another task touches too, one of them changing it. Others are
// counted: `... 12 steps`. A loop that the execution ends in is told once, but
// with `full`.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_REPORT_STORY_H_
#define MMFAULT_SERVER_REPORT_STORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "mmfault/v1/trace.pb.h"

namespace mmfault::report {

struct StoryView {
  bool full = false;       // every step
  int64_t until_step = 0;  // ends before it; 0: at the end
  std::string break_on;    // ends at the first step whose function, object or
                           // verb this is; empty: at the end
};

// `events` in order, from the execution's first step. Ends with a newline.
std::string RenderStory(const std::vector<v1::Event>& events,
                        const std::vector<v1::Violation>& violations,
                        const StoryView& view);

// Whether some event is one that `break_on` stops at.
bool HasStop(const std::vector<v1::Event>& events, const std::string& break_on);

// What a minimisation took away, and its certificate. Ends with a newline.
std::string RenderMinimize(const v1::MinimizeReport& report);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_STORY_H_
