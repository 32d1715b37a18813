// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// to_proto.h: events of the engine as events of the API.

#ifndef MMFAULT_SERVER_SCENARIO_TO_PROTO_H_
#define MMFAULT_SERVER_SCENARIO_TO_PROTO_H_

#include <string>

#include "mmfault/v1/trace.pb.h"
#include "server/scenario/machine.h"
#include "server/trace/event.h"

namespace mmfault::scenario {

// An event with its names. Call while the world is at that event, or later as
// long as its objects keep their names.
v1::Event ToProto(const Machine& machine, const trace::Event& event);

// Sixteen hexadecimal digits.
std::string HashText(uint64_t hash);

// An object as stories call it: the user's id where there is one, else type
// and number.
std::string ObjectName(const Machine& machine, trace::ObjKey key);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_TO_PROTO_H_
