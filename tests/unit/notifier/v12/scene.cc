// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {

using mm::kPageSize;

Scene::Scene(const Protocol& p, const sched::WorldOptions& options,
             const device::Behaviour& behaviour)
    : protocol(&p),
      world(p, options),
      mm(world.NewMm()),
      file(mm::NewFile(16, 16)),
      other_file(mm::NewFile(16, 16)),
      dev(device::NewDevice(behaviour, false)),
      mn(&dev->mn) {}

mm::vm_area_struct* Scene::AddFileVma(mm::mm_struct* to,
                                      mm::address_space* of) {
  mm::vm_area_struct* vma =
      mm::NewVma(to, next_address, next_address + kPageSize,
                 mm::VM_READ | mm::VM_WRITE | mm::VM_SHARED, of, next_pgoff++);
  next_address += 2 * kPageSize;
  mm::InsertVma(vma);
  mm::LinkFileVma(vma);
  return vma;
}

mm::vm_area_struct* Scene::AddAnonVma(mm::mm_struct* to) {
  mm::vm_area_struct* vma =
      mm::NewVma(to, next_address, next_address + kPageSize,
                 mm::VM_READ | mm::VM_WRITE, nullptr, next_address >> 12);
  next_address += 2 * kPageSize;
  mm::InsertVma(vma);
  mm::AttachAnonVma(vma);
  return vma;
}

void Scene::AddMixedVmas() {
  AddFileVma(mm, file);
  AddAnonVma(mm);
  AddFileVma(mm, other_file);
  AddFileVma(mm, file);
  const uint64_t start = next_address;
  next_address += 4 * kPageSize;
  Call<int>(&world, [&] {
    return mm::do_mmap(mm, start, start + 2 * kPageSize,
                       mm::VM_READ | mm::VM_WRITE, nullptr, 0);
  });
  mm::vm_area_struct* shared = mm::find_vma(mm, start);
  mm::AttachAnonVma(shared);
  Call(&world, [&] { return mm::split_vma(mm, start + kPageSize); });
  mm::InsertVma(mm::NewVma(mm, next_address, next_address + kPageSize,
                           mm::VM_READ, nullptr, 0));
  next_address += 2 * kPageSize;
}

int Scene::RegisterNow() {
  live_bytes = world->arena().state().live_bytes;
  rc = INT32_MAX;
  world.Try(RegisterTask, this);
  return rc;
}

int Scene::UnregisterNow() {
  live_bytes = world->arena().state().live_bytes;
  rc = INT32_MAX;
  world.Try(UnregisterTask, this);
  return rc;
}

::testing::AssertionResult Scene::NothingHeld() {
  const mm::vm_area_struct* vma = mm->mmap;
  for (; vma != nullptr; vma = vma->vm_next) {
    const bool file_held =
        vma->vm_file != nullptr && !vma->vm_file->i_mmap_lock.free_for_write();
    const bool anon_held = vma->anon_vma != nullptr &&
                           !mm::AnonLock(vma->anon_vma)->free_for_write();
    if (file_held || anon_held) {
      return ::testing::AssertionFailure()
             << "a lock of the VMA at " << vma->vm_start << " is held";
    }
  }
  if (!mm->mmap_sem.free_for_write() || mm->lock_marks != 0) {
    return ::testing::AssertionFailure() << "mmap_sem held, or marks left";
  }
  if (world->arena().state().live_bytes != live_bytes) {
    return ::testing::AssertionFailure() << "memory left";
  }
  return ::testing::AssertionSuccess();
}

sched::Task<> RegisterTask(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  scene->rc = co_await Register(*scene->protocol, scene->mn, scene->mm);
  scene->locks_taken = kernel::Current()->mm_lock_locks;
  scene->untested_max = kernel::Current()->vma_steps_untested_max;
}

sched::Task<> UnregisterTask(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  scene->rc = co_await Unregister(*scene->protocol, scene->mn, scene->mm);
  scene->locks_taken = kernel::Current()->mm_lock_locks;
  scene->untested_max = kernel::Current()->vma_steps_untested_max;
}

sched::Task<> MmputTask(void* arg) {
  co_await mm::mmput(static_cast<Scene*>(arg)->mm);
}

}  // namespace mmfault::notifier::v12_test
