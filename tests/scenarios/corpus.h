// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// corpus.h: the files of known_bugs/, for tests that walk through them.
//
// MMFAULT_CORPUS_FILES: only files whose name begins so.

#ifndef MMFAULT_TESTS_SCENARIOS_CORPUS_H_
#define MMFAULT_TESTS_SCENARIOS_CORPUS_H_

#include <string>
#include <vector>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {

std::string ReadFile(const std::string& path);

struct CorpusFile {
  std::string stem;
  v1::Scenario scenario;
  std::vector<const notifier::Protocol*> protocols;

  bool fixed() const { return stem.ends_with("_fixed"); }
};

// All of them, by name; a file that is malformed fails the test.
std::vector<CorpusFile> Corpus();

// VIOLATED or TOLERATED.
bool IsViolation(v1::Verdict verdict);

// What the file expects to be broken in the protocol, by checker; empty: it is
// no bug there.
std::vector<v1::Expect> ExpectedBroken(const CorpusFile& file,
                                       const notifier::Protocol& protocol);

}  // namespace mmfault::scenario

#endif  // MMFAULT_TESTS_SCENARIOS_CORPUS_H_
