// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_view.h: what is in a world, as the API shows it.
//
// Threads: the world's runner only.

#ifndef MMFAULT_SERVER_HOST_WORLD_VIEW_H_
#define MMFAULT_SERVER_HOST_WORLD_VIEW_H_

#include <string>

#include "mmfault/v1/resources.pb.h"
#include "mmfault/v1/task_service.pb.h"
#include "mmfault/v1/trace.pb.h"
#include "server/host/hosted_world.h"

namespace mmfault::host {

v1::Mm ViewMm(HostedWorld& world, const std::string& id,
              const scenario::MmRef& ref);
v1::Vma ViewVma(HostedWorld& world, const mm::vm_area_struct& vma);
v1::Task ViewTask(HostedWorld& world, const TaskEntry& entry);
v1::Notifier ViewNotifier(HostedWorld& world, const std::string& id,
                          const device::device& dev);
v1::Event ViewEvent(HostedWorld& world, const EventRing::Entry& entry);
// With the events that matter, as far as the ring still has them.
v1::Violation ViewViolation(HostedWorld& world,
                            const trace::Violation& violation);

// The id of an mm; "-" when it has none (any more).
std::string MmId(const HostedWorld& world, const mm::mm_struct* mm);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_WORLD_VIEW_H_
