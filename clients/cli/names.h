// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// names.h: resource names as people type them.
//
// `w0` stands for `worlds/w0`, `w0/m0` for `worlds/w0/mms/m0`. Full names are
// taken as they are; what is malformed is for the server to refuse.

#ifndef MMFAULT_CLIENTS_CLI_NAMES_H_
#define MMFAULT_CLIENTS_CLI_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>

namespace mmfault::cli {

std::string WorldName(const std::string& text);
std::string RunName(const std::string& text);
std::string ProtocolName(const std::string& text);

// `w0/x` as `worlds/w0/{collection}/x`.
std::string ChildName(const std::string& text, const std::string& collection);

// `w0/n0` or `w0/m0/n0` as a notifier's name.
std::string NotifierName(const std::string& text);

// A name that is either a world's or a run's: `w0` is a world.
std::string ParentName(const std::string& text);

// `4096`, `0x1000`; nothing when it is neither.
std::optional<uint64_t> ParseAddress(const std::string& text);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_NAMES_H_
