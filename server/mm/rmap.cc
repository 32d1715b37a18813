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

// The chain after which a new one belongs; null: at the head. The first chain's
// prev_same_anon_vma is the last one, so that adding at the end is one step.
anon_vma_chain* PlaceOf(const anon_vma* av, const vm_area_struct* vma) {
  anon_vma_chain* first = av->head;
  if (first == nullptr) {
    return nullptr;
  }
  anon_vma_chain* after = first->prev_same_anon_vma;
  if (!era().rmap_walk_reads) {
    return after;
  }
  while (after->vma->vm_pgoff > vma->vm_pgoff) {
    if (after == first) {
      return nullptr;
    }
    after = after->prev_same_anon_vma;
  }
  return after;
}

// Rule: a walk meets the VMAs in order of their offsets, the older one first;
// before there were interval trees, in order of age. Kernel: mm/rmap.c:
// anon_vma_chain_link(), mm/interval_tree.c, v6.1. Links under root->lock,
// which the caller holds.
void LinkChain(vm_area_struct* vma, anon_vma* av) {
  auto* avc = kernel::ThisWorld()->New<anon_vma_chain>(ObjType::kAnonVmaChain);
  CHECK(avc != nullptr);
  avc->vma = vma;
  avc->av = av;
  avc->same_vma = vma->anon_vma_chain;
  vma->anon_vma_chain = avc;
  anon_vma_chain* first = av->head;
  anon_vma_chain* after = PlaceOf(av, vma);
  anon_vma_chain* next = after != nullptr ? after->same_anon_vma.get() : first;
  avc->same_anon_vma = next;
  if (after != nullptr) {
    after->same_anon_vma = avc;
    avc->prev_same_anon_vma = after;
  } else {
    avc->prev_same_anon_vma =
        first != nullptr ? first->prev_same_anon_vma.get() : avc;
    av->head = avc;
  }
  anon_vma_chain* behind = next != nullptr ? next : av->head.get();
  behind->prev_same_anon_vma = avc;
  av->refcount += 1;
}

void UnlinkChain(anon_vma_chain* avc) {
  anon_vma* av = avc->av;
  anon_vma_chain* next = avc->same_anon_vma;
  anon_vma_chain* prev = avc->prev_same_anon_vma;
  if (av->head != avc) {
    prev->same_anon_vma = next;
  } else {
    av->head = next;
  }
  anon_vma_chain* behind = next != nullptr ? next : av->head.get();
  if (behind != nullptr) {
    behind->prev_same_anon_vma = prev;
  }
}

// These ask a VMA that is nobody's by now. A fault on behalf of a device
// that forgot to pin the mm meets it where it is freed, a step that names it:
// docs/findings.md.
const anon_vma* LeftAnonVma(const vm_area_struct* vma) {
  const trace::AccessPause pause;
  return vma->anon_vma;
}
anon_vma_chain* FirstChain(const vm_area_struct* vma) {
  const trace::AccessPause pause;
  return vma->anon_vma_chain;
}
anon_vma_chain* TakeChains(vm_area_struct* vma) {
  const trace::AccessPause pause;
  anon_vma_chain* avc = vma->anon_vma_chain;
  vma->anon_vma_chain = nullptr;
  vma->anon_vma = nullptr;
  return avc;
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

address_space* NewFile(uint64_t size_pages, uint64_t size_max, FileKind kind) {
  sched::World* world = kernel::ThisWorld();
  auto* file = world->New<address_space>(ObjType::kMapping);
  CHECK(file != nullptr);
  kernel::InitLock(&file->i_mmap_lock, kernel::LockClass::kMapping,
                   world->options().rmap_lock);
  file->size_pages = size_pages;
  trace::LogRange(&file->size_max, sizeof file->size_max);
  file->size_max = size_max < size_pages ? size_pages : size_max;
  trace::LogRange(&file->kind, sizeof file->kind);
  file->kind = kind;
  void* pages = world->arena().Allocate(file->size_max * sizeof(void*));
  CHECK(pages != nullptr);
  file->pages = static_cast<Cell<page*>*>(pages);
  return file;
}

// Kernel: mm/rmap.c:__anon_vma_prepare(), v6.1.
sched::Task<> anon_vma_prepare(vm_area_struct* vma) {
  if (vma->anon_vma != nullptr) {
    co_return;
  }
  anon_vma* av = NewAnonVma(nullptr);
  kernel::Lock* lock = AnonLock(av);
  co_await kernel::lock(lock, "anon_vma_prepare");
  // Whoever walks the VMAs may see it appear: mmap_sem is held for read.
  co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                          vma->object.key(), "anon_vma_prepare"}};
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

// Kernel: mm/rmap.c:anon_vma_clone(), v6.1. Differs: no anon_vma is reused.
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

// Kernel: mm/rmap.c:anon_vma_fork(), v6.1.
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

// Kernel: mm/rmap.c:unlink_anon_vmas(), v6.1.
sched::Task<> unlink_anon_vmas(vm_area_struct* vma) {
  const anon_vma* av = LeftAnonVma(vma);
  if (av == nullptr) {
    co_return;
  }
  kernel::Lock* lock = AnonLock(av);
  co_await kernel::lock(lock, "unlink_anon_vmas");
  for (anon_vma_chain* avc = FirstChain(vma); avc != nullptr;
       avc = avc->same_vma) {
    UnlinkChain(avc);
  }
  co_await kernel::unlock(lock, "unlink_anon_vmas");
  anon_vma_chain* avc = TakeChains(vma);
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

// Kernel: mm/mmap.c:__vma_link_file(), v6.1.
sched::Task<> vma_link_file(vm_area_struct* vma) {
  address_space* mapping = vma->vm_file;
  if (mapping == nullptr) {
    co_return;
  }
  co_await kernel::lock(&mapping->i_mmap_lock, "vma_link_file");
  LinkFileVma(vma);
  co_await kernel::unlock(&mapping->i_mmap_lock, "vma_link_file");
}

// Kernel: mm/mmap.c:unlink_file_vma(), v6.1.
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
