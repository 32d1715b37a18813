// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// protocols.h: every protocol of this build, by id.
//
// A library above the families, so that none of them knows another.
//
// Threads: constant data; safe everywhere.

#ifndef MMFAULT_SERVER_NOTIFIER_PROTOCOLS_H_
#define MMFAULT_SERVER_NOTIFIER_PROTOCOLS_H_

#include <span>
#include <string_view>

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

// In the order of history; never empty.
std::span<const Protocol* const> AllProtocols();

// The protocol of that id, letter for letter, or null.
const Protocol* FindProtocol(std::string_view id);

// The id nearest to a mistyped one, for "did you mean"; "" when none is near.
std::string_view NearestProtocolId(std::string_view id);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_PROTOCOLS_H_
