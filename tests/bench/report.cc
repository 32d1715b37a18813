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

const char* Name(Report::Better better) {
  switch (better) {
    case Report::Better::kHigher:
      return "higher";
    case Report::Better::kLower:
      return "lower";
    case Report::Better::kNear:
      return "near";
  }
  return "";
}

}  // namespace

void Report::Add(const std::string& name, double value, const std::string& unit,
                 Better better, std::optional<double> bar) {
  Keep({name, value, unit, better, bar, 0});
}

void Report::AddWithin(const std::string& name, double value,
                       const std::string& unit, double bar, double tolerance) {
  Keep({name, value, unit, Better::kNear, bar, tolerance});
}

void Report::Keep(const Row& row) {
  std::cout << std::left << std::setw(36) << row.name << " " << std::right
            << std::setw(12) << row.value << " " << row.unit;
  if (row.better == Better::kNear) {
    std::cout << "  (bar " << *row.bar << " +- " << row.tolerance << ")";
  } else if (row.bar) {
    std::cout << "  (bar " << (row.better == Better::kHigher ? ">= " : "<= ")
              << *row.bar << ")";
  }
  std::cout << std::endl;
  rows_.push_back(row);
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
    out << ", \"better\": \"" << Name(row.better) << "\"";
    if (row.better == Better::kNear) {
      out << ", \"tolerance\": " << row.tolerance;
    }
    out << "}";
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
