// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mirror.cc: a driver that mirrors an mm, right. Its twin, mirror_wrong.cc,
// does the same with two mistakes.

#include "clients/cpp/examples/mirror_run.h"
#include "clients/cpp/secondary_mmu.h"

namespace mmfault::examples {
namespace {

class Mirror : public Driver {
 public:
  client::RemoteNotifier& notifier() override { return mmu_; }

  // Looks the page up, and maps it only if no invalidation came in between.
  void Map(client::Attachment& attachment, uint64_t address) override {
    mmu_.LookUpAndMap(attachment, address, true);
  }

  // First no callback can come any more, then the memory goes.
  void Quit(client::Attachment& attachment) override {
    v1::Step step;
    step.mutable_unregister()->set_notifier(mmu_.id());
    const client::StepAnswer answer = Do(attachment, step);
    // In some protocols this can fail, and then callbacks go on.
    if (!answer.ok() || answer.value.rc() != 0) return;
    mmu_.Drop(attachment, 0, ~uint64_t{0});
    step.mutable_free()->set_notifier(mmu_.id());
    Do(attachment, step);
  }

 private:
  client::SecondaryMmu mmu_{"mirror"};
};

}  // namespace
}  // namespace mmfault::examples

int main(int argc, char** argv) {
  mmfault::examples::Mirror mirror;
  return mmfault::examples::RunMirror(argc, argv, mirror);
}
