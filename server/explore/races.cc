// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Source-DPOR's half of the depth-first search: which earlier steps a step
// races with, and what a node must try because of it.
//
// The races of a step that waits (a lock that somebody holds) are looked for at
// every kind of end, pruned ones too: the step never runs there, and a race
// seen only when it runs would be missed.

#include <algorithm>
#include <array>
#include <bit>

#include "server/explore/coverage.h"
#include "server/explore/depth_first.h"

namespace mmfault::explore {
namespace {

using sched::Bit;

// The event before this one in the chain of a key.
int Previous(const Node& node, trace::ObjKey key) {
  return node.event.obj == key ? node.previous_on_object
                               : node.previous_on_signals;
}

bool Before(const Node& node, const Clock& clock) {
  return node.number <= clock.at[node.event.task];
}

}  // namespace

// Returns the clock of the step, without the step itself. Newest first: once a
// clock is joined, what lies before it is ordered and no immediate race. An
// unlock orders without a race, so it joins the result and not `seen`: the lock
// that it belongs to is still found.
Clock DepthFirst::FindRaces(const Footprint& step, Coverage* coverage) {
  const Clock program = stack_.ClockOf(step.task);
  Clock seen = program;
  Clock clock = program;
  std::array<int, 2 * kMaxSearchTasks> races;
  size_t race_count = 0;
  int on_object = stack_.LastOn(step.obj);
  int on_signals = step.looks_at_signals ? stack_.LastOn(step.signals) : -1;
  const int pending_since = stack_.last_of_task(step.task);
  while (on_object >= 0 || on_signals >= 0) {
    const bool object = on_object > on_signals;
    const int index = object ? on_object : on_signals;
    const Node& node = stack_.nodes()[index];
    (object ? on_object : on_signals) =
        Previous(node, object ? step.obj : step.signals);
    if (node.event.task == step.task || Before(node, seen)) {
      continue;
    }
    const Link link = LinkOf(node.event, step);
    if (link == Link::kNone) {
      continue;
    }
    clock.Join(node.clock);
    if (link == Link::kRace) {
      // It waited already and could not run before this step, which let it go;
      // something else might have. Such a step must not hide what lies before
      // it, nor an unlock its lock.
      const bool let_go = pending_since < index &&
                          (node.enabled & Bit(step.task)) == 0 &&
                          step.looks_at_signals;
      // Nor one of the readers that keep a writer out another: it has to come
      // before all of them.
      const bool one_of_many = node.event.kind == trace::OpKind::kReadLock;
      if (!let_go && !one_of_many && !LeavesLock(node.event.kind)) {
        seen.Join(node.clock);
      }
      if (race_count < races.size()) {
        races[race_count++] = index;
      }
      if (coverage != nullptr &&
          Dependent(node.event, step, options_.conditional)) {
        coverage->NoteRace(node.event, step);
      }
    }
  }
  if (step.kind == trace::OpKind::kGracePeriodEnd) {
    JoinReaders(step, pending_since, &clock);
  }
  for (size_t i = 0; i < race_count; ++i) {
    Reverse(races[i], step, clock);
  }
  return clock;
}

// A grace period ends after each reader that was inside when it began has left:
// that reader's first end since.
void DepthFirst::JoinReaders(const Footprint& step, int begin,
                             Clock* clock) const {
  std::array<int, kMaxSearchTasks> left;
  left.fill(-1);
  for (int i = stack_.LastOn(step.obj); i > begin;
       i = Previous(stack_.nodes()[i], step.obj)) {
    const Footprint& event = stack_.nodes()[i].event;
    if (event.kind == trace::OpKind::kReadSectionEnd &&
        (step.readers >> event.task & 1) != 0) {
      left[event.task] = i;
    }
  }
  for (const int index : left) {
    if (index >= 0) {
      clock->Join(stack_.nodes()[index].clock);
    }
  }
}

void DepthFirst::FindRacesOfBlocked() {
  const uint64_t blocked = world_->state().alive & ~world_->runnable();
  for (uint64_t rest = blocked; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (task < kMaxSearchTasks) {
      FindRaces(Print(task), nullptr);
    }
  }
}

// The tasks that can begin what came after an event and does not depend on it,
// the racing step last: trying any of them at the event's node leads to the
// reversal.
uint64_t DepthFirst::InitialsAfter(int index, const Footprint& step,
                                   const Clock& clock) const {
  const std::vector<Node>& nodes = stack_.nodes();
  const Node& raced = nodes[index];
  std::array<uint16_t, kMaxSearchTasks> first = {};  // number of, in v; 0: none
  uint64_t initials = 0;
  const auto follows = [&first](const Clock& at, int own) {
    for (int task = 0; task < kMaxSearchTasks; ++task) {
      if (task != own && first[task] != 0 && first[task] <= at.at[task]) {
        return true;
      }
    }
    return false;
  };
  const int top = stack_.event_count();
  for (int i = index + 1; i < top; ++i) {
    const Node& node = nodes[i];
    const int task = node.event.task;
    if (Before(raced, node.clock) || first[task] != 0) {
      continue;
    }
    if (!follows(node.clock, task)) {
      initials |= Bit(task);
    }
    first[task] = node.number;
  }
  if (first[step.task] == 0 && !follows(clock, step.task)) {
    initials |= Bit(step.task);
  }
  return initials;
}

void DepthFirst::Reverse(int index, const Footprint& step, const Clock& clock) {
  if (index < fixed_) {
    return;  // other jobs have all that could be tried there
  }
  const uint64_t initials = InitialsAfter(index, step, clock);
  Node& node = stack_.nodes()[index];
  if ((initials & (node.backtrack | node.done | node.sleep)) != 0) {
    return;
  }
  const uint64_t possible = initials & node.enabled;
  if ((possible & Bit(step.task)) != 0) {
    node.backtrack |= Bit(step.task);
  } else if (possible != 0) {
    node.backtrack |= Bit(std::countr_zero(possible));
  } else if (initials != Bit(step.task) ||
             stack_.last_of_task(step.task) >= index) {
    node.backtrack |= node.enabled;
  }  // else it waits there already, and nothing of what follows lets it go
}

}  // namespace mmfault::explore
