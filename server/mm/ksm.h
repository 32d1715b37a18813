// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// ksm.h: merging pages of equal contents.
//
// Models mm/ksm.c: an mm with a mergeable VMA is on a list that ksmd walks; a
// page that equals one of the stable tree is replaced by that, two equal pages
// of which neither is there become the first two mappings of a new KSM page.
// Contents are one byte (page::value), so the trees are tables.
//
// Differs: pages are merged in the pass that first sees them, where ksmd waits
// until their checksum has been the same for a whole pass; pages of zeros are
// merged like others; a KSM page may be shared without limit; there is one
// NUMA node.
//
// Locks: ksmd holds mmap_lock for read while it looks at or changes an mm. The
// lists change in steps of ksmd's own, of madvise under mmap_lock for write,
// and of the last mmput().

#ifndef MMFAULT_SERVER_MM_KSM_H_
#define MMFAULT_SERVER_MM_KSM_H_

#include <array>

#include "server/mm/mm_types.h"
#include "server/mm/rmap.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// A page that several ptes share: PageKsm. Its page forgets it when it is
// freed.
struct ksm_stable_node {
  Object object;
  Cell<page*> kpage;
  Cell<struct ksm_rmap_item*> items;  // the oldest first
};

// An address that ksmd has seen.
struct ksm_rmap_item {
  Object object;
  Cell<mm_struct*> mm;
  Cell<uint64_t> address;
  Cell<mm::anon_vma*> anon_vma;    // of the VMA; a reference while in the tree
  Cell<ksm_stable_node*> node;     // null: not in the stable tree
  Cell<ksm_rmap_item*> next_node;  // in the same node
  Cell<ksm_rmap_item*> next_mm;    // of the same mm
  Cell<uint64_t> pass;             // the last that saw it
};

// A slot: an mm on ksmd's list, which holds an mm_count of it.
struct ksm_mm {
  Object object;
  Cell<mm_struct*> mm;
  Cell<ksm_rmap_item*> items;
  Cell<ksm_mm*> next;
};

struct ksm_state {
  Object object;
  Cell<ksm_mm*> mms;     // in the order in which they came
  Cell<ksm_mm*> cursor;  // where ksmd is
  Cell<uint64_t> pass;
  std::array<Cell<ksm_stable_node*>, 256> stable;  // by contents
  std::array<Cell<ksm_rmap_item*>, 256> unstable;  // of this pass
};

// MADV_MERGEABLE and MADV_UNMERGEABLE; the latter breaks shared pages up. 0,
// -EINVAL (no KSM in this era), -ENOMEM (a hole; the rest is done), -EINTR.
sched::Task<int> ksm_madvise(mm_struct* mm, uint64_t start, uint64_t end,
                             bool mergeable);

// What MADV_MERGEABLE does beside the VMA's flag. Takes an mm_count.
sched::Task<> __ksm_enter(mm_struct* mm);
// The same without steps, to set an mm up.
void EnterKsm(mm_struct* mm);
// mmput() of the last user: off the list, fencing ksmd.
sched::Task<> ksm_exit(mm_struct* mm);

// One pass of ksmd over every mm on its list. Returns how many ptes share
// another's page now. Sleeps.
sched::Task<int> ksm_do_scan();

// A KSM page is gone.
void ksm_page_freed(page* p);

// rmap_walk() of a KSM page: its mappings are in other VMAs, at other offsets
// than its own.
sched::Task<> rmap_walk_ksm(page* p, RmapOne one, bool (*done)(const page* p),
                            void* arg);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_KSM_H_
