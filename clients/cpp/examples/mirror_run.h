// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mirror_run.h: what both example drivers live through.
//
// A world of protocol 6.1 with one mm is created on a server. An application
// (tasks of the world, moved by a thread here) keeps throwing away the mm's
// pages and finding new ones, while the driver maps them in its device and uses
// them. Then the driver goes, the application unmaps everything, and what the
// server's checkers reported is printed.

#ifndef MMFAULT_CLIENTS_CPP_EXAMPLES_MIRROR_RUN_H_
#define MMFAULT_CLIENTS_CPP_EXAMPLES_MIRROR_RUN_H_

#include <cstdint>

#include "clients/cpp/attachment.h"

namespace mmfault::examples {

class Driver {
 public:
  virtual ~Driver() = default;

  // Whose callbacks mirror the mm.
  virtual client::RemoteNotifier& notifier() = 0;

  // Maps the page at an address in the device.
  virtual void Map(client::Attachment& attachment, uint64_t address) = 0;

  // Lets go of the mm.
  virtual void Quit(client::Attachment& attachment) = 0;
};

// Exit code: 0 when nothing was reported, 1 when something was, 125 when the
// server could not be used. `--server ADDRESS`, by default 127.0.0.1:50051.
int RunMirror(int argc, char** argv, Driver& driver);

// Runs a step of the client's, and says so on stderr when it is refused.
client::StepAnswer Do(client::Attachment& attachment, const v1::Step& step);

}  // namespace mmfault::examples

#endif  // MMFAULT_CLIENTS_CPP_EXAMPLES_MIRROR_RUN_H_
