// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>

namespace mmfault::bench {
namespace {

// JSON has no NaN or infinity.
void WriteNumber(std::ostream& out, double value) {
  if (std::isfinite(value)) {
    out << value;
  } else {
    out << "null";
  }
}

}  // namespace

void Report::Add(const std::string& name, double value, const std::string& unit,
                 Better better, std::optional<double> bar) {
  std::cout << std::left << std::setw(36) << name << " " << std::right
            << std::setw(12) << value << " " << unit;
  if (bar) {
    std::cout << "  (bar " << (better == Better::kHigher ? ">= " : "<= ")
              << *bar << ")";
  }
  std::cout << std::endl;
  rows_.push_back({name, value, unit, better, bar});
}

bool Report::WriteJson(const std::string& path) const {
  std::ofstream out(path, std::ios::trunc);
  out << std::setprecision(12) << "{";
  const char* separator = "\n";
  for (const Row& row : rows_) {
    out << separator << "  \"" << row.name << "\": {\"value\": ";
    WriteNumber(out, row.value);
    out << ", \"unit\": \"" << row.unit << "\", \"bar\": ";
    if (row.bar) {
      WriteNumber(out, *row.bar);
    } else {
      out << "null";
    }
    out << ", \"better\": \""
        << (row.better == Better::kHigher ? "higher" : "lower") << "\"}";
    separator = ",\n";
  }
  out << "\n}\n";
  out.close();
  return !out.fail();
}

double Median(std::vector<double> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace mmfault::bench
