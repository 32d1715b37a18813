// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/loop.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "server/base/prng.h"

namespace mmfault::explore {
namespace {

using sched::Bit;

// Loops longer than this are not looked for.
constexpr size_t kMaxLength = 4096;
// Earlier visits of a position that are looked at, newest first.
constexpr int kMaxVisits = 4;

uint64_t TermOf(const sched::World& world, int slot) {
  const sched::TaskRecord& task = world.task(slot);
  if ((world.state().alive & Bit(slot)) == 0) {
    return 0;
  }
  uint64_t hash = base::HashStep(static_cast<uint64_t>(slot) + 1, task.op_obj);
  hash = base::HashStep(hash, reinterpret_cast<uint64_t>(task.op_where.get())
                                      << 8 |
                                  static_cast<uint64_t>(task.op_kind.get()));
  return base::HashStep(hash, task.progress);
}

bool AsksAgain(const sched::World& world, int slot) {
  return world.possible(slot) > world.alternatives(slot);
}

// Everything about a step that has to come again.
struct Mark {
  Decision decision;
  uint64_t term;     // of the stepping task: its op
  uint64_t enabled;  // before the step
  bool again;
  uint64_t frames;  // the stepping task's; compared where it is alone

  bool operator==(const Mark& other) const {
    return decision == other.decision && term == other.term &&
           enabled == other.enabled && again == other.again;
  }
};

uint64_t FramesOf(const sched::World& world, int slot) {
  const std::byte* at = world.arena().frame_window(slot);
  const std::byte* end = at + world.task(slot).frame_top;
  uint64_t hash = 0;
  for (; at < end; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    hash = base::HashStep(hash, word);
  }
  return hash;
}

// Whether the last kLoopRounds rounds of `length` marks are the same.
bool Repeats(const std::vector<Mark>& marks, size_t length) {
  const size_t all = length * kLoopRounds;
  if (length == 0 || marks.size() < all) {
    return false;
  }
  const auto begin = marks.end() - static_cast<ptrdiff_t>(all);
  return std::equal(begin + static_cast<ptrdiff_t>(length), marks.end(), begin);
}

// Of the last round: somebody who wants to get somewhere; -1: the round is not
// fair, or there is nobody.
int WhoGetsNowhere(const std::vector<Mark>& marks, size_t length) {
  uint64_t enabled = ~uint64_t{0};
  uint64_t stepped = 0;
  uint64_t storms = 0;
  for (size_t i = marks.size() - length; i < marks.size(); ++i) {
    enabled &= marks[i].enabled;
    stepped |= Bit(marks[i].decision.task);
    storms |= marks[i].again ? Bit(marks[i].decision.task) : 0;
  }
  const uint64_t wants = stepped & ~storms;
  if ((enabled & ~stepped) != 0 || wants == 0) {
    return -1;
  }
  const bool alone = (stepped & (stepped - 1)) == 0;
  for (size_t i = marks.size() - length; alone && i < marks.size(); ++i) {
    if (marks[i].frames != marks[i - length].frames) {
      return -1;
    }
  }
  return std::countr_zero(wants);
}

class Follower {
 public:
  explicit Follower(sched::World* world) : world_(world) {}

  // False: the decision cannot be followed, or a BUG ended it.
  bool Step(Decision decision) {
    if (world_->runnable() == 0 && ClassifyEnd(world_) != End::kCut) {
      return false;
    }
    const int task = decision.task;
    if ((world_->runnable() & Bit(task)) == 0 ||
        decision.answer >= world_->possible(task)) {
      return false;
    }
    marks_.push_back({decision, TermOf(*world_, task), world_->runnable(),
                      AsksAgain(*world_, task), FramesOf(*world_, task)});
    world_->Step(decision);
    return world_->state().dead_tasks == 0;
  }

  // The length of the loop that it has been going round; 0: none.
  size_t Loop() const {
    for (size_t length = 1; length <= marks_.size() / kLoopRounds; ++length) {
      if (Repeats(marks_, length)) {
        return WhoGetsNowhere(marks_, length) < 0 ? 0 : length;
      }
    }
    return 0;
  }

  const std::vector<Mark>& marks() const { return marks_; }

 private:
  sched::World* world_;
  std::vector<Mark> marks_;
};

void Report(sched::World* world, const std::vector<Mark>& marks,
            size_t length) {
  const int task = WhoGetsNowhere(marks, length);
  world->Report({.checker = trace::Checker::kNoLivelock,
                 .cause = trace::Cause::kGoesRound,
                 .task = static_cast<int8_t>(task),
                 .obj = trace::ObjKey(world->task(task).op_obj),
                 .a = length,
                 .b = kLoopRounds});
}

}  // namespace

RepeatedTail FindRepeatedTail(const Schedule& schedule) {
  const size_t size = schedule.size();
  const size_t longest = std::min(kMaxLength, size / kLoopRounds);
  for (size_t length = 1; length <= longest; ++length) {
    size_t same = length;
    while (same < size &&
           schedule[size - 1 - same] == schedule[size - 1 - same + length]) {
      ++same;
    }
    const size_t rounds = same / length;
    if (rounds >= kLoopRounds) {
      return {size - rounds * length, length, rounds};
    }
  }
  return {size, 0, 0};
}

bool FollowIntoLoop(sched::World* world, const Schedule& schedule,
                    Schedule* taken) {
  Follower follower(world);
  for (const Decision decision : schedule) {
    if (!follower.Step(decision)) {
      return false;
    }
    taken->push_back(decision);
  }
  const size_t length = follower.Loop();
  if (length != 0) {
    Report(world, follower.marks(), length);
  }
  return length != 0;
}

LoopFinder::LoopFinder(sched::World* world) : world_(world) {
  for (int task = 0; task < sched::kMaxTasks; ++task) {
    Add(task);
  }
}

void LoopFinder::Add(int task) {
  const auto slot = static_cast<size_t>(task);
  position_ -= terms_[slot];
  terms_[slot] = TermOf(*world_, task);
  position_ += terms_[slot];
}

void LoopFinder::Stepping(Decision decision) {
  const uint64_t enabled = world_->runnable();
  const bool asked = std::has_single_bit(enabled) && met_[position_ >> 52] != 0;
  levels_.push_back({decision, position_, enabled,
                     asked ? FramesOf(*world_, decision.task) : 0,
                     terms_[static_cast<size_t>(decision.task)]});
}

void LoopFinder::Stepped(uint64_t spawned) {
  levels_.back().spawned = spawned;
  ++met_[position_ >> 52];
  Add(levels_.back().decision.task);
  for (; spawned != 0; spawned &= spawned - 1) {
    Add(std::countr_zero(spawned));
  }
}

void LoopFinder::Undone() {
  const Level level = levels_.back();
  levels_.pop_back();
  --met_[level.position >> 52];
  position_ = level.position;
  for (uint64_t rest = level.spawned; rest != 0; rest &= rest - 1) {
    terms_[static_cast<size_t>(std::countr_zero(rest))] = 0;
  }
  terms_[static_cast<size_t>(level.decision.task)] = level.term;
}

uint64_t LoopFinder::SteppedSince(size_t level) const {
  uint64_t stepped = 0;
  for (size_t i = level; i < levels_.size(); ++i) {
    stepped |= Bit(levels_[i].decision.task);
  }
  return stepped;
}

bool LoopFinder::IsFair(size_t level) const {
  uint64_t enabled = ~uint64_t{0};
  for (size_t i = level; i < levels_.size(); ++i) {
    enabled &= levels_[i].enabled;
  }
  return (enabled & ~SteppedSince(level)) == 0;
}

// Once more round what was done since then, and again, until it is different or
// has been often enough.
std::optional<Schedule> LoopFinder::TryFrom(size_t level) {
  const size_t depth = world_->undo_depth();
  const size_t length = levels_.size() - level;
  const bool alone = length == 1 || std::has_single_bit(SteppedSince(level));
  Follower follower(world_);
  Schedule taken;
  bool same = true;
  for (size_t i = 0; same && i < kLoopRounds * length; ++i) {
    Decision decision = levels_[level + i % length].decision;
    const int task = decision.task;
    if ((world_->runnable() & Bit(task)) != 0 && AsksAgain(*world_, task)) {
      decision.answer = 1;
    }
    same = follower.Step(decision);
    taken.push_back(decision);
    if (same && i >= length) {
      const Mark& now = follower.marks()[i];
      const Mark& before = follower.marks()[i - length];
      same = now == before && (!alone || now.frames == before.frames);
    }
  }
  const int who = same ? WhoGetsNowhere(follower.marks(), length) : -1;
  if (who < 0) {
    world_->UndoTo(depth);
    return std::nullopt;
  }
  Report(world_, follower.marks(), length);
  return taken;
}

// Whoever is alone and has other local variables than then is on his way.
bool LoopFinder::IsOnItsWay(size_t level) const {
  const uint64_t stepped = SteppedSince(level);
  return std::has_single_bit(stepped) && levels_[level].frames != 0 &&
         levels_[level].frames != FramesOf(*world_, std::countr_zero(stepped));
}

std::optional<Schedule> LoopFinder::GoRound() {
  if (found_ || met_[position_ >> 52] == 0) {
    return std::nullopt;
  }
  int visits = 0;
  const size_t oldest = levels_.size() - std::min(levels_.size(), kMaxLength);
  for (size_t level = levels_.size(); level-- > oldest;) {
    if (levels_[level].position != position_) {
      continue;
    }
    if (++visits > kMaxVisits) {
      break;
    }
    if (!IsFair(level) || IsOnItsWay(level)) {
      continue;
    }
    std::optional<Schedule> taken = TryFrom(level);
    if (taken) {
      found_ = true;
      return taken;
    }
  }
  return std::nullopt;
}

bool LoopFinder::Look(Schedule* schedule, const Visitor& visitor,
                      SearchResult* result) {
  const size_t depth = world_->undo_depth();
  const std::optional<Schedule> rounds = GoRound();
  if (!rounds) {
    return true;
  }
  const size_t length = schedule->size();
  schedule->insert(schedule->end(), rounds->begin(), rounds->end());
  result->executions += 1;
  const bool goes_on = visitor(world_, End::kLoop, *schedule);
  schedule->resize(length);
  world_->UndoTo(depth);
  return goes_on;
}

}  // namespace mmfault::explore
