// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/rmap.h"

#include "server/base/check.h"
#include "server/mm/era.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

anon_vma* NewAnonVma(anon_vma* root) {
  sched::World* world = kernel::ThisWorld();
  auto* av = world->New<anon_vma>(ObjType::kAnonVma);
  CHECK(av != nullptr);
  kernel::InitLock(&av->lock, kernel::LockClass::kAnonVma,
                   world->options().rmap_lock);
  av->root = root == nullptr ? av : root;
  av->root->refcount += 1;
  return av;
}

// Links under root->lock, which the caller holds.
void LinkChain(vm_area_struct* vma, anon_vma* av) {
  auto* avc = kernel::ThisWorld()->New<anon_vma_chain>(ObjType::kAnonVmaChain);
  CHECK(avc != nullptr);
  avc->vma = vma;
  avc->av = av;
  avc->same_vma = vma->anon_vma_chain;
  vma->anon_vma_chain = avc;
  anon_vma_chain* first = av->head;
  avc->same_anon_vma = first;
  if (first != nullptr) {
    first->prev_same_anon_vma = avc;
  }
  av->head = avc;
  av->refcount += 1;
}

void UnlinkChain(anon_vma_chain* avc) {
  anon_vma_chain* next = avc->same_anon_vma;
  anon_vma_chain* prev = avc->prev_same_anon_vma;
  if (prev != nullptr) {
    prev->same_anon_vma = next;
  } else {
    avc->av->head = next;
  }
  if (next != nullptr) {
    next->prev_same_anon_vma = prev;
  }
}

}  // namespace

void get_anon_vma(anon_vma* av) { av->refcount += 1; }

void put_anon_vma(anon_vma* av) {
  av->refcount -= 1;
  if (av->refcount != 0) {
    return;
  }
  anon_vma* root = av->root;
  kernel::lock_destroy(&av->lock);
  kernel::ThisWorld()->Delete(av);
  if (root != av) {
    put_anon_vma(root);
  }
}

address_space* NewFile(uint64_t size_pages, uint64_t size_max) {
  sched::World* world = kernel::ThisWorld();
  auto* file = world->New<address_space>(ObjType::kMapping);
  CHECK(file != nullptr);
  kernel::InitLock(&file->i_mmap_lock, kernel::LockClass::kMapping,
                   world->options().rmap_lock);
  file->size_pages = size_pages;
  trace::LogRange(&file->size_max, sizeof file->size_max);
  file->size_max = size_max < size_pages ? size_pages : size_max;
  void* pages = world->arena().Allocate(file->size_max * sizeof(void*));
  CHECK(pages != nullptr);
  file->pages = static_cast<Cell<page*>*>(pages);
  return file;
}

sched::Task<> anon_vma_prepare(vm_area_struct* vma) {
  if (vma->anon_vma != nullptr) {
    co_return;
  }
  anon_vma* av = NewAnonVma(nullptr);
  kernel::Lock* lock = AnonLock(av);
  co_await kernel::lock(lock, "anon_vma_prepare");
  // A second fault of the same VMA may have been first.
  if (vma->anon_vma == nullptr) {
    vma->anon_vma = av;
    LinkChain(vma, av);
    co_await kernel::unlock(lock, "anon_vma_prepare");
    put_anon_vma(av);  // the chain keeps it
    co_return;
  }
  co_await kernel::unlock(lock, "anon_vma_prepare");
  put_anon_vma(av);
}

sched::Task<> anon_vma_clone(vm_area_struct* to, vm_area_struct* from) {
  if (from->anon_vma == nullptr) {
    co_return;
  }
  kernel::Lock* lock = AnonLock(from->anon_vma);
  co_await kernel::lock(lock, "anon_vma_clone");
  for (anon_vma_chain* avc = from->anon_vma_chain; avc != nullptr;
       avc = avc->same_vma) {
    LinkChain(to, avc->av);
  }
  to->anon_vma = from->anon_vma;
  co_await kernel::unlock(lock, "anon_vma_clone");
}

sched::Task<> anon_vma_fork(vm_area_struct* child, vm_area_struct* parent) {
  if (parent->anon_vma == nullptr) {
    co_return;
  }
  co_await anon_vma_clone(child, parent);
  if (!era().anon_vma_chains) {
    co_return;  // the child shares its parent's anon_vma
  }
  anon_vma* own = NewAnonVma(parent->anon_vma->root);
  kernel::Lock* lock = AnonLock(own);
  co_await kernel::lock(lock, "anon_vma_fork");
  child->anon_vma = own;
  LinkChain(child, own);
  co_await kernel::unlock(lock, "anon_vma_fork");
}

sched::Task<> unlink_anon_vmas(vm_area_struct* vma) {
  if (vma->anon_vma == nullptr) {
    co_return;
  }
  kernel::Lock* lock = AnonLock(vma->anon_vma);
  co_await kernel::lock(lock, "unlink_anon_vmas");
  for (anon_vma_chain* avc = vma->anon_vma_chain; avc != nullptr;
       avc = avc->same_vma) {
    UnlinkChain(avc);
  }
  co_await kernel::unlock(lock, "unlink_anon_vmas");
  anon_vma_chain* avc = vma->anon_vma_chain;
  vma->anon_vma_chain = nullptr;
  vma->anon_vma = nullptr;
  while (avc != nullptr) {
    anon_vma_chain* next = avc->same_vma;
    put_anon_vma(avc->av);
    kernel::ThisWorld()->Delete(avc);
    avc = next;
  }
}

void AttachAnonVma(vm_area_struct* vma) {
  anon_vma* av = NewAnonVma(nullptr);
  vma->anon_vma = av;
  LinkChain(vma, av);
  put_anon_vma(av);  // the chain keeps it
}

void LinkFileVma(vm_area_struct* vma) {
  address_space* mapping = vma->vm_file;
  vm_area_struct* prev = mapping->i_mmap_last;
  while (prev != nullptr && prev->vm_pgoff > vma->vm_pgoff) {
    prev = prev->shared_prev;
  }
  vm_area_struct* next =
      prev != nullptr ? prev->shared_next.get() : mapping->i_mmap.get();
  vma->shared_prev = prev;
  vma->shared_next = next;
  if (prev != nullptr) {
    prev->shared_next = vma;
  } else {
    mapping->i_mmap = vma;
  }
  if (next != nullptr) {
    next->shared_prev = vma;
  } else {
    mapping->i_mmap_last = vma;
  }
}

sched::Task<> vma_link_file(vm_area_struct* vma) {
  address_space* mapping = vma->vm_file;
  if (mapping == nullptr) {
    co_return;
  }
  co_await kernel::lock(&mapping->i_mmap_lock, "vma_link_file");
  LinkFileVma(vma);
  co_await kernel::unlock(&mapping->i_mmap_lock, "vma_link_file");
}

sched::Task<> unlink_file_vma(vm_area_struct* vma) {
  address_space* mapping = vma->vm_file;
  if (mapping == nullptr) {
    co_return;
  }
  co_await kernel::lock(&mapping->i_mmap_lock, "unlink_file_vma");
  vm_area_struct* next = vma->shared_next;
  vm_area_struct* prev = vma->shared_prev;
  if (prev != nullptr) {
    prev->shared_next = next;
  } else {
    mapping->i_mmap = next;
  }
  if (next != nullptr) {
    next->shared_prev = prev;
  } else {
    mapping->i_mmap_last = prev;
  }
  co_await kernel::unlock(&mapping->i_mmap_lock, "unlink_file_vma");
}

kernel::LockPoint RmapWalkLock(kernel::Lock* lock, const char* where) {
  return {lock, era().rmap_walk_reads, kernel::Wait::kUninterruptible,
          kernel::Nest::kNo, where};
}

kernel::UnlockPoint RmapWalkUnlock(kernel::Lock* lock, const char* where) {
  return {lock, era().rmap_walk_reads, where};
}

}  // namespace mmfault::mm
