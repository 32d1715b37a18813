// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/scenario_files.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace mmfault::cli {
namespace {

constexpr char kExtension[] = ".textproto";

// Keeps the first error: those behind it are mostly its echo.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text.empty()) return;
    text = std::to_string(line + 1) + ":" + std::to_string(column + 1) + ": " +
           message;
  }

  std::string text;
};

bool ListDirectory(const std::string& path, std::vector<std::string>* found,
                   std::string* error) {
  std::error_code code;
  std::filesystem::recursive_directory_iterator entry(path, code);
  for (; !code && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(code)) {
    if (entry->path().extension() == kExtension) {
      found->push_back(entry->path().string());
    }
  }
  if (!code) return true;
  *error = path + ": " + code.message();
  return false;
}

}  // namespace

std::string ScenarioFile::Stem() const {
  return std::filesystem::path(path).stem().string();
}

bool ReadFile(const std::string& path, std::string* content) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  std::ostringstream text;
  text << file.rdbuf();
  *content = text.str();
  return !file.bad();
}

bool WriteFile(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  std::ofstream file(temporary, std::ios::binary);
  file << content;
  file.close();
  if (!file) return false;
  std::error_code code;
  std::filesystem::rename(temporary, path, code);
  return !code;
}

bool ReadScenarioFiles(const std::vector<std::string>& paths,
                       std::vector<ScenarioFile>* files, std::string* error) {
  for (const std::string& path : paths) {
    std::vector<std::string> found = {path};
    if (std::filesystem::is_directory(path)) {
      found.clear();
      if (!ListDirectory(path, &found, error)) return false;
      std::sort(found.begin(), found.end());
    }
    if (found.empty()) {
      *error = path + ": no *.textproto below it";
      return false;
    }
    for (std::string& name : found) {
      ScenarioFile file{.path = std::move(name), .text = ""};
      if (!ReadFile(file.path, &file.text)) {
        *error = file.path + ": cannot be read";
        return false;
      }
      files->push_back(std::move(file));
    }
  }
  return true;
}

bool ParseText(const std::string& path, const std::string& text,
               google::protobuf::Message* message, std::string* error) {
  FirstError first;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  if (parser.ParseFromString(text, message)) return true;
  *error = path + ":" + first.text;
  return false;
}

}  // namespace mmfault::cli
