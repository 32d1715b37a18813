// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/answers.h"

#include <algorithm>
#include <span>

#include "server/check/catalogue.h"
#include "server/kernel/errno.h"

namespace mmfault::report {
namespace {

using notifier::Protocol;

struct Holes {
  std::string_view protocol;
  std::string_view numbers;
};

constexpr auto kHoles = std::to_array<Holes>({
    {"emm_v1", "P01 P02 P03 P06 P08 P12 P13 P44 P47b"},
    {"emm_v1_barriers", "P01 P02 P03 P06 P12 P13 P44 P47b"},
    {"emm_v2", "P01 P02 P03 P06 P12 P13 P44 P47b"},
    {"emm_v2_fixed", "P01 P02 P03 P06 P12 P13 P44"},
    {"emm_single", "P01 P02 P03 P06 P10 P11 P12 P13 P14 P18"},
    {"emm_stop_start", "P01 P02 P03 P06 P07 P10 P11 P12 P13 P14 P44"},
    {"emm_v3", "P12 P13"},
    {"v11", "P12 P13 P44 P58"},
    {"v12", "P12 P13 P18 P19 P44"},
    {"seed_flags", "P12 P13 P18 P19 P44"},
    {"seed_flags_naive", "P12 P13 P18 P19 P34 P35 P44"},
    {"seed_bitmaps", "P12 P13 P18 P19 P44"},
    {"seed_threshold", "P12 P13 P18 P19 P44"},
    {"v13", "P12 P13 P18 P19 P44"},
    {"v14", "P13 P36"},
    {"v15", "P13 P36"},
    {"v16", "P13 P36"},
    {"2.6.27-rc1", "P13 P36"},
    {"2.6.27", "P13 P58"},
    {"3.6", "P10 P11"},
    {"3.7", "P10 P11 P65"},
    {"3.9", "P13 P65"},
    {"3.10", "P10 P65"},
    {"6.1", "P10 P46 P65"},
    {"6.12", "P10 P46 P65"},
    {"7.3", "P10 P46 P65"},
});

bool TakesAllLocksOnce(const Protocol& protocol) {
  return protocol.family == "rcu" || protocol.family == "srcu" ||
         protocol.family == "subscriptions";
}

bool HasSrcu(const Protocol& protocol) {
  return protocol.family == "srcu" || protocol.family == "subscriptions" ||
         (protocol.family == "v13-v16" && protocol.id != "v13");
}

// --- Cost ------------------------------------------------------------------

constexpr std::string_view kRescans =
    "N(Di + 1) + N(Da + 1) VMA visits, a scan for each lock";

std::string AllLocksCost(const Protocol& protocol) {
  std::string passes = "2N";
  if (protocol.id == "2.6.27-rc1") passes = "N";
  if (protocol.id == "6.1") passes = "3N";
  if (protocol.id == "6.12" || protocol.id == "7.3") passes = "4N";
  return passes +
         " VMA visits to lock, N to unlock; Di + Da locks and one for the "
         "whole machine; one small allocation, whatever N";
}

std::string MmLockCost(const Protocol& protocol) {
  const std::string scans(kRescans);
  constexpr std::string_view kLocks = "; Di + Da locks";
  const std::string locks(kLocks);
  if (protocol.id == "v12") {
    return "N + " + scans + ", none to unlock" + locks +
           "; 16 bytes a VMA and a cookie";
  }
  if (protocol.id == "seed_flags_naive") {
    return "2N VMA visits to lock, N to unlock; a lock for each VMA and class; "
           "no memory";
  }
  if (protocol.id == "seed_flags") {
    return scans + ", N to unlock" + locks +
           "; no memory, two bits of vm_flags";
  }
  if (protocol.id == "seed_bitmaps") {
    return scans + ", N to unlock" + locks + "; 2 bits a VMA";
  }
  if (protocol.family == "v13-v16") {
    return "2N VMA visits and O(N log N) comparisons, none to unlock" + locks +
           "; 16 bytes a VMA";
  }
  return scans + ", as many to unlock" + locks +
         (protocol.id == "seed_threshold"
              ? "; no memory; N is bounded without the capability"
              : "; no memory");
}

// --- Answers ---------------------------------------------------------------

std::string LocksOf(const Protocol& protocol) {
  if (!protocol.takes_all_locks) return "No lock of its own.";
  return std::string("mmap_sem for write, ") +
         (TakesAllLocksOnce(protocol) ? "mm_all_locks_mutex, " : "") +
         "and the rmap locks of all VMAs: every i_mmap lock and every anon_vma "
         "lock of the mm. " +
         (TakesAllLocksOnce(protocol)
              ? "Marks in mappings and anon_vmas say what is held."
              : "The caller may hold no lock of an mm.");
}

std::string SignalOf(const Protocol& protocol) {
  if (!protocol.tests_signals) return "No.";
  if (protocol.signal_bound_factor == 0) return "Yes, with -EINTR.";
  const std::string factor = protocol.signal_bound_factor == 1
                                 ? ""
                                 : std::to_string(protocol.signal_bound_factor);
  return "Yes, with -EINTR; between two looks at most " + factor +
         "N VMA visits.";
}

std::string ErrorsOf(std::span<const int> errors) {
  std::string text;
  for (const int error : errors) {
    text += (text.empty() ? "" : ", ") + kernel::ErrnoText(error);
  }
  return text;
}

std::string RegisterErrorsOf(const Protocol& protocol) {
  return protocol.register_errors.empty()
             ? "It cannot fail."
             : "It may return " + ErrorsOf(protocol.register_errors) + ".";
}

std::string UnregisterOf(const Protocol& protocol) {
  if (protocol.mmu_notifier_unregister == nullptr) {
    return "There is none: a notifier leaves at exit.";
  }
  const std::string releases = protocol.unregister_releases
                                   ? " It calls release() if exit has not."
                                   : " It does not call release().";
  return (protocol.unregister_errors.empty()
              ? "It cannot."
              : "It may return " + ErrorsOf(protocol.unregister_errors) +
                    ", and the notifier stays registered.") +
         releases;
}

std::string UsersZeroOf(const Protocol& protocol) {
  std::string text;
  if (protocol.family == "emm" && !protocol.takes_all_locks) {
    text = protocol.id == "emm_single"
               ? "register stops at a BUG_ON"
               : "register links, and nobody calls release()";
  } else if (TakesAllLocksOnce(protocol) || HasSrcu(protocol)) {
    text = "register stops at a BUG_ON";
  } else {
    text = "register walks VMAs that exit_mmap() has freed";
  }
  if (protocol.mmu_notifier_unregister == nullptr) return text + ".";
  if (protocol.unregister_needs_users) {
    return text + "; unregister may not be called: take a user first.";
  }
  return text + "; unregister may be called as before.";
}

std::string SleepOf(const Protocol& protocol) {
  if (protocol.family == "rcu") {
    return "None: each is called inside rcu_read_lock().";
  }
  if (protocol.family == "subscriptions") {
    return "release, ends, and starts that may block; not a start that may not "
           "block, nor what is called under the page table lock or by a TLB "
           "flush.";
  }
  return std::string(HasSrcu(protocol) ? "Walks are SRCU readers, so " : "") +
         (HasSrcu(protocol) ? "release, starts and ends may"
                            : "release may; starts and ends may") +
         " where the site holds mmap_sem only; not under an rmap lock that is "
         "a spinlock, nor under the page table lock.";
}

std::string HolesText(const Protocol& protocol) {
  std::string text;
  for (const std::string_view number : KnownHolesOf(protocol)) {
    const check::CatalogueEntry* entry = check::FindCatalogueEntry(number);
    text += (text.empty() ? "" : ", ") + std::string(number);
    if (entry != nullptr) text += " " + std::string(entry->name);
  }
  if (text.empty()) return "Nothing that is known.";
  for (const notifier::Tolerance& tolerance : protocol.tolerated) {
    text += std::string(". It lives with ") + tolerance.catalogue + ": " +
            tolerance.why;
  }
  return text.ends_with('.') ? text : text + ".";
}

}  // namespace

std::string CostOf(const Protocol& protocol) {
  if (!protocol.takes_all_locks) {
    return "no VMA visit, no rmap lock, no memory";
  }
  if (TakesAllLocksOnce(protocol)) return AllLocksCost(protocol);
  return MmLockCost(protocol);
}

std::vector<std::string_view> KnownHolesOf(const Protocol& protocol) {
  const auto* const found = std::find_if(
      kHoles.begin(), kHoles.end(),
      [&](const Holes& holes) { return holes.protocol == protocol.id; });
  std::vector<std::string_view> numbers;
  if (found == kHoles.end()) return numbers;
  std::string_view rest = found->numbers;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    numbers.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return numbers;
}

std::array<Answer, kQuestionCount> AnswersOf(const Protocol& protocol) {
  return {{
      {"Where does it come from?", std::string(protocol.source) + "."},
      {"What does a registration lock?", LocksOf(protocol)},
      {"What keeps a list change and a walk apart?",
       std::string(protocol.locking) + "."},
      {"What does a registration cost?", CostOf(protocol) + "."},
      {"Can a signal end a registration?", SignalOf(protocol)},
      {"What may a registration return?", RegisterErrorsOf(protocol)},
      {"Can an unregistration fail?", UnregisterOf(protocol)},
      {"What once mm_users is 0?", UsersZeroOf(protocol)},
      {"Which methods may sleep?", SleepOf(protocol)},
      {"What is left open?", HolesText(protocol)},
  }};
}

}  // namespace mmfault::report
