// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/row.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mmfault::conformance {
namespace {

// As golden.py writes them.
enum Column : uint8_t {
  kSeq,
  kTime,
  kActor,
  kKind,
  kNotifier,
  kCall,
  kEvent,
  kStart,
  kEnd,
  kPages,
  kRegion,
  kBlockable,
  kRc,
  kMm,
  kUsers,
  kCount,
  kLock,
  kAtomic,
  kVma,
  kX,
  kColumnCount,
};

using Fields = std::vector<std::string>;

std::string Text(const std::string& field) { return field == "~" ? "" : field; }

std::optional<int64_t> Number(const std::string& field) {
  if (field == "~") {
    return std::nullopt;
  }
  return std::strtoll(field.c_str(), nullptr, 10);
}

// `kworker/0:1` is whichever was free.
std::string Actor(const std::string& field) {
  return field.substr(0, field.find('/'));
}

bool IsFactOfTheGuest(const Row& row) {
  static constexpr std::array<std::string_view, 5> kFacts = {
      "ksm_pages_sharing", "ksm_run_rc", "node_of_page0", "status_page0",
      "caller_wait_status"};
  if (row.kind != "mark") {
    return false;
  }
  for (const std::string_view fact : kFacts) {
    if (row.call == fact) {
      return true;
    }
  }
  return row.call.starts_with("mincore_bits");
}

Row FromFields(const Fields& fields) {
  Row row;
  row.time_ns = static_cast<uint64_t>(Number(fields[kTime]).value_or(0)) * 1000;
  row.actor = Actor(fields[kActor]);
  row.kind = fields[kKind];
  row.notifier = Text(fields[kNotifier]);
  row.call = fields[kCall];
  row.event = Text(fields[kEvent]);
  row.start = Number(fields[kStart]);
  row.end = Number(fields[kEnd]);
  row.region = fields[kRegion];
  if (fields[kBlockable] != "~") {
    row.blockable = fields[kBlockable] == "yes";
  }
  row.rc = Number(fields[kRc]);
  row.mm = Number(fields[kMm]).value_or(-1);
  row.mm_users = Number(fields[kUsers]).value_or(-1);
  row.mm_count = Number(fields[kCount]).value_or(-1);
  row.mmap_lock = fields[kLock];
  row.atomic = Number(fields[kAtomic]).value_or(0);
  row.vma = Number(fields[kVma]).value_or(0);
  row.x = Number(fields[kX]).value_or(0);
  return row;
}

std::string ToText(const std::optional<int64_t>& value) {
  return value.has_value() ? std::to_string(*value) : "~";
}

}  // namespace

std::string ToText(const Row& row) {
  std::string text = row.actor + " " + row.kind + " ";
  text += row.notifier.empty() ? "~" : row.notifier;
  text += " " + row.call;
  text += row.event.empty() ? "" : " " + row.event;
  if (row.start.has_value()) {
    text += " [" + ToText(row.start) + "," + ToText(row.end) + ")";
  }
  if (row.blockable.has_value()) {
    text += *row.blockable ? " blockable" : " nonblock";
  }
  text += " rc=" + ToText(row.rc) + " mm=" + std::to_string(row.mm) +
          " users=" + std::to_string(row.mm_users) +
          " count=" + std::to_string(row.mm_count) + " lock=" + row.mmap_lock;
  text += row.atomic != 0 ? " atomic" : "";
  text += row.vma != 0 ? " vma" : "";
  return text + " x=" + std::to_string(row.x);
}

absl::StatusOr<Recordings> ReadRecordings(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) {
    return absl::NotFoundError(path + ": cannot be read");
  }
  Recordings recordings;
  std::vector<Row>* rows = nullptr;
  while (std::getline(in, line)) {
    if (line.starts_with("== ")) {
      rows = &recordings[line.substr(3)];
      continue;
    }
    const Fields fields = absl::StrSplit(line, '\t');
    if (fields.size() != kColumnCount || rows == nullptr) {
      return absl::DataLossError(absl::StrCat(path, ": not a row: ", line));
    }
    Row row = FromFields(fields);
    if (row.region != "other" && !IsFactOfTheGuest(row)) {
      rows->push_back(std::move(row));
    }
  }
  return recordings;
}

}  // namespace mmfault::conformance
