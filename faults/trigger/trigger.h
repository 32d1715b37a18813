// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// trigger.h: the one-line text that says when a fault happens, and which.
//
//   trigger   = term { "->" term }
//   term      = { part } action [ "[pid" task "]" ] | part { part }
//   part      = "if(" condition { "&&" condition } ")"
//             | "when=" first [ ".." last ] [ "+" [ step ] ]
//             | "mask=" bits | "space=" hits | "interval=" hits
//             | percent "%" | millionths "ppm" | count "*"
//             | interval "," percent "," space "," ( count | "-1" )
//   condition = variable ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) integer
//   action    = "error" [ "(" errno ")" ] | "signal(" signal ")"
//             | "hold" [ "(" duration ")" ] | "yield" [ "(" steps ")" ]
//             | "delay(" duration [ ".." duration ] ")"
//             | "drop" | "duplicate" | "reorder" [ "(" callbacks ")" ]
//             | "corrupt(" ( errno | integer ) ")" | "disconnect" | "crash"
//             | "drop_capability" | "teardown(" ( "kill" | "force" ) ")"
//             | "off"
//   duration  = integer ( "ns" | "us" | "ms" | "s" | "m" | "h" )
//
// Precedence. The order in which the parts of a term are listed is the order in
// which they are written and asked: if, when, mask, space, interval, p%, n*,
// action. It is that of Linux (lib/fault-inject.c:should_fail_ex()). Another
// order is an error, so that nobody has to remember which dialect of failpoints
// this is. The first part that says no makes the term decline; each counts only
// what the one before it has let through. A term that declines, whatever its
// action, falls through to the next. `off` matches, does nothing, and ends the
// chain: `4*off -> 1*error(ENOMEM)` fails the fifth pass.
//
//   if        Values at the pass; term.h lists the variables. A variable that
//             has no value there (mm_users without an mm) makes the term
//             decline, whatever the comparison. fail(9)'s `[pid 3]` is
//             `if(task==3)`.
//   when      As strace has it: `3` the third only, `3+` the third and all
//             after, `3..7` the third to the seventh, `3+2` every second one
//             from the third, `2..9+3` 2, 5 and 8. Counts the passes that the
//             rule's filters and the term's conditions admit.
//   mask      64 bits, 0x15 or 21, one a hit, the lowest first, as if each hit
//             took one away: 0x15 is hits 1, 3 and 5. None after the last.
//   space     As Linux counts a budget with a size of 1 a pass: of `space=3`
//             two hits go by and the third is the first that may act.
//   interval  Of every so many hits the last one: `interval=3` is 3, 6, 9, ...
//   percent   0 to 100, whole or with up to four decimals: `10%`, `0.1%`, which
//             is `1000ppm`.
//   count     How often the term acts; a draw that misses uses up none. `1*` is
//             once.
//   1,10,0,-1 interval, probability, space and times as the kernel's boot
//             parameters have them; -1 is no limit. Without an action: error.
//   error     ENOMEM, -ENOMEM, 12, -12 and 0xfffffff4 are the same. Alone: the
//             only error that the point has. `return` is the same word.
//   signal    9, SIGKILL and KILL are the same.
//   hold      The task stands there until it is resumed, or for so long;
//             `pause` is the same word.
//   yield     Gives away that many scheduling points; 1 when not said.
//   delay     Virtual time passes; of two durations a draw chooses one between
//             them, both included. In atomic context the CPU is held as by
//             mdelay(). A number without a unit is an error: microseconds in
//             fail(9), milliseconds in fail-rs. `sleep(10)` is 10ms to all who
//             have it, and so here; `sleep("10s")` too.
//   drop      The callback does not get to its driver, or its answer not back.
//             A lost answer is missed, as at its deadline, and counts as 0.
//   duplicate The callback is made twice; an answer that comes twice is taken
//             for that of the notifier's next callback too.
//   reorder   So many later callbacks of the notifier, or answers, overtake it;
//             1 when not said. Nobody waits for a callback that is overtaken:
//             the walker goes on, as when a driver puts work off to a worker.
//   corrupt   The answer says that number: EAGAIN and -EAGAIN are -11, other
//             numbers are what they are. Methods without one ignore it.
//   disconnect, crash
//             End the stream of the client that answers for the notifier; end
//             the server at once, if it allows that. `panic` is crash.
//
// Blanks may stand between any two of these. Limits: 1024 bytes, 16 terms, 8
// conditions a term.

#ifndef MMFAULT_FAULTS_TRIGGER_TRIGGER_H_
#define MMFAULT_FAULTS_TRIGGER_TRIGGER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/term.h"

namespace mmfault::faults {

inline constexpr size_t kMaxTriggerBytes = 1024;
inline constexpr size_t kMaxTerms = 16;
inline constexpr size_t kMaxConditions = 8;
inline constexpr int64_t kMaxYield = 1000000;
inline constexpr int64_t kMaxReorder = 64;
// Of a delay and a hold: 1000 hours.
inline constexpr int64_t kMaxDurationNs = 3'600'000'000'000'000;

struct Trigger {
  std::vector<Term> terms;

  friend bool operator==(const Trigger&, const Trigger&) = default;
};

// Errors: kInvalidArgument, `column 7: unknown action "eror"; did you mean
// "error"?`. Columns are bytes, from 1.
absl::StatusOr<Trigger> ParseTrigger(std::string_view text);

// The column of an error of ParseTrigger(); 0 for any other status.
int ColumnOf(const absl::Status& status);

// The canonical text: ParseTrigger(PrintTrigger(t)) is t for every t that
// ParseTrigger() has returned.
std::string PrintTrigger(const Trigger& trigger);

// One action alone, as `error(ENOMEM)`.
std::string PrintAction(const Action& action);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_TRIGGER_H_
