// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a story shows what matters, in the column of who did it, with the locks
// that were held. Method: events written by hand.

#include "server/report/story.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/report/gtest.h"

namespace mmfault::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Event Step(int64_t step, const char* task, const char* function,
               v1::Event::Kind kind, const char* verb, const char* object) {
  v1::Event event;
  event.set_step(step);
  event.set_task(task);
  event.set_function(function);
  event.set_kind(kind);
  event.set_detail(verb);
  event.set_object(object);
  return event;
}

std::vector<v1::Event> Sample() {
  using E = v1::Event;
  std::vector<E> events = {
      Step(1, "a", "down", E::KIND_LOCK, "lock", "mmap_sem"),
      Step(2, "a", "own", E::KIND_MEMORY, "write", "private"),
      Step(3, "a", "own", E::KIND_MEMORY, "write", "private"),
      Step(4, "a", "list", E::KIND_MEMORY, "write", "head"),
      Step(5, "b", "list", E::KIND_MEMORY, "read", "head"),
      Step(6, "b", "try", E::KIND_LOCK, "trylock", "mmap_sem"),
      Step(7, "b", "call", E::KIND_OPERATION, "return", "b"),
      Step(8, "a", "up", E::KIND_LOCK, "unlock", "mmap_sem"),
  };
  events[6].set_rc(-4);
  return events;
}

std::vector<v1::Violation> Broken() {
  v1::Violation violation;
  violation.set_checker("lock_order");
  violation.set_step(5);
  return {violation};
}

TEST(StoryTest, ShowsWhatTwoTasksTouchAndCountsTheRest) {
  const std::string text = RenderStory(Sample(), Broken(), {});
  EXPECT_THAT(text, HasSubstr("STEP  a"));
  EXPECT_THAT(text, HasSubstr("... 2 steps"));
  EXPECT_THAT(text, Not(HasSubstr("private")));
  EXPECT_THAT(text, HasSubstr(". write head"));
  EXPECT_THAT(text, HasSubstr("** lock_order"));
  EXPECT_THAT(text, HasSubstr("return b = -EINTR"));
}

TEST(StoryTest, FullHasEveryStep) {
  StoryView view;
  view.full = true;
  const std::string text = RenderStory(Sample(), Broken(), view);
  EXPECT_THAT(text, HasSubstr("private"));
  EXPECT_THAT(text, Not(HasSubstr("...")));
}

TEST(StoryTest, StopsWhereItIsToldAndSaysWhoHoldsWhat) {
  StoryView view;
  view.break_on = "call";
  const std::string text = RenderStory(Sample(), {}, view);
  EXPECT_THAT(text, HasSubstr("stopped at step 7"));
  EXPECT_THAT(text, HasSubstr("a in list, holds mmap_sem"));
  EXPECT_THAT(text, HasSubstr("b in call, holds nothing"));  // the try failed
  EXPECT_THAT(text, Not(HasSubstr("unlock")));
  EXPECT_TRUE(HasStop(Sample(), "call"));
  EXPECT_FALSE(HasStop(Sample(), "nowhere"));

  view.break_on.clear();
  view.until_step = 5;
  EXPECT_THAT(RenderStory(Sample(), {}, view), HasSubstr("stopped at step 5"));
}

TEST(StoryTest, TellsALoopOnce) {
  using E = v1::Event;
  std::vector<E> events;
  for (int64_t i = 0; i < 10; ++i) {
    events.push_back(Step(2 * i + 1, "a", "spin", E::KIND_MEMORY, "read", "x"));
    events.push_back(
        Step(2 * i + 2, "b", "storm", E::KIND_MEMORY, "write", "x"));
  }
  v1::Violation violation;
  violation.set_checker("no_livelock");
  violation.set_step(20);
  violation.mutable_loop()->set_begin_step(5);
  violation.mutable_loop()->set_step_count(2);
  violation.mutable_loop()->set_round_count(8);
  const std::string text = RenderStory(events, {violation}, {});
  EXPECT_THAT(text, HasSubstr("** no_livelock"));
  EXPECT_THAT(text,
              HasSubstr("steps 5 to 6 are a loop: it went round 8 times"));
  EXPECT_EQ(text.find("      7  "), std::string::npos) << text;
  StoryView full;
  full.full = true;
  EXPECT_THAT(RenderStory(events, {violation}, full), HasSubstr("     20  "));
}

TEST(StoryTest, ACapsuleIsATestOfItsOwn) {
  v1::Capsule capsule;
  capsule.mutable_scenario()->set_id("p46-leak");
  capsule.set_protocol("6.1");
  capsule.set_checker("no_deadlock");
  const std::string text = RenderGtest(capsule, "format_version: 2\n");
  EXPECT_THAT(text, HasSubstr("TEST(MmfaultReplay, p46_leak_6_1)"));
  EXPECT_THAT(text, HasSubstr("breaks no_deadlock"));
  EXPECT_THAT(text, HasSubstr("(R\"capsule(\nformat_version: 2\n)capsule\")"));
}

TEST(StoryTest, AMinimisationSaysWhatWentAndWhy) {
  v1::MinimizeReport report;
  report.set_step_count_before(84);
  report.set_step_count(12);
  report.add_removed("task \"writer\"");
  report.set_certificate("it needs no preemption");
  const std::string text = RenderMinimize(report);
  EXPECT_THAT(text, HasSubstr("steps 84 -> 12"));
  EXPECT_THAT(text, HasSubstr("without task \"writer\""));
  EXPECT_THAT(text, HasSubstr("it needs no preemption"));
}

}  // namespace
}  // namespace mmfault::report
