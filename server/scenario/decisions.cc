// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/decisions.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "server/base/error.h"
#include "server/base/prng.h"
#include "server/base/status_macros.h"
#include "server/explore/loop.h"
#include "server/sched/world.h"

namespace mmfault::scenario {
namespace {

absl::Status Unreadable(size_t at, const std::string& what) {
  return base::InvalidFieldError(
      "decisions", "CAPSULE_UNREADABLE",
      "decisions, column " + std::to_string(at + 1) + ": " + what);
}

// Reads `0:12,1=1` and `0:4,(1:2,0:3)*100`.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  absl::StatusOr<sched::Schedule> Read() {
    while (at_ < text_.size()) {
      absl::Status status = text_[at_] == '(' ? ReadLoop() : ReadRun();
      if (status.ok() && at_ < text_.size()) {
        status = text_[at_] == ','
                     ? absl::OkStatus()
                     : Unreadable(at_, "a comma separates two runs");
        ++at_;
      }
      if (!status.ok()) {
        return status;
      }
    }
    return std::move(schedule_);
  }

 private:
  bool ReadNumber(uint64_t* number) {
    const char* begin = text_.data() + at_;
    const auto [end, error] =
        std::from_chars(begin, text_.data() + text_.size(), *number);
    at_ += static_cast<size_t>(end - begin);
    return error == std::errc();
  }

  // The last thing in a text: `(1:2,0:3)*100`.
  absl::Status ReadLoop() {
    const size_t close = text_.find(')', at_);
    const size_t first = schedule_.size();
    while (close != std::string_view::npos && at_ < close) {
      ++at_;  // the parenthesis, or a comma
      RETURN_IF_ERROR(ReadRun());
      if (at_ < close && text_[at_] != ',') {
        return Unreadable(at_, "a comma separates two runs");
      }
    }
    uint64_t rounds = 0;
    at_ += 2;
    const size_t length = schedule_.size() - first;
    if (close == std::string_view::npos || at_ > text_.size() ||
        text_[close + 1] != '*' || !ReadNumber(&rounds) || rounds == 0 ||
        at_ != text_.size()) {
      return Unreadable(std::min(at_, text_.size()),
                        "a loop is `(1:2,0:3)*100`, at the end");
    }
    if (rounds > kMaxDecisions / length) {
      return Unreadable(at_, "steps are 1 to 10,000,000 in all");
    }
    schedule_.reserve(first + length * rounds);
    for (size_t i = length; i < length * rounds; ++i) {
      schedule_.push_back(schedule_[first + i - length]);
    }
    return absl::OkStatus();
  }

  absl::Status ReadRun() {
    uint64_t task = 0;
    uint64_t number = 0;
    const size_t begin = at_;
    if (!ReadNumber(&task) || task >= sched::kMaxTasks) {
      return Unreadable(begin, "a task's slot is a number in [0, 64)");
    }
    const char sign = at_ < text_.size() ? text_[at_] : ' ';
    if (sign != ':' && sign != '=') {
      return Unreadable(at_,
                        "after the slot, `:` and steps or `=` and a choice");
    }
    const size_t number_at = ++at_;
    if (!ReadNumber(&number)) {
      return Unreadable(number_at, "a number is missing");
    }
    if (sign == '=') {
      if (number > UINT8_MAX) {
        return Unreadable(number_at, "a choice is in [0, 255]");
      }
      schedule_.push_back(
          {static_cast<int8_t>(task), static_cast<uint8_t>(number)});
      return absl::OkStatus();
    }
    if (number == 0 || number > kMaxDecisions - schedule_.size()) {
      return Unreadable(number_at, "steps are 1 to 10,000,000 in all");
    }
    schedule_.insert(schedule_.end(), number, {static_cast<int8_t>(task), 0});
    return absl::OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
  sched::Schedule schedule_;
};

// Calls fn(first event of a step, hash of all of its events), step by step.
template <typename Fn>
void ForEachStep(const std::vector<trace::Event>& events, uint64_t start,
                 Fn fn) {
  const trace::Event* first = nullptr;
  uint64_t hash = 0;
  for (const trace::Event& event : events) {
    if (event.step <= start) {
      continue;
    }
    if (first == nullptr || first->step != event.step) {
      if (first != nullptr) {
        fn(*first, hash);
      }
      first = &event;
      hash = 0;
    }
    hash = base::HashStep(hash ^ static_cast<uint64_t>(event.value),
                          static_cast<uint64_t>(event.op.kind) |
                              static_cast<uint64_t>(event.task) << 8);
    for (const char* c = event.op.where; *c != 0; ++c) {
      hash = base::HashStep(hash, static_cast<uint8_t>(*c));
    }
  }
  if (first != nullptr) {
    fn(*first, hash);
  }
}

std::string RunsText(const sched::Schedule& schedule, size_t begin,
                     size_t end) {
  std::string text;
  for (size_t i = begin; i < end;) {
    const sched::Decision decision = schedule[i];
    size_t next = i + 1;
    while (decision.answer == 0 && next < end && schedule[next] == decision) {
      ++next;
    }
    text += (text.empty() ? "" : ",") + std::to_string(decision.task);
    text += decision.answer == 0 ? ":" + std::to_string(next - i)
                                 : "=" + std::to_string(decision.answer);
    i = next;
  }
  return text;
}

}  // namespace

std::string DecisionsText(const sched::Schedule& schedule) {
  const explore::RepeatedTail tail = explore::FindRepeatedTail(schedule);
  if (tail.length < 2) {
    return RunsText(schedule, 0, schedule.size());
  }
  const std::string before = RunsText(schedule, 0, tail.begin);
  return before + (before.empty() ? "(" : ",(") +
         RunsText(schedule, tail.begin, tail.begin + tail.length) + ")*" +
         std::to_string(tail.rounds);
}

absl::StatusOr<sched::Schedule> ParseDecisions(std::string_view text) {
  return Reader(text).Read();
}

sched::Schedule ScheduleOf(const std::vector<trace::Event>& events,
                           uint64_t start) {
  sched::Schedule schedule;
  ForEachStep(events, start, [&](const trace::Event& first, uint64_t) {
    const bool choice = first.op.kind == trace::OpKind::kChoice;
    schedule.push_back({static_cast<int8_t>(first.task),
                        static_cast<uint8_t>(choice ? first.value : 0)});
  });
  return schedule;
}

std::string FingerprintOf(const std::vector<trace::Event>& events,
                          uint64_t start) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  ForEachStep(events, start, [&](const trace::Event&, uint64_t hash) {
    text += kDigits[hash >> 60];
    text += kDigits[hash >> 56 & 15];
  });
  return text;
}

uint64_t FirstDifference(std::string_view a, std::string_view b) {
  const auto [in_a, in_b] =
      std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (in_a == a.end() && in_b == b.end()) {
    return 0;
  }
  return static_cast<uint64_t>(in_a - a.begin()) / 2 + 1;
}

int64_t SwitchesOf(const sched::Schedule& schedule) {
  int64_t switches = 0;
  for (size_t i = 1; i < schedule.size(); ++i) {
    switches += schedule[i].task == schedule[i - 1].task ? 0 : 1;
  }
  return switches;
}

int FollowStrategy::Choose(const sched::World& world, uint64_t runnable) const {
  const uint64_t index = world.state().step_count - start_;
  if (index < schedule_.size() &&
      (runnable >> schedule_[index].task & 1) != 0) {
    return schedule_[index].task;
  }
  const int last = world.current_slot();
  return index != 0 && (runnable >> last & 1) != 0 ? last
                                                   : std::countr_zero(runnable);
}

int FollowStrategy::Pick(const sched::World& world, uint64_t runnable) {
  const int task = Choose(world, runnable);
  const int last = world.current_slot();
  const bool begun = world.state().step_count != start_;
  if (begun && task != last && (runnable >> last & 1) != 0) {
    ++preemptions_;
  }
  return task;
}

uint8_t FollowStrategy::Answer(const sched::World& world, int slot,
                               int /*count*/) {
  const uint64_t index = world.state().step_count - start_;
  const bool follows = index < schedule_.size() &&
                       schedule_[index].task == slot &&
                       schedule_[index].answer < world.possible(slot);
  return follows ? schedule_[index].answer : 0;
}

}  // namespace mmfault::scenario
