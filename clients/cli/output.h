// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// output.h: tables for people, JSON for programs.

#ifndef MMFAULT_CLIENTS_CLI_OUTPUT_H_
#define MMFAULT_CLIENTS_CLI_OUTPUT_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mmfault::cli {

// Rows under a header, columns as wide as their widest cell.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void Add(std::vector<std::string> row);
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// The message as JSON with the proto's own field names.
std::string ToJson(const google::protobuf::Message& message);

// `a, b`; `-` for none.
std::string Joined(const std::vector<std::string>& parts,
                   const std::string& separator = ", ");
template <typename Strings>
std::string JoinedOf(const Strings& strings) {
  return Joined(std::vector<std::string>(strings.begin(), strings.end()));
}

// An enum value without its prefix, in lower case: `waiting_for_ack`.
std::string Lower(const std::string& enum_name, const std::string& prefix);

// 0x1000; addresses are read and written in this form.
std::string Hex(uint64_t address);

// The last part of a resource name.
std::string LastPart(const std::string& name);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_OUTPUT_H_
