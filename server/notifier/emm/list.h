// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// list.h: mm->emm_notifier, a singly linked list, newest first. Private to this
// folder.
//
// The nodes' pprev stays null. Every link is a store that somebody may see out
// of order: kernel/barrier.h.

#ifndef MMFAULT_SERVER_NOTIFIER_EMM_LIST_H_
#define MMFAULT_SERVER_NOTIFIER_EMM_LIST_H_

#include "server/notifier/emm/emm_notifier.h"

namespace mmfault::notifier::emm {

hlist_head* ListOf(const mm_struct* mm);

// e->next = head; head = e.
Task<> Link(mmu_notifier* e, mm_struct* mm, Publication publication);
// Takes `e` out. A notifier that is not listed changes nothing.
Task<> Unlink(mmu_notifier* e, mm_struct* mm);

// The first entry, and the one after, as a walk reads them.
Task<mmu_notifier*> FirstEntry(mm_struct* mm, Publication publication);
Task<mmu_notifier*> NextEntry(mmu_notifier* e, Publication publication);

}  // namespace mmfault::notifier::emm

#endif  // MMFAULT_SERVER_NOTIFIER_EMM_LIST_H_
