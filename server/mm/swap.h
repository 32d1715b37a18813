// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// swap.h: the swap area and the swap cache, as far as ptes can tell.
//
// Models mm/swapfile.c and mm/swap_state.c: an entry is counted by the ptes
// that refer to it and may have its page in memory, of which it then holds a
// reference. So a page that somebody pins while it is swapped out is found
// again by the next fault. Space never ends; nothing is ever read from a disk.
//
// Locks: none of its own; each function is one step of its caller.

#ifndef MMFAULT_SERVER_MM_SWAP_H_
#define MMFAULT_SERVER_MM_SWAP_H_

#include "server/mm/mm_types.h"

namespace mmfault::mm {

// Puts an anonymous page into the swap cache, if it is not there.
swap_entry* add_to_swap(page* p);

// One pte more that refers to the entry, and one less. The latter returns the
// page that the entry alone kept, with the entry's reference, or null.
void swap_duplicate(swap_entry* entry);
page* swap_free(swap_entry* entry);

// The page of an entry: that of the cache, or a new one that is put there. The
// caller gets a reference of its own.
page* swapin_page(swap_entry* entry, void* mapping, uint64_t index);

// Takes a page out of the swap cache. Drops the cache's reference, which must
// not be the last one.
void delete_from_swap_cache(page* p);

// Takes a page out of the swap cache if no pte refers to its entry. Requires a
// reference beside the cache's.
void free_swap_cache(page* p);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_SWAP_H_
