// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/barrier_book.h"

#include <algorithm>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"

namespace mmfault::host {
namespace {

constexpr size_t kMaxPartyBytes = 63;

absl::Status Check(const std::string& id, int32_t parties,
                   const std::string& party) {
  RETURN_IF_ERROR(CheckId(id, "name"));
  RETURN_IF_ERROR(CheckRange(parties, 2, BarrierBook::kMaxParties, "parties"));
  if (party.size() > kMaxPartyBytes) {
    return base::InvalidFieldError("party", "FIELD_OUT_OF_RANGE",
                                   "a party's name has at most 63 bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BarrierBook::Entry*> BarrierBook::Find(const std::string& id,
                                                      int32_t parties) {
  const auto it = entries_.find(id);
  if (it != entries_.end()) {
    if (!it->second.waiting.empty() && it->second.parties != parties) {
      const std::string expected = std::to_string(it->second.parties);
      return base::WrongStateError(world_ + "/barriers/" + id,
                                   "BARRIER_MISMATCH",
                                   "those who wait at barrier \"" + id +
                                       "\" expect " + expected + " parties",
                                   {{"barrier", id}, {"parties", expected}});
    }
    return &it->second;
  }
  if (entries_.size() >= kMaxBarriers) {
    std::erase_if(entries_, [](const auto& entry) {
      return entry.second.waiting.empty();
    });
  }
  RETURN_IF_ERROR(CheckQuota(world_, "max_barriers", kMaxBarriers,
                             static_cast<int64_t>(entries_.size()) + 1));
  return &entries_[id];
}

absl::StatusOr<uint64_t> BarrierBook::Arrive(const std::string& id,
                                             int32_t parties,
                                             const std::string& party,
                                             Answer answer) {
  RETURN_IF_ERROR(Check(id, parties, party));
  ASSIGN_OR_RETURN(Entry * entry, Find(id, parties));
  const uint64_t number = next_waiter_++;
  entry->parties = parties;
  entry->waiting.push_back({number, party, std::move(answer)});
  if (entry->waiting.size() == static_cast<size_t>(parties)) {
    Open(entry);
  }
  return number;
}

void BarrierBook::Open(Entry* entry) {
  entry->generation += 1;
  Response response;
  response.set_opened(true);
  response.set_generation(entry->generation);
  // One that is answered may come again at once.
  const std::vector<Waiter> all = std::exchange(entry->waiting, {});
  for (const Waiter& waiter : all) {
    response.set_place(response.place() + 1);
    waiter.answer(response);
  }
}

void BarrierBook::Leave(uint64_t waiter, bool timed_out) {
  for (auto& [id, entry] : entries_) {
    const auto it = std::find_if(
        entry.waiting.begin(), entry.waiting.end(),
        [waiter](const Waiter& other) { return other.number == waiter; });
    if (it == entry.waiting.end()) {
      continue;
    }
    Response response;
    response.set_place(static_cast<int32_t>(it - entry.waiting.begin()) + 1);
    const Answer answer = std::move(it->answer);
    entry.waiting.erase(it);
    if (timed_out) {
      answer(response);
    }
    return;
  }
}

void BarrierBook::Fail(const absl::Status& status) {
  const std::map<std::string, Entry> all = std::exchange(entries_, {});
  for (const auto& [id, entry] : all) {
    for (const Waiter& waiter : entry.waiting) {
      waiter.answer(status);
    }
  }
}

std::vector<std::pair<std::string, v1::Barrier>> BarrierBook::All() const {
  std::vector<std::pair<std::string, v1::Barrier>> all;
  for (const auto& [id, entry] : entries_) {
    if (entry.waiting.empty()) {
      continue;
    }
    v1::Barrier barrier;
    barrier.set_name(world_ + "/barriers/" + id);
    barrier.set_parties(entry.parties);
    barrier.set_generation(entry.generation);
    for (const Waiter& waiter : entry.waiting) {
      barrier.add_waiting(waiter.party);
    }
    all.emplace_back(id, std::move(barrier));
  }
  return all;
}

}  // namespace mmfault::host
