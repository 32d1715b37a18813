// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Any text is refused at a column of its own, or parses to a trigger whose
// canonical text parses to the same trigger.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "faults/trigger/trigger.h"
#include "server/base/check.h"

namespace mmfault::faults {
namespace {

void Try(std::string_view text) {
  const absl::StatusOr<Trigger> trigger = ParseTrigger(text);
  if (!trigger.ok()) {
    const int column = ColumnOf(trigger.status());
    CHECK(column >= 1);
    CHECK(static_cast<size_t>(column) <= text.size() + 1);
    return;
  }
  const std::string canonical = PrintTrigger(*trigger);
  const absl::StatusOr<Trigger> again = ParseTrigger(canonical);
  CHECK(again.ok());
  CHECK(*again == *trigger);
  CHECK(PrintTrigger(*again) == canonical);
}

}  // namespace
}  // namespace mmfault::faults

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mmfault::faults::Try({reinterpret_cast<const char*>(data), size});
  return 0;
}
