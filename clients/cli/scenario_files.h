// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// scenario_files.h: scenario files on disk.

#ifndef MMFAULT_CLIENTS_CLI_SCENARIO_FILES_H_
#define MMFAULT_CLIENTS_CLI_SCENARIO_FILES_H_

#include <google/protobuf/message.h>

#include <string>
#include <vector>

namespace mmfault::cli {

struct ScenarioFile {
  std::string path;
  std::string text;

  // The name without folder and extension; by custom the scenario's id.
  std::string Stem() const;
};

// The files named, and for a directory every *.textproto below it, in order of
// their paths. False, with `error` set, when one cannot be read or none is
// found.
bool ReadScenarioFiles(const std::vector<std::string>& paths,
                       std::vector<ScenarioFile>* files, std::string* error);

// Parses text format. False with `error` as `PATH:LINE:COLUMN: what`.
bool ParseText(const std::string& path, const std::string& text,
               google::protobuf::Message* message, std::string* error);

// All of a file's bytes; false when it cannot be read.
bool ReadFile(const std::string& path, std::string* content);

// Writes by a temporary file and a rename, so that no reader sees half of it.
bool WriteFile(const std::string& path, const std::string& content);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_SCENARIO_FILES_H_
