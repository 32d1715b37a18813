// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/predicate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "faults/trigger/comparison.h"
#include "faults/trigger/lexer.h"
#include "faults/trigger/names.h"
#include "server/base/error.h"
#include "server/kernel/errno.h"
#include "server/kernel/point.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {
namespace {

using faults::Lexer;

constexpr size_t kMaxBytes = 1024;
constexpr size_t kMaxClauses = 8;

// In the order of Subject.
constexpr std::array<std::string_view, 12> kSubjects = {
    "mm_users", "mm_count", "map_count", "alive", "registered", "callbacks",
    "mappings", "rc",       "done",      "held",  "passes",     "faults"};

std::string_view NameOf(Subject subject) {
  return kSubjects[static_cast<size_t>(subject)];
}

std::string TextOf(const Clause& clause) {
  std::string text(NameOf(clause.subject));
  if (clause.subject == Subject::kFaults) {
    return text;
  }
  absl::StrAppend(&text, "(", clause.name);
  if (clause.subject == Subject::kCallbacks) {
    absl::StrAppend(&text, ", ", notifier::MethodName(clause.method));
  }
  return text + ")";
}

// --- Parsing ---------------------------------------------------------------

bool ParseMethod(Lexer* lexer, notifier::Method* method) {
  if (!lexer->Expect(",", "the notifier")) {
    return false;
  }
  const size_t start = lexer->Start();
  const std::string_view word = lexer->Word();
  std::vector<std::string_view> known;
  for (int i = 1; i < notifier::kMethodCount; ++i) {
    *method = static_cast<notifier::Method>(i);
    known.emplace_back(notifier::MethodName(*method));
    if (known.back() == word) {
      return true;
    }
  }
  return lexer->FailUnknown(start, "callback", word, known);
}

bool ParsePoint(Lexer* lexer, size_t start, Clause* clause) {
  const std::optional<faults::Point> point = faults::FindPoint(clause->name);
  if (!point.has_value()) {
    const std::array<std::string_view, 1> nearest = {
        faults::NearestPointName(clause->name)};
    return lexer->FailUnknown(start, "fault point", clause->name, nearest);
  }
  clause->point = *point;
  return true;
}

bool ParseArguments(Lexer* lexer, Clause* clause) {
  if (clause->subject == Subject::kFaults) {
    return true;
  }
  if (!lexer->Expect("(", NameOf(clause->subject))) {
    return false;
  }
  const size_t start = lexer->Start();
  clause->name = std::string(lexer->Name());
  if (clause->name.empty() && clause->subject != Subject::kHeld) {
    return lexer->FailHere(
        absl::StrCat("expected a name, not ", lexer->Seen()));
  }
  if (clause->subject == Subject::kCallbacks &&
      !ParseMethod(lexer, &clause->method)) {
    return false;
  }
  if (clause->subject == Subject::kPasses &&
      !ParsePoint(lexer, start, clause)) {
    return false;
  }
  return lexer->Expect(")", "the name");
}

// A number, or -EINTR.
bool ParseValue(Lexer* lexer, int64_t* value) {
  const size_t start = lexer->Start();
  const bool minus = lexer->TakeHere('-');
  if (!lexer->LetterHere()) {
    lexer->BackTo(start);
    return lexer->Integer("an integer", value);
  }
  const size_t word_start = lexer->Start();
  const std::string_view word = lexer->Word();
  const std::optional<int64_t> number = faults::ErrnoOf(word);
  if (!number.has_value()) {
    return lexer->FailUnknown(word_start, "error", word, faults::ErrnoNames());
  }
  *value = minus ? -*number : *number;
  return true;
}

bool ParseClause(Lexer* lexer, Clause* clause) {
  const size_t start = lexer->Start();
  const std::string_view word = lexer->Word();
  const auto* it = std::find(kSubjects.begin(), kSubjects.end(), word);
  if (it == kSubjects.end()) {
    return lexer->FailUnknown(start, "value", word, kSubjects);
  }
  clause->subject = static_cast<Subject>(it - kSubjects.begin());
  return ParseArguments(lexer, clause) &&
         faults::ParseComparison(lexer, &clause->comparison) &&
         ParseValue(lexer, &clause->value);
}

bool ParseClauses(Lexer* lexer, std::vector<Clause>* clauses) {
  do {
    if (clauses->size() == kMaxClauses) {
      return lexer->FailHere(
          absl::StrCat("a probe asks for at most ", kMaxClauses, " values"));
    }
    if (!ParseClause(lexer, &clauses->emplace_back())) {
      return false;
    }
  } while (lexer->Take("&&"));
  return lexer->AtEnd() || lexer->FailHere(absl::StrCat(
                               "expected && or the end, not ", lexer->Seen()));
}

// --- Values ----------------------------------------------------------------

std::optional<int64_t> MmValue(const Machine& machine, const Clause& clause) {
  const MmRef* ref = machine.FindMm(clause.name);
  const mm::mm_struct* mm = ref == nullptr ? nullptr : MmOf(ref);
  const bool there = mm != nullptr && !mm->object.freed();
  if (clause.subject == Subject::kAlive) {
    return there ? 1 : 0;
  }
  if (!there) {
    return std::nullopt;
  }
  switch (clause.subject) {
    case Subject::kMmUsers:
      return mm->mm_users.counter;
    case Subject::kMmCount:
      return mm->mm_count.counter;
    default:
      return static_cast<int64_t>(mm->map_count);
  }
}

std::optional<int64_t> NotifierValue(const Machine& machine,
                                     const Clause& clause) {
  const device::device* dev = machine.FindDevice(clause.name);
  if (clause.subject == Subject::kRegistered) {
    return dev != nullptr && device::IsRegistered(dev) ? 1 : 0;
  }
  if (dev == nullptr || dev->mn.object.freed()) {
    return std::nullopt;
  }
  return clause.subject == Subject::kMappings
             ? static_cast<int64_t>(dev->spte_count)
             : static_cast<int64_t>(
                   dev->deliveries[static_cast<size_t>(clause.method)]);
}

std::optional<int64_t> TaskValue(const Machine& machine, const Clause& clause) {
  const Program* program = machine.FindTask(clause.name);
  if (program == nullptr) {
    return std::nullopt;
  }
  if (clause.subject == Subject::kDone) {
    return static_cast<int64_t>(program->done);
  }
  if (program->done == 0) {
    return std::nullopt;
  }
  return static_cast<int64_t>(program->last_rc);
}

// Tasks that stand at a hold; of that name only, unless it is "".
int64_t HeldCount(const Machine& machine, const std::string& name) {
  const Program* program = name.empty() ? nullptr : machine.FindTask(name);
  const sched::World& world = machine.world();
  int64_t held = 0;
  for (uint64_t rest = world.state().alive; rest != 0; rest &= rest - 1) {
    const sched::TaskRecord& task = world.task(std::countr_zero(rest));
    const bool wanted =
        name.empty() || (program != nullptr && program->task == &task);
    held += wanted && kernel::HeldAtOf(task).has_value() ? 1 : 0;
  }
  return held;
}

int64_t FaultCount(const sched::World& world) {
  int64_t count = 0;
  for (const auto& [id, rule] : world.faults().rules()) {
    count += static_cast<int64_t>(world.decisions().Fires(rule.counter));
  }
  return count;
}

std::optional<int64_t> ValueOf(const Machine& machine, const Clause& clause) {
  switch (clause.subject) {
    case Subject::kMmUsers:
    case Subject::kMmCount:
    case Subject::kMapCount:
    case Subject::kAlive:
      return MmValue(machine, clause);
    case Subject::kRegistered:
    case Subject::kCallbacks:
    case Subject::kMappings:
      return NotifierValue(machine, clause);
    case Subject::kRc:
    case Subject::kDone:
      return TaskValue(machine, clause);
    case Subject::kHeld:
      return HeldCount(machine, clause.name);
    case Subject::kPasses: {
      const sched::World& world = machine.world();
      return static_cast<int64_t>(
          world.decisions().Hits(world.faults().Find(clause.rule)->counter));
    }
    case Subject::kFaults:
      return FaultCount(machine.world());
  }
  return std::nullopt;
}

absl::Status NoSuch(const Clause& clause, const char* kind,
                    const char* reason) {
  return base::MissingResourceError(
      clause.name, reason,
      absl::StrCat("no ", kind, " \"", clause.name, "\" in this scenario"));
}

}  // namespace

absl::StatusOr<Predicate> Predicate::Parse(std::string_view text) {
  Predicate made;
  Lexer lexer(text);
  if (text.size() > kMaxBytes) {
    lexer.Fail(kMaxBytes,
               absl::StrCat("a probe asks in at most ", kMaxBytes, " bytes"));
  } else {
    ParseClauses(&lexer, &made.clauses_);
  }
  if (lexer.failed()) {
    return absl::InvalidArgumentError(lexer.error());
  }
  return made;
}

absl::Status Predicate::Bind(Machine* machine) {
  for (Clause& clause : clauses_) {
    switch (clause.subject) {
      case Subject::kMmUsers:
      case Subject::kMmCount:
      case Subject::kMapCount:
      case Subject::kAlive:
        if (machine->FindMm(clause.name) == nullptr) {
          return NoSuch(clause, "mm", "MM_NOT_FOUND");
        }
        break;
      case Subject::kRegistered:
      case Subject::kCallbacks:
      case Subject::kMappings:
        if (machine->FindDevice(clause.name) == nullptr) {
          return NoSuch(clause, "notifier", "NOTIFIER_NOT_FOUND");
        }
        break;
      case Subject::kRc:
      case Subject::kDone:
      case Subject::kHeld:
        if (!clause.name.empty() && machine->FindTask(clause.name) == nullptr) {
          return NoSuch(clause, "task", "TASK_NOT_FOUND");
        }
        break;
      case Subject::kPasses: {
        sched::World::Scope scope(&machine->world());
        clause.rule = machine->world().faults().Arm(
            {.point = clause.point, .terms = {faults::Term{}}, .silent = true});
        if (clause.rule == 0) {
          return NoRoomForRule(*machine);
        }
        break;
      }
      case Subject::kFaults:
        break;
    }
  }
  return absl::OkStatus();
}

std::optional<bool> Predicate::Holds(const Machine& machine) const {
  bool holds = true;
  for (const Clause& clause : clauses_) {
    const std::optional<int64_t> value = ValueOf(machine, clause);
    if (!value.has_value()) {
      return std::nullopt;
    }
    holds = holds && faults::Compare(*value, clause.comparison, clause.value);
  }
  return holds;
}

std::string Predicate::Values(const Machine& machine) const {
  std::string all;
  for (const Clause& clause : clauses_) {
    const int64_t value = ValueOf(machine, clause).value_or(0);
    const std::string text =
        absl::StrCat(TextOf(clause), " was ",
                     clause.subject == Subject::kRc
                         ? kernel::ErrnoText(static_cast<int>(value))
                         : absl::StrCat(value));
    if (!faults::Compare(value, clause.comparison, clause.value)) {
      return text;
    }
    absl::StrAppend(&all, all.empty() ? "" : ", ", text);
  }
  return all;
}

}  // namespace mmfault::scenario
