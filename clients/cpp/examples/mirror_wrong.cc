// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mirror_wrong.cc: mirror.cc with two mistakes that drivers really make.
//
// 1. A page is mapped without looking whether an invalidation came since it was
//    looked up: the device keeps a page that was freed.
// 2. The notifier's memory is freed while the notifier is registered: the next
//    munmap() calls into it.
//
// Both are reported, and the program ends with 1.

#include "clients/cpp/examples/mirror_run.h"
#include "clients/cpp/secondary_mmu.h"

namespace mmfault::examples {
namespace {

class WrongMirror : public Driver {
 public:
  client::RemoteNotifier& notifier() override { return mmu_; }

  void Map(client::Attachment& attachment, uint64_t address) override {
    v1::Step step;
    step.mutable_look_up()->set_notifier(mmu_.id());
    step.mutable_look_up()->set_address(address);
    step.mutable_look_up()->set_write(true);
    const client::StepAnswer found = Do(attachment, step);
    if (!found.ok() || found.value.rc() != 0) return;
    // Mistake: the page may have gone since.
    step.mutable_establish()->set_notifier(mmu_.id());
    step.mutable_establish()->set_address(address);
    step.mutable_establish()->set_write(true);
    *step.mutable_establish()->mutable_page() = found.value.page();
    Do(attachment, step);
  }

  void Quit(client::Attachment& attachment) override {
    // Mistake: no `unregister` before.
    v1::Step step;
    step.mutable_free()->set_notifier(mmu_.id());
    Do(attachment, step);
  }

 private:
  client::SecondaryMmu mmu_{"mirror"};
};

}  // namespace
}  // namespace mmfault::examples

int main(int argc, char** argv) {
  mmfault::examples::WrongMirror mirror;
  return mmfault::examples::RunMirror(argc, argv, mirror);
}
