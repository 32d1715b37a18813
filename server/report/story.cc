// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/story.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "server/kernel/errno.h"
#include "server/report/wording.h"

namespace mmfault::report {
namespace {

constexpr size_t kStepWidth = 7;
constexpr size_t kColumnMin = 12;

using Events = std::vector<v1::Event>;

bool OnlyReads(const v1::Event& event) {
  static const std::set<std::string> kReads = {
      "read",         "read_lock",        "read_unlock",
      "read_section", "read_section_end", "signal_test"};
  return kReads.contains(event.detail());
}

bool Takes(const v1::Event& event) {
  static const std::set<std::string> kTakes = {"lock", "read_lock", "trylock",
                                               "read_section"};
  return kTakes.contains(event.detail());
}

bool GivesBack(const v1::Event& event) {
  static const std::set<std::string> kGives = {"unlock", "read_unlock",
                                               "read_section_end"};
  return kGives.contains(event.detail());
}

bool IsMilestone(const v1::Event& event) {
  switch (event.kind()) {
    case v1::Event::KIND_OPERATION:
    case v1::Event::KIND_CALLBACK:
    case v1::Event::KIND_FAULT:
    case v1::Event::KIND_CLIENT:
    case v1::Event::KIND_VIOLATION:
      return true;
    default:
      return event.detail() == "signal_send" || event.detail() == "choice";
  }
}

// Whether a step that tries to take something got it: what its task does next
// with the same thing tells. A lock that nobody gives back is held.
bool WasTaken(const Events& events, size_t at) {
  const v1::Event& event = events[at];
  for (size_t i = at + 1; i < events.size(); ++i) {
    if (events[i].task() == event.task() &&
        events[i].object() == event.object() &&
        (Takes(events[i]) || GivesBack(events[i]))) {
      return GivesBack(events[i]) || event.detail() == "read_section" ||
             event.detail() == "read_lock";
    }
  }
  return event.detail() != "trylock";
}

// The steps that matter, each its event's index.
class Selection {
 public:
  Selection(const Events& events, const std::vector<v1::Violation>& violations)
      : events_(events) {
    for (const v1::Event& event : events) {
      Touched& touched = touched_[event.object()];
      touched.tasks.insert(event.task());
      if (!OnlyReads(event)) {
        touched.writers.insert(event.task());
      }
    }
    for (const v1::Violation& violation : violations) {
      named_.insert(violation.step());
      for (const v1::Event& event : violation.events()) {
        named_.insert(event.step());
      }
    }
  }

  bool Has(size_t at) const {
    const v1::Event& event = events_[at];
    return IsMilestone(event) || named_.contains(event.step()) ||
           IsSignalSeen(at) || IsShared(event);
  }

 private:
  struct Touched {
    std::set<std::string> tasks;
    std::set<std::string> writers;
  };

  bool IsShared(const v1::Event& event) const {
    if (event.object().empty() || event.kind() == v1::Event::KIND_SIGNAL) {
      return false;
    }
    const Touched& touched = touched_.at(event.object());
    return touched.tasks.size() > 1 && !touched.writers.empty();
  }

  // The first look of a task at its signals since one was sent to it.
  bool IsSignalSeen(size_t at) const {
    if (events_[at].detail() != "signal_test") {
      return false;
    }
    for (size_t i = at; i-- > 0;) {
      if (events_[i].object() != events_[at].object()) {
        continue;
      }
      if (events_[i].detail() == "signal_test") {
        return false;
      }
      if (events_[i].detail() == "signal_send") {
        return true;
      }
    }
    return false;
  }

  const Events& events_;
  std::map<std::string, Touched> touched_;
  std::set<int64_t> named_;
};

// `lock m0.mmap_lock`, `callback n0 [0x1000, 0x3000)`, `return = -EINTR`.
std::string Deed(const v1::Event& event) {
  std::string text = event.detail();
  if (!event.object().empty()) {
    text += " " + event.object();
  }
  if (event.end() != 0) {
    absl::StrAppend(&text, " [0x", absl::Hex(event.start()), ", 0x",
                    absl::Hex(event.end()), ")");
  }
  const bool returns =
      event.detail() == "return" || event.detail() == "callback_return";
  if (returns || event.rc() != 0) {
    text += " = " + (event.rc() == 0 ? "0" : kernel::ErrnoText(event.rc()));
  }
  return text;
}

struct Line {
  int64_t step = 0;  // 0: none is printed
  std::string task;
  std::string text;
  std::string held;
};

class Teller {
 public:
  Teller(const Events& events, const std::vector<v1::Violation>& violations,
         const StoryView& view)
      : events_(events),
        violations_(violations),
        view_(view),
        selection_(events, violations) {
    for (const v1::Violation& violation : violations) {
      if (violation.has_loop()) {
        loop_ = &violation.loop();
      }
    }
  }

  std::string Tell() {
    for (size_t i = 0; i < events_.size(); ++i) {
      const v1::Event& event = events_[i];
      if (view_.until_step > 0 && event.step() >= view_.until_step) {
        stopped_at_ = event.step();
        break;
      }
      Add(i);
      if (!view_.break_on.empty() && IsStop(event, view_.break_on)) {
        stopped_at_ = event.step();
        break;
      }
      if (loop_ != nullptr && !view_.full && LoopEndsAt(i)) {
        AddLoopEnd();
        break;
      }
    }
    Flush();
    return Table() + Ending();
  }

  static bool IsStop(const v1::Event& event, const std::string& what) {
    return event.function() == what || event.object() == what ||
           event.detail() == what;
  }

 private:
  void Add(size_t at) {
    const v1::Event& event = events_[at];
    if (std::find(tasks_.begin(), tasks_.end(), event.task()) == tasks_.end()) {
      tasks_.push_back(event.task());
    }
    if (task_ != event.task()) {
      Flush();
      task_ = event.task();
    }
    Hold(at);
    const bool stops = !view_.break_on.empty() && IsStop(event, view_.break_on);
    if (!view_.full && !stops && !selection_.Has(at)) {
      ++left_out_;
    } else {
      AddLine(event);
    }
    AddViolations(event.step(),
                  at + 1 == events_.size() ? -1 : events_[at + 1].step());
  }

  void AddLine(const v1::Event& event) {
    Flush();
    int64_t step = event.step();
    if (function_[event.task()] != event.function()) {
      function_[event.task()] = event.function();
      if (!event.function().empty()) {
        lines_.push_back({step, event.task(), event.function(), ""});
        step = 0;
      }
    }
    const std::string text =
        event.function().empty() ? Deed(event) : ". " + Deed(event);
    if (MergesWithLast(event)) {
      lines_.back().text += ", " + event.object();
      lines_.back().held = Held(event.task());
    } else {
      lines_.push_back({view_.full ? event.step() : step, event.task(), text,
                        Held(event.task())});
    }
    last_ = &event;
  }

  // A row of locks is one line: `. lock a1, a2, a3`.
  bool MergesWithLast(const v1::Event& event) const {
    return !view_.full && last_ != nullptr && left_out_ == 0 &&
           !lines_.empty() && event.kind() == v1::Event::KIND_LOCK &&
           last_->kind() == event.kind() && last_->task() == event.task() &&
           last_->detail() == event.detail() &&
           last_->function() == event.function() &&
           lines_.back().text.size() + event.object().size() < 44;
  }

  void AddViolations(int64_t step, int64_t next_step) {
    if (step == next_step) {
      return;
    }
    for (const v1::Violation& violation : violations_) {
      if (violation.step() == step) {
        Flush();
        lines_.push_back({step, task_, "** " + violation.checker(), ""});
        last_ = nullptr;
      }
    }
  }

  // A loop is told once.
  bool LoopEndsAt(size_t at) const {
    const int64_t end = loop_->begin_step() + loop_->step_count();
    return at + 1 < events_.size() && events_[at + 1].step() >= end;
  }

  void AddLoopEnd() {
    Flush();
    const int64_t last = loop_->begin_step() + loop_->step_count() - 1;
    lines_.push_back({0, task_, "** no_livelock", ""});
    loop_text_ = "steps " + Grouped(loop_->begin_step()) + " to " +
                 Grouped(last) + " are a loop: it went round " +
                 Grouped(loop_->round_count()) +
                 " times, and nobody got anywhere\n";
  }

  void Flush() {
    if (left_out_ > 0) {
      lines_.push_back(
          {0, task_,
           "... " + Grouped(left_out_) + (left_out_ == 1 ? " step" : " steps"),
           Held(task_)});
      last_ = nullptr;
    }
    left_out_ = 0;
  }

  void Hold(size_t at) {
    const v1::Event& event = events_[at];
    std::vector<std::string>& held = held_[event.task()];
    if (Takes(event) && WasTaken(events_, at)) {
      held.push_back(event.object());
    } else if (GivesBack(event)) {
      const auto found = std::find(held.rbegin(), held.rend(), event.object());
      if (found != held.rend()) {
        held.erase(std::next(found).base());
      }
    }
  }

  std::string Held(const std::string& task) const {
    const auto found = held_.find(task);
    std::string text;
    if (found == held_.end()) {
      return text;
    }
    constexpr size_t kNamed = 4;
    const std::vector<std::string>& held = found->second;
    for (size_t i = 0; i < std::min(kNamed, held.size()); ++i) {
      text += (i == 0 ? "" : ", ") + held[i];
    }
    if (held.size() > kNamed) {
      text += ", +" + std::to_string(held.size() - kNamed);
    }
    return text;
  }

  std::string Table() const {
    std::map<std::string, size_t> widths;
    for (const std::string& task : tasks_) {
      widths[task] = std::max(kColumnMin, task.size());
    }
    for (const Line& line : lines_) {
      widths[line.task] = std::max(widths[line.task], line.text.size());
    }
    std::string out = Padded("   STEP", kStepWidth) + "  ";
    for (const std::string& task : tasks_) {
      out += Padded(task, widths[task]) + "  ";
    }
    out += "HOLDS\n";
    for (const Line& line : lines_) {
      const std::string step = line.step == 0 ? "" : std::to_string(line.step);
      std::string row =
          std::string(kStepWidth - std::min(kStepWidth, step.size()), ' ') +
          step + "  ";
      for (const std::string& task : tasks_) {
        row += Padded(task == line.task ? line.text : "", widths[task]) + "  ";
      }
      row += line.held;
      row.erase(row.find_last_not_of(' ') + 1);
      out += row + "\n";
    }
    return out;
  }

  // Who stands where, when the story ended before its end.
  std::string Ending() const {
    if (stopped_at_ == 0) {
      return loop_text_;
    }
    std::string out = "stopped at step " + std::to_string(stopped_at_) + ":\n";
    for (const std::string& task : tasks_) {
      const auto function = function_.find(task);
      const std::string held = Held(task);
      out += "  " + task + " in " +
             (function == function_.end() || function->second.empty()
                  ? "no function"
                  : function->second) +
             (held.empty() ? ", holds nothing" : ", holds " + held) + "\n";
    }
    return out;
  }

  static std::string Padded(std::string text, size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
  }

  const Events& events_;
  const std::vector<v1::Violation>& violations_;
  const StoryView& view_;
  const Selection selection_;
  std::vector<std::string> tasks_;  // in order of appearance
  std::vector<Line> lines_;
  std::map<std::string, std::vector<std::string>> held_;
  std::map<std::string, std::string> function_;
  std::string task_;
  const v1::Event* last_ = nullptr;
  const v1::Violation::Loop* loop_ = nullptr;  // that it ends in
  std::string loop_text_;
  int64_t left_out_ = 0;
  int64_t stopped_at_ = 0;
};

std::string Shrunk(const char* what, int64_t before, int64_t after) {
  return std::string("  ") + what + " " + Grouped(before) + " -> " +
         Grouped(after) + "\n";
}

}  // namespace

std::string RenderStory(const std::vector<v1::Event>& events,
                        const std::vector<v1::Violation>& violations,
                        const StoryView& view) {
  return Teller(events, violations, view).Tell();
}

bool HasStop(const std::vector<v1::Event>& events,
             const std::string& break_on) {
  return std::any_of(events.begin(), events.end(),
                     [&break_on](const v1::Event& event) {
                       return Teller::IsStop(event, break_on);
                     });
}

std::string RenderMinimize(const v1::MinimizeReport& report) {
  std::string out =
      "minimized in " + Grouped(report.execution_count()) + " executions\n";
  out += Shrunk("steps", report.step_count_before(), report.step_count());
  out +=
      Shrunk("switches", report.switch_count_before(), report.switch_count());
  out += Shrunk("preemptions", report.preemption_count_before(),
                report.preemption_count());
  for (const std::string& removed : report.removed()) {
    out += "  without " + removed + "\n";
  }
  return out + "  " + report.certificate() + "\n";
}

}  // namespace mmfault::report
