// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/fault_flag.h"

#include <sstream>

namespace mmfault::cli {
namespace {

// One `task=driver`; false when it is none.
bool TakeFilter(const std::string& word, v1::FaultRule* rule) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals + 1 == word.size()) return false;
  const std::string name = word.substr(0, equals);
  const std::string value = word.substr(equals + 1);
  if (name == "task") {
    rule->set_task(value);
  } else if (name == "mm") {
    rule->set_mm(value);
  } else if (name == "notifier") {
    rule->set_notifier(value);
  } else if (name == "operation") {
    rule->set_operation(value);
  } else {
    return false;
  }
  return true;
}

}  // namespace

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
  std::istringstream words(text.substr(0, colon));
  std::string word;
  words >> word;
  rule->set_point(word);
  bool filters = true;
  while (filters && words >> word) {
    filters = TakeFilter(word, rule);
  }
  if (!filters) {
    *error = "--fault " + text + ": \"" + word +
             "\" is no filter; there are task=ID, mm=ID, notifier=ID and "
             "operation=STEP";
    return false;
  }
  rule->set_trigger(text.substr(trigger));
  return true;
}

}  // namespace mmfault::cli
