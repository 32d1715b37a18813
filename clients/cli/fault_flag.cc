// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/fault_flag.h"

namespace mmfault::cli {

bool ParseFaultFlag(const std::string& text, v1::FaultRule* rule,
                    std::string* error) {
  const size_t colon = text.find(':');
  const size_t trigger = text.find_first_not_of(' ', colon + 1);
  if (colon == std::string::npos || trigger == std::string::npos) {
    *error = "--fault " + text +
             ": POINT: TRIGGER is wanted, like "
             "'notifier/mm_lock/lock: when=3 signal(SIGKILL)'";
    return false;
  }
  rule->set_point(text.substr(0, colon));
  rule->set_trigger(text.substr(trigger));
  return true;
}

}  // namespace mmfault::cli
