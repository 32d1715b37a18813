// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/page_table.h"

#include "server/base/check.h"

namespace mmfault::mm {
namespace {

constexpr int kBits = 6;
constexpr int kLevels = 6;  // 36 bits of page number

int IndexAt(uint64_t vpn, int level) {
  return static_cast<int>(vpn >> (kBits * level)) & (kPtesPerNode - 1);
}

page_table* Child(const page_table* node, int index) {
  return reinterpret_cast<page_table*>(node->entry[index].get());
}

page_table* NewNode() {
  auto* node = kernel::ThisWorld()->New<page_table>(ObjType::kNone);
  CHECK(node != nullptr);
  return node;
}

const page_table* LeafOf(const mm_struct* mm, uint64_t vpn) {
  const page_table* node = mm->pgd;
  for (int level = kLevels - 1; node != nullptr && level > 0; --level) {
    node = Child(node, IndexAt(vpn, level));
  }
  return node;
}

void FreeNode(page_table* node, int level) {
  if (level > 0) {
    for (int i = 0; i < kPtesPerNode; ++i) {
      if (node->entry[i] != 0) {
        FreeNode(Child(node, i), level - 1);
      }
    }
  }
  kernel::ThisWorld()->Delete(node);
}

// The first non-empty page number in [vpn, end) below `node`, or `end`.
uint64_t NextBelow(const page_table* node, int level, uint64_t vpn,
                   uint64_t end) {
  const uint64_t span = uint64_t{1} << (kBits * level);
  for (int i = IndexAt(vpn, level); i < kPtesPerNode && vpn < end; ++i) {
    if (node->entry[i] != 0) {
      if (level == 0) {
        return vpn;
      }
      const uint64_t limit = (vpn / span + 1) * span;
      const uint64_t stop = limit < end ? limit : end;
      const uint64_t found = NextBelow(Child(node, i), level - 1, vpn, stop);
      if (found < stop) {
        return found;
      }
    }
    vpn = (vpn / span + 1) * span;
  }
  return end;
}

}  // namespace

Pte LookupPte(const mm_struct* mm, uint64_t address) {
  const uint64_t vpn = Vpn(address);
  const page_table* leaf = LeafOf(mm, vpn);
  return leaf == nullptr ? Pte() : Pte(leaf->entry[IndexAt(vpn, 0)]);
}

void SetPte(mm_struct* mm, uint64_t address, Pte pte) {
  const uint64_t vpn = Vpn(address);
  if (mm->pgd == nullptr) {
    mm->pgd = NewNode();
  }
  page_table* node = mm->pgd;
  for (int level = kLevels - 1; level > 0; --level) {
    Cell<uint64_t>& entry = node->entry[IndexAt(vpn, level)];
    if (entry == 0) {
      entry = reinterpret_cast<uint64_t>(NewNode());
    }
    node = reinterpret_cast<page_table*>(entry.get());
  }
  node->entry[IndexAt(vpn, 0)] = pte.bits();
}

uint64_t NextMapped(const mm_struct* mm, uint64_t address, uint64_t end) {
  const uint64_t stop = Vpn(end + kPageSize - 1);
  if (mm->pgd == nullptr || Vpn(address) >= stop) {
    return end;
  }
  const uint64_t vpn = NextBelow(mm->pgd, kLevels - 1, Vpn(address), stop);
  return vpn >= stop ? end : vpn << kPageShift;
}

void FreePageTables(mm_struct* mm) {
  if (mm->pgd != nullptr) {
    FreeNode(mm->pgd, kLevels - 1);
    mm->pgd = nullptr;
  }
}

}  // namespace mmfault::mm
