// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// report.h: the results of one bench program, for merge.py.
//
//   {"rpc.unary.ratio.c16": {"value": 0.97, "unit": "ratio", "bar": 0.9,
//                            "better": "higher"}, ...}
//
// A value without a bar has "bar": null: it is kept, not judged. A value that
// has to be near its bar has "better": "near" and the "tolerance" allowed.
//
// Threads: one.

#ifndef MMFAULT_TESTS_BENCH_REPORT_H_
#define MMFAULT_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <vector>

namespace mmfault::bench {

class Report {
 public:
  enum class Better { kHigher, kLower, kNear };

  // Names are dotted and lower case; each is used once.
  void Add(const std::string& name, double value, const std::string& unit,
           Better better, std::optional<double> bar = std::nullopt);

  // A value that has to be `bar`, give or take the tolerance.
  void AddWithin(const std::string& name, double value, const std::string& unit,
                 double bar, double tolerance);

  // Writes the file; false (with errno) when it cannot.
  bool WriteJson(const std::string& path) const;

 private:
  struct Row {
    std::string name;
    double value;
    std::string unit;
    Better better;
    std::optional<double> bar;
    double tolerance;  // kNear only
  };
  void Keep(const Row& row);

  std::vector<Row> rows_;
};

// The middle one of the values. Requires at least one.
double Median(std::vector<double> values);

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_REPORT_H_
