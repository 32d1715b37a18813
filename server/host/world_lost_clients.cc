// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What becomes of a client that is lost: what the kernel would see.

#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/device/ops.h"
#include "server/host/callback_message.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"
#include "server/notifier/registration.h"

namespace mmfault::host {
namespace {

// What a driver's module does when it goes. What was got is freed by the
// kernel, once every user has put it.
google::protobuf::RepeatedPtrField<v1::Step> LeavingSteps(
    const device::device& dev, const std::string& notifier) {
  google::protobuf::RepeatedPtrField<v1::Step> steps;
  v1::Step& leave = *steps.Add();
  if (dev.kind == notifier::Kind::kGetPut) {
    leave.mutable_put()->set_notifier(notifier);
    leave.set_repeat(dev.mn.users);
    return steps;
  }
  leave.set_label("unregister-" + notifier);
  if (dev.kind == notifier::Kind::kInterval) {
    leave.mutable_remove()->set_notifier(notifier);
  } else {
    leave.mutable_unregister()->set_notifier(notifier);
  }
  v1::Step& free = *steps.Add();
  free.mutable_only_if()->set_step("unregister-" + notifier);
  free.mutable_only_if()->add_rc(0);
  free.mutable_free()->set_notifier(notifier);
  return steps;
}

}  // namespace

// What the kernel would see: a driver's process died, or its module is gone.
void HostedWorld::Lose(const ClientPtr& client) {
  client->gone = true;
  for (const auto& hook : lost_hooks_) {
    hook(client->id);
  }
  DisarmThose([&client](const v1::Fault& fault, uint64_t lease) {
    return lease == 0 && fault.client() == client->id;
  });
  AllowSteps(0);
  if (lost_client_policy_ != v1::LOST_CLIENT_POLICY_KEEP) {
    std::vector<int64_t> unanswered;
    for (auto& [number, out] : outstanding_) {
      if (out.client == client && !out.answered) {
        out.answered = true;
        out.answer.missing = true;
        unanswered.push_back(number);
      }
    }
    for (const int64_t number : unanswered) {
      if (!lockstep_) {
        Admit(number);
      }
    }
  }
  std::vector<device::device*> bound;
  for (const auto& [id, dev] : machine_->devices()) {
    const auto it = bindings_.find(dev);
    if (it != bindings_.end() && it->second.client == client) {
      bound.push_back(dev);
    }
  }
  for (device::device* dev : bound) {
    LoseNotifier(client, dev);
  }
  EndTasksOf(*client);
}

// A rule says that the client's connection breaks here. What Close() says later
// on is known by then.
void HostedWorld::DeliverDisconnect(uint32_t notifier) {
  for (const auto& [dev, binding] : bindings_) {
    const ClientPtr client = binding.client;
    if (dev->mn.object.id == notifier && client != nullptr && !client->gone) {
      NoteClient(*client, "disconnected by a fault");
      client->stream->End(DisconnectedByFault(client->id));
      Lose(client);
      return;
    }
  }
}

void HostedWorld::LoseNotifier(const ClientPtr& client, device::device* dev) {
  Binding& binding = bindings_[dev];
  if (!device::IsRegistered(dev)) {
    binding.client = nullptr;
    return;
  }
  switch (lost_client_policy_) {
    case v1::LOST_CLIENT_POLICY_KEEP:
      break;  // nobody is there, and nobody is told
    case v1::LOST_CLIENT_POLICY_UNREGISTER:
      binding.client = nullptr;
      binding.detaching = true;
      UnregisterFor(*client, dev);
      break;
    default: {
      binding.client = nullptr;
      const sched::World::Scope scope(&world());
      notifier::FreeNotifier(&dev->mn);
      break;
    }
  }
}

void HostedWorld::UnregisterFor(const Client& client, device::device* dev) {
  scenario::Program* program = machine_->FindTask(client.detach_task);
  if (program == nullptr || program->task == nullptr) {
    if (!CheckTaskRoom().ok()) {
      return;  // it stays linked, as under KEEP
    }
    program = machine_->CreateTask(client.detach_task, nullptr, false);
    tasks_.Add(client.detach_task, program);
  }
  const google::protobuf::RepeatedPtrField<v1::Step> steps =
      LeavingSteps(*dev, bindings_[dev].notifier);
  // More notifiers than a task has labels: those stay linked.
  AppendSteps(program, steps, "detach").IgnoreError();
}

void HostedWorld::EndTasksOf(const Client& client) {
  for (const std::string& id : client.tasks) {
    scenario::Program* program = machine_->FindTask(id);
    if (program == nullptr || program->task == nullptr) {
      continue;
    }
    const sched::World::Scope scope(&world());
    program->exiting = true;
    world().ReevaluateTask(program->task->slot);
  }
}

}  // namespace mmfault::host
