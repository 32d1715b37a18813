// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// init_command.cc: `mmfault init`: a scenario to start from.

#include <filesystem>
#include <iostream>
#include <memory>

#include "clients/cli/commands.h"
#include "clients/cli/exit_codes.h"
#include "clients/cli/scenario_files.h"

namespace mmfault::cli {
namespace {

constexpr char kExample[] =
    R"(# proto-file: protos/mmfault/v1/scenario.proto
# proto-message: Scenario
# A device maps a page of an mm, and the mm unmaps it. The driver must drop its
# mapping in invalidate_range_start(), or the device goes on using a page that
# was freed. To see that found, say `forgets_invalidate: true` in `modelled`.
id: "example"
title: "a page is unmapped while a device maps it"
protocols: "6.1"
mm {
  id: "m0"
  vma { start: 0x1000 end: 0x5000 anonymous {} populated: true anon_vma: true }
}
notifier { id: "n0" mm: "m0" modelled {} }
task {
  id: "driver"
  mm: "m0"
  step { register { notifier: "n0" } }
  step { establish { notifier: "n0" address: 0x2000 } }
  step { post { event: "mapped" } }
  step { wait_for { event: "unmapped" } }
  step { device_access { notifier: "n0" address: 0x2000 } }
  step { unregister { notifier: "n0" } }
  step { free { notifier: "n0" } }
}
task {
  id: "app"
  mm: "m0"
  step { wait_for { event: "mapped" } }
  step { munmap { range { start: 0x1000 end: 0x5000 } } }
  step { post { event: "unmapped" } }
}
explore { strategy: "random" schedule_count: 500 }
expect { checker: "no_stale_secondary_mapping" verdict: HOLDS }
expect { checker: "no_use_after_free" verdict: HOLDS }
)";

void WriteExample(Context& context, const std::string& path) {
  if (std::filesystem::exists(path)) {
    context.FailUsage(path + " exists, and is left as it is",
                      "mmfault run " + path);
    return;
  }
  if (!WriteFile(path, kExample)) {
    context.FailInfrastructure(path + ": cannot be written");
    return;
  }
  std::cout << "wrote " << path << "\nnext: mmfault run " << path << "\n";
}

}  // namespace

void AddInitCommand(CLI::App& app, Context& context) {
  CLI::App* init = app.add_subcommand("init", "Write an example scenario");
  auto path = std::make_shared<std::string>("example.textproto");
  init->add_option("FILE", *path, "Where to")->capture_default_str();
  init->callback([path, &context] { WriteExample(context, *path); });
}

}  // namespace mmfault::cli
