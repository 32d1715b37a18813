// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/examples/mirror_run.h"

#include <atomic>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "clients/cpp/session.h"

namespace mmfault::examples {
namespace {

constexpr int kExitViolation = 1;
constexpr int kExitInfrastructure = 125;
constexpr uint64_t kStart = 0x10000;
constexpr uint64_t kPageSize = 4096;
constexpr int kPages = 4;
constexpr uint64_t kEnd = kStart + kPages * kPageSize;
// Enough for an invalidation to come between a look-up and its mapping many
// times over.
constexpr int kRounds = 200;

void SetRange(v1::AddressRange& range) {
  range.set_start(kStart);
  range.set_end(kEnd);
}

// A world whose mm has four pages. The client's policy matters when a driver
// goes without a word: UNREGISTER would hide what the wrong one forgets.
client::Answer<v1::World> CreateWorld(client::Session& session) {
  v1::CreateWorldRequest request;
  request.mutable_settings()->set_protocol("6.1");
  v1::MmSetup& mm = *request.mutable_scenario()->add_mm();
  mm.set_id("m0");
  mm.set_mm_users(1);
  v1::Vma& vma = *mm.add_vma();
  vma.set_start(kStart);
  vma.set_end(kEnd);
  vma.mutable_anonymous();
  vma.set_populated(true);
  vma.set_anon_vma(true);
  return session.CreateWorld(request);
}

// The application, until told to stop: DONTNEED, and a touch for new pages.
void LoseAndFindPages(client::Session& session, const std::string& world,
                      const std::atomic<bool>& is_over) {
  v1::Step lose;
  lose.mutable_madvise()->set_mm("m0");
  SetRange(*lose.mutable_madvise()->mutable_range());
  v1::Step find;
  find.mutable_touch()->set_mm("m0");
  find.mutable_touch()->set_write(true);
  SetRange(*find.mutable_touch()->mutable_range());
  while (!is_over) {
    if (!session.RunStep(world, "app", lose).ok()) return;
    if (!session.RunStep(world, "app", find).ok()) return;
  }
}

void UseDevice(client::Attachment& attachment, const std::string& notifier,
               uint64_t address) {
  v1::Step step;
  step.mutable_device_access()->set_notifier(notifier);
  step.mutable_device_access()->set_address(address);
  // -EFAULT is right: the mapping may have been dropped since.
  Do(attachment, step);
}

void MapAndUse(client::Session& session, client::Attachment& attachment,
               const std::string& world, Driver& driver) {
  std::atomic<bool> is_over = false;
  std::thread application([&] { LoseAndFindPages(session, world, is_over); });
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t address = kStart + round % kPages * kPageSize;
    driver.Map(attachment, address);
    UseDevice(attachment, driver.notifier().id(), address);
  }
  is_over = true;
  application.join();
}

void UnmapAll(client::Session& session, const std::string& world) {
  v1::Step step;
  step.mutable_munmap()->set_mm("m0");
  SetRange(*step.mutable_munmap()->mutable_range());
  session.RunStep(world, "app", step);
}

int Report(client::Session& session, const std::string& world) {
  const auto violations = session.ListViolations(world);
  if (!violations.ok()) {
    std::cerr << client::Describe(violations.status) << "\n";
    return kExitInfrastructure;
  }
  // The first of each checker: later ones say the same again.
  std::map<std::string, int> counts;
  for (const v1::Violation& violation : violations.value) {
    if (++counts[violation.checker()] > 1) continue;
    std::cout << violation.checker() << " at step " << violation.step() << ": "
              << violation.explanation() << "\n";
  }
  for (const auto& [checker, count] : counts) {
    std::cout << checker << ": " << count << " times\n";
  }
  std::cout << violations.value.size() << " violations in " << world << "\n";
  return violations.value.empty() ? 0 : kExitViolation;
}

int Live(client::Session& session, const std::string& world, Driver& driver) {
  client::Attachment::Options options;
  options.parent = world;
  auto attached = client::Attachment::Open(session, options);
  if (!attached.ok()) {
    std::cerr << client::Describe(attached.status) << "\n";
    return kExitInfrastructure;
  }
  client::Attachment& attachment = *attached.value;
  const auto bound = attachment.Bind(driver.notifier(), "m0");
  if (!bound.ok()) {
    std::cerr << client::Describe(bound.status) << "\n";
    return kExitInfrastructure;
  }
  v1::Step step;
  step.mutable_register_()->set_notifier(driver.notifier().id());
  const client::StepAnswer registered = Do(attachment, step);
  if (!registered.ok()) return kExitInfrastructure;
  MapAndUse(session, attachment, world, driver);
  driver.Quit(attachment);
  UnmapAll(session, world);
  attachment.Close();
  return Report(session, world);
}

}  // namespace

client::StepAnswer Do(client::Attachment& attachment, const v1::Step& step) {
  client::StepAnswer answer = attachment.Call(step).Wait();
  if (!answer.ok()) std::cerr << client::Describe(answer.status) << "\n";
  return answer;
}

int RunMirror(int argc, char** argv, Driver& driver) {
  std::string server = "127.0.0.1:50051";
  if (argc == 3 && std::strcmp(argv[1], "--server") == 0) server = argv[2];
  const auto session = client::Session::Connect(server);
  const auto world = CreateWorld(*session);
  if (!world.ok()) {
    std::cerr << client::Describe(world.status) << "\n";
    return kExitInfrastructure;
  }
  const int code = Live(*session, world.value.name(), driver);
  session->DeleteWorld(world.value.name());
  return code;
}

}  // namespace mmfault::examples
