// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_journal.h: a sweep's cells on disk as they come, to go on from there.
//
// A file of lines: `mmfault-sweep 1 DIGEST I/N`, then `case {...}` and
// `cell {...}` with the API's messages as JSON. What is behind the last line
// break is of a write that was cut, and is not there. The digest is of all that
// decides what the cells are, so that no sweep is gone on with that is another
// one; shards of one sweep have the same.

#ifndef MMFAULT_CLIENTS_CLI_SWEEP_JOURNAL_H_
#define MMFAULT_CLIENTS_CLI_SWEEP_JOURNAL_H_

#include <cstdint>
#include <fstream>
#include <string>

#include "mmfault/v1/run_service.pb.h"
#include "server/report/sweep.h"

namespace mmfault::cli {

// Of a request; its shard and where it goes on are no part of it.
std::string DigestOf(const v1::SweepRequest& request);

struct JournalContent {
  std::string digest;
  report::Sweep sweep;      // with its shard; in the file's order
  int64_t whole_bytes = 0;  // up to the last line break
};

// False, with `error` set, when there is no such file or it is no journal.
bool ReadJournal(const std::string& path, JournalContent* content,
                 std::string* error);

class SweepJournal {
 public:
  // Goes on with a journal, or begins one where there is no file. `known` gets
  // what is in it. False, with `error` set, when it is of another sweep or
  // shard, or cannot be written.
  bool Open(const std::string& path, const v1::SweepRequest& request,
            report::Sweep* known, std::string* error);

  // On disk, as far as this process is concerned, when they return. False when
  // they cannot be written. Nothing, and true, when it is not open.
  bool Add(const v1::SweepCase& started);
  bool Add(const v1::SweepCell& cell);

 private:
  bool Write(const std::string& line);

  bool is_open_ = false;
  std::ofstream file_;
};

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_SWEEP_JOURNAL_H_
