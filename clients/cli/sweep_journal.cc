// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/sweep_journal.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>

#include "clients/cli/scenario_files.h"

namespace mmfault::cli {
namespace {

constexpr std::string_view kMark = "mmfault-sweep 1 ";

std::string Serialized(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::string JsonLine(const google::protobuf::Message& message) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  // A message of ours always has a JSON form.
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "";
}

bool ParseLine(const std::string& line, std::string_view word,
               google::protobuf::Message* message) {
  return line.starts_with(word) && google::protobuf::util::JsonStringToMessage(
                                       line.substr(word.size()), message)
                                       .ok();
}

bool ParseHead(const std::string& line, JournalContent* content) {
  if (!line.starts_with(kMark)) return false;
  char slash = 0;
  std::istringstream words(line.substr(kMark.size()));
  words >> content->digest >> content->sweep.shard_index >> slash >>
      content->sweep.shard_count;
  return !words.fail() && slash == '/' && content->sweep.shard_count >= 1;
}

// Case and cell lines.
bool ParseRecord(const std::string& line, report::Sweep* sweep) {
  if (line.starts_with("case ")) {
    return ParseLine(line, "case ", &sweep->cases.emplace_back());
  }
  return ParseLine(line, "cell ", &sweep->cells.emplace_back());
}

std::string HeadOf(const v1::SweepRequest& request) {
  const v1::RunOptions& options = request.options();
  return std::string(kMark) + DigestOf(request) + " " +
         std::to_string(options.shard_index()) + "/" +
         std::to_string(options.shard_count());
}

}  // namespace

// FNV-1a: two sweeps are told apart, nobody is kept from forging one.
std::string DigestOf(const v1::SweepRequest& request) {
  v1::SweepRequest all = request;
  all.clear_after();
  all.mutable_options()->clear_shard_index();
  all.mutable_options()->clear_shard_count();
  all.mutable_options()->clear_workers();
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : Serialized(all)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  char text[20];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(hash));
  return text;
}

bool ReadJournal(const std::string& path, JournalContent* content,
                 std::string* error) {
  std::string text;
  if (!ReadFile(path, &text)) {
    *error = path + ": cannot be read";
    return false;
  }
  const size_t last = text.rfind('\n');
  text.resize(last == std::string::npos ? 0 : last + 1);
  content->whole_bytes = static_cast<int64_t>(text.size());
  std::istringstream lines(text);
  std::string line;
  if (!std::getline(lines, line) || !ParseHead(line, content)) {
    *error = path + " is no journal of a sweep";
    return false;
  }
  for (int number = 2; std::getline(lines, line); ++number) {
    if (!ParseRecord(line, &content->sweep)) {
      *error = path + ":" + std::to_string(number) +
               ": neither a case nor a cell of a sweep";
      return false;
    }
  }
  return true;
}

bool SweepJournal::Open(const std::string& path,
                        const v1::SweepRequest& request, report::Sweep* known,
                        std::string* error) {
  const std::string head = HeadOf(request);
  std::error_code code;
  const bool fresh = !std::filesystem::exists(path, code) ||
                     std::filesystem::file_size(path, code) == 0;
  if (!fresh) {
    JournalContent content;
    if (!ReadJournal(path, &content, error)) return false;
    if (content.digest != DigestOf(request)) {
      *error = path + " is of another sweep: its scenarios or options differ";
      return false;
    }
    if (content.sweep.shard_index != request.options().shard_index() ||
        content.sweep.shard_count != request.options().shard_count()) {
      *error = path + " is of shard " +
               std::to_string(content.sweep.shard_index) + "/" +
               std::to_string(content.sweep.shard_count);
      return false;
    }
    std::filesystem::resize_file(
        path, static_cast<uintmax_t>(content.whole_bytes), code);
    *known = std::move(content.sweep);
  }
  file_.open(path, std::ios::binary | std::ios::app);
  is_open_ = true;
  if (code || (fresh && !Write(head)) || !file_) {
    *error = path + ": cannot be written";
    return false;
  }
  return true;
}

bool SweepJournal::Write(const std::string& line) {
  if (!is_open_) return true;
  file_ << line << "\n" << std::flush;
  return file_.good();
}

bool SweepJournal::Add(const v1::SweepCase& started) {
  return Write("case " + JsonLine(started));
}

bool SweepJournal::Add(const v1::SweepCell& cell) {
  return Write("cell " + JsonLine(cell));
}

}  // namespace mmfault::cli
