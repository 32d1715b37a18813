// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// trigger.h: the one-line text that says when a fault happens, and which.
//
//   trigger   = term { "->" term }
//   term      = [ "if(" condition { "&&" condition } ")" ]
//               [ "when=" first [ ".." last ] [ "+" [ step ] ] ]
//               [ percent "%" ] [ count "*" ] action
//   condition = variable ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) integer
//   action    = "error(" errno ")" | "signal(" signal ")"
//             | "hold" [ "(" duration ")" ] | "yield" [ "(" steps ")" ]
//             | "delay(" duration [ ".." duration ] ")"
//             | "drop" | "duplicate" | "reorder" [ "(" callbacks ")" ]
//             | "corrupt(" ( errno | integer ) ")" | "disconnect" | "crash"
//             | "drop_capability" | "teardown(" ( "kill" | "force" ) ")"
//             | "off"
//   duration  = integer ( "ns" | "us" | "ms" | "s" | "m" | "h" )
//
// The order in which a term is written is the order in which it is asked:
// conditions, when, probability, count, action; another order is an error, so
// that nobody has to remember which dialect of failpoints this is. The first
// part that says no makes the term decline, and a term that declines falls
// through to the next. `off` matches, does nothing, and ends the chain:
// `4*off -> 1*error(ENOMEM)` fails the fifth pass.
//
//   if        Values at the pass; term.h lists the variables. A variable that
//             has no value there (mm_users without an mm) makes the term
//             decline, whatever the comparison.
//   when      As strace has it: `3` the third only, `3+` the third and all
//             after, `3..7` the third to the seventh, `3+2` every second one
//             from the third, `2..9+3` 2, 5 and 8. Counts the passes that the
//             rule's task and mm and the term's conditions admit.
//   percent   0 to 100, whole or with up to four decimals: `10%`, `0.1%`.
//   count     How often the term acts; a draw that misses uses up none.
//   error     ENOMEM, -ENOMEM, 12 and -12 are the same.
//   signal    9, SIGKILL and KILL are the same.
//   hold      The task stands there until it is resumed, or for so long.
//   yield     Gives away that many scheduling points; 1 when not said.
//   delay     Virtual time passes; of two durations a draw chooses one between
//             them, both included. In atomic context the CPU is held as by
//             mdelay(). A number without a unit is an error: to some it is
//             milliseconds, to others not.
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
//             the server at once, if it allows that.
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
