// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/check/explain.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "server/kernel/errno.h"
#include "server/kernel/lock.h"

namespace mmfault::check {
namespace {

using trace::Cause;
using trace::Violation;

struct Sentence {
  Cause cause;
  // {task} {other} {obj} {by} {a} {b} {addr} {classes} are filled in.
  const char* text;
  const char* catalogue;  // separated by spaces
};

constexpr Sentence kSentences[] = {
    {Cause::kStalePageFreed,
     "{task} freed {obj} while {by} still maps it ({addr}): nobody told the "
     "device, or it did not listen.",
     "P01 P03 P13 P21 P50"},
    {Cause::kDeviceWroteFreedPage,
     "{task} used the mapping ({addr}) that {by} has of {obj}, which has been "
     "freed.",
     "P01 P03 P13 P50"},
    {Cause::kMappedAfterRelease,
     "{task} mapped {obj} in a device after ->release() had returned.", "P23"},
    {Cause::kEndWithoutStart,
     "{task} called invalidate_range_end of {obj} without its start: the "
     "notifier was registered (step {otherstep}) inside a section that had "
     "begun without it.",
     "P02 P47b"},
    {Cause::kStartWithoutEnd, "{task} left {obj} with a start that has no end.",
     "P44"},
    {Cause::kStartsNotBalancedAtEnd,
     "{obj} is still registered and {a} of its starts never got an end.",
     "P44 P45"},
    {Cause::kCallbackAfterUnregister,
     "{task} called into {obj} after its unregister had returned (step "
     "{otherstep}, by {other}): the owner may have freed it by then.",
     "P14"},
    {Cause::kFreedNotifierUsed,
     "{task} followed the list to {obj}, whose memory its owner has freed.",
     "P12 P14 P19"},
    {Cause::kFreedVmaUsed,
     "{task} walked to {obj}, which exit_mmap() has freed: the walk needs "
     "mm_users above 0 for as long as it runs.",
     "P18"},
    {Cause::kFreedLockUsed,
     "{task} used {obj} after the object that holds it was freed.", "P18"},
    {Cause::kFreedObjectUsed, "{task} used {obj} after it was freed.", "P16"},
    {Cause::kNullDereference,
     "{task} deleted {obj} from a list that it is not in: a null dereference.",
     "P11"},
    {Cause::kLockHeldAtReturn,
     "{task} returned with {a} lock(s) more than it came with.", "P32"},
    {Cause::kLockReleasedUnheld,
     "{task} released {obj}, which it does not hold.", "P33"},
    {Cause::kLockHeldAtExit, "{task} ended holding {a} lock(s).", "P32"},
    {Cause::kLockTakenTwice,
     "{task} takes {obj}, which it holds already: it waits for itself.",
     "P34 P41"},
    {Cause::kLockClassCycle,
     "{task} takes {obj} under a lock that must be inner to it ({classes}).",
     "P36"},
    {Cause::kLockAddressOrder,
     "{task} takes {obj} under a lock of its own class at a higher address: "
     "two such walks can deadlock.",
     "P35"},
    {Cause::kLockFlagLeft,
     "a mark of mm_lock is still set on {obj} although nobody is inside.",
     "P37"},
    {Cause::kLockFlagAlreadySet,
     "{task} finds the mm_lock mark of {obj} set already: a BUG().", "P37"},
    {Cause::kAllocationLeaked,
     "{task} returned with {a} allocation(s) that nobody can free any more.",
     "P38"},
    {Cause::kDoubleFree, "{task} freed {obj} a second time.", "P16"},
    {Cause::kArrayOverflow, "{task} wrote entry {a} of {obj}, behind its end.",
     "P39"},
    {Cause::kMmUsersBelowZero, "{task} dropped mm_users of {obj} below 0.",
     "P26"},
    {Cause::kMmCountBelowZero, "{task} dropped mm_count of {obj} below 0.",
     "P16 P17"},
    {Cause::kMmUsersZero,
     "{task} hit BUG_ON(mm_users <= 0) on {obj}: the call needs an address "
     "space that is alive.",
     "P09 P18"},
    {Cause::kSubscriptionsLeft,
     "{obj} was freed with notifiers still on its list: a BUG().", "P09"},
    {Cause::kRefcountBelowZero, "{task} dropped a reference of {obj} below 0.",
     "P26"},
    {Cause::kReleaseTwice, "->release() of {obj} was called {a} times.", "P10"},
    {Cause::kReleaseMissing,
     "the address space is gone and ->release() of {obj} was never called.",
     "P09"},
    {Cause::kSleptWhileAtomic,
     "{task} may sleep here, holding a spinlock or inside an RCU read section "
     "(depth {a}).",
     "P42 P49"},
    {Cause::kSleptInCallback,
     "the client slept in a callback of {obj} that came in atomic context.",
     "P49"},
    {Cause::kHungCallback,
     "callback {a} to {obj} was never answered: in a kernel {task} would hang "
     "here.",
     ""},
    {Cause::kAnswerLost,
     "the answer of {obj} was lost: in a kernel {task} would hang here.", ""},
    {Cause::kSleptInNonBlock,
     "{task} may sleep inside a start that must not block.", "P49"},
    {Cause::kPteChangedUnannounced,
     "{task} changed the translation of {addr} in {obj} outside any section.",
     "P59"},
    {Cause::kWaitCycle, "tasks wait for each other in a circle.", "P28 P35"},
    {Cause::kBlockedForEver,
     "{task} waits for {obj} and nothing is left that could wake it.",
     "P28 P34"},
    {Cause::kGoesRound,
     "{task} goes round and gets nowhere: the last {a} steps are a loop, gone "
     "round {b} times with the same steps, in which everybody ran who could.",
     "P52"},
    {Cause::kErrorNotSpecified,
     "{task} got {errno}, which this call may not return here.", ""},
    {Cause::kRegisteredAfterError,
     "registering {obj} returned an error and left it on the list.", "P17"},
    {Cause::kStateChangedByError,
     "a call on {obj} failed and changed state all the same.", "P19"},
    {Cause::kSignalUnseen,
     "{task} visited {a} VMAs between two looks at its signals, of {b} VMAs in "
     "all.",
     "P40"},
    {Cause::kDoubleRegister, "{obj} was added to a list that it is in already.",
     "P15"},
    {Cause::kBugOn, "{task} hit a BUG_ON on {obj}.", ""},
    {Cause::kUninitialisedPointer,
     "{task} follows a pointer that nobody has set, in a structure of {obj}: "
     "it is whatever was in that memory.",
     "P37b"},
    {Cause::kUninitialisedRead,
     "{task} followed the list to a notifier whose fields it could not see yet "
     "({obj}): it read the new pointer and, behind it, the earlier content.",
     "P08"},
    {Cause::kWalkedWithoutLock,
     "{task} walked the list to {obj} and held none of mmap_sem, an i_mmap "
     "lock "
     "and an anon_vma lock: nothing keeps this walk and a change of the list "
     "apart, or makes the changes visible to it.",
     "P08 P12"},
    {Cause::kUnloadedCodeCalled,
     "{task} called a method of {obj}, whose module has been unloaded: nobody "
     "waited for what was pending.",
     "P27"},
    {Cause::kNotInserted,
     "{task} removed the interval {obj}, which is not inserted: a WARN(), and "
     "mm_count drops below its pins.",
     "P16"},
};

const Sentence* SentenceOf(Cause cause) {
  for (const Sentence& sentence : kSentences) {
    if (sentence.cause == cause) {
      return &sentence;
    }
  }
  return nullptr;
}

std::string Hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string TaskName(uint32_t task_id, const NameFn& name) {
  return task_id == 0 ? "somebody" : name({trace::ObjType::kTask, task_id});
}

std::string Fill(std::string_view key, const Violation& v, const NameFn& name) {
  if (key == "task") {
    return TaskName(v.task_id, name);
  }
  if (key == "other") {
    return TaskName(v.other_task_id, name);
  }
  if (key == "otherstep") {
    return std::to_string(v.other_step);
  }
  if (key == "obj") {
    return name(v.obj);
  }
  if (key == "by") {
    return v.by.type() == trace::ObjType::kNone ? "a device"
                                                : "the device of " + name(v.by);
  }
  if (key == "errno") {
    return kernel::ErrnoText(-static_cast<int>(v.a));
  }
  if (key == "addr") {
    return Hex(v.a);
  }
  if (key == "classes") {
    return std::string(
               kernel::LockClassName(static_cast<kernel::LockClass>(v.b))) +
           " under " +
           kernel::LockClassName(static_cast<kernel::LockClass>(v.a));
  }
  return std::to_string(key == "b" ? v.b : v.a);
}

}  // namespace

std::string Explain(const Violation& violation, const NameFn& name) {
  const Sentence* sentence = SentenceOf(violation.cause);
  if (sentence == nullptr) {
    return trace::CheckerName(violation.checker);
  }
  std::string out;
  std::string_view rest = sentence->text;
  while (!rest.empty()) {
    const size_t open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) {
      break;
    }
    const size_t close = rest.find('}', open);
    out += Fill(rest.substr(open + 1, close - open - 1), violation, name);
    rest.remove_prefix(close + 1);
  }
  if (violation.forced != 0) {
    out += " (After a forced teardown.)";
  }
  return out;
}

std::vector<std::string> CatalogueOf(const Violation& violation) {
  std::vector<std::string> numbers;
  const Sentence* sentence = SentenceOf(violation.cause);
  std::string_view rest = sentence == nullptr ? "" : sentence->catalogue;
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    numbers.emplace_back(rest.substr(0, space));
    rest.remove_prefix(space == std::string_view::npos ? rest.size()
                                                       : space + 1);
  }
  return numbers;
}

}  // namespace mmfault::check
