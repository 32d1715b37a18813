// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/page_table.h"

#include <algorithm>
#include <bit>

#include "server/base/check.h"
#include "server/mm/announce.h"

namespace mmfault::mm {
namespace {

constexpr int kBits = 6;
constexpr int kLevels = 6;  // 36 bits of page number

int IndexAt(uint64_t vpn, int level) {
  return static_cast<int>(vpn >> (kBits * level)) & (kPtesPerNode - 1);
}

page_table* NodeOf(uint64_t entry) { return std::bit_cast<page_table*>(entry); }

page_table* Child(const page_table* node, int index) {
  return NodeOf(node->entry[index]);
}

// An entry of level 1 that maps kHugeSize, with the entries beside it.
bool IsHuge(uint64_t entry) { return Pte(entry).huge(); }
constexpr int kHugeSlots = static_cast<int>(kHugePages) / kPtesPerNode;
constexpr int kHugeLevel = 1;

page_table* NewNode() {
  auto* node = kernel::ThisWorld()->New<page_table>(ObjType::kNone);
  CHECK(node != nullptr);
  return node;
}

// The node of a level on the way to a page, or null.
const page_table* NodeAt(const mm_struct* mm, uint64_t vpn, int to) {
  const page_table* node = mm->pgd;
  for (int level = kLevels - 1; node != nullptr && level > to; --level) {
    node = Child(node, IndexAt(vpn, level));
  }
  return node;
}

// The same, made where it is missing.
page_table* MakeNodeAt(mm_struct* mm, uint64_t vpn, int to) {
  if (mm->pgd == nullptr) {
    mm->pgd = NewNode();
  }
  page_table* node = mm->pgd;
  for (int level = kLevels - 1; level > to; --level) {
    Cell<uint64_t>& entry = node->entry[IndexAt(vpn, level)];
    CHECK(!IsHuge(entry));
    if (entry == 0) {
      entry = reinterpret_cast<uint64_t>(NewNode());
    }
    node = NodeOf(entry);
  }
  return node;
}

void FreeNode(page_table* node, int level) {
  if (level > 0) {
    for (int i = 0; i < kPtesPerNode; ++i) {
      CHECK(level != kHugeLevel || !IsHuge(node->entry[i]));
      if (node->entry[i] != 0) {
        FreeNode(Child(node, i), level - 1);
      }
    }
  }
  kernel::ThisWorld()->Delete(node);
}

// Where the entry after that of `vpn` begins.
uint64_t NextSpan(uint64_t vpn, int level) {
  return ((vpn >> (kBits * level)) + 1) << (kBits * level);
}

// The first non-empty page number in [vpn, end) below `node`, or `end`.
uint64_t NextBelow(const page_table* node, int level, uint64_t vpn,
                   uint64_t end) {
  if (level == 0) {
    const int first = IndexAt(vpn, 0);
    const auto count =
        static_cast<int>(std::min<uint64_t>(kPtesPerNode - first, end - vpn));
    for (int i = 0; i < count; ++i) {
      if (node->entry[first + i] != 0) {
        return vpn + static_cast<uint64_t>(i);
      }
    }
    return end;
  }
  for (int i = IndexAt(vpn, level); i < kPtesPerNode && vpn < end; ++i) {
    if (node->entry[i] != 0) {
      if (level == kHugeLevel && IsHuge(node->entry[i])) {
        return vpn;
      }
      const uint64_t limit = NextSpan(vpn, level);
      const uint64_t stop = limit < end ? limit : end;
      const uint64_t found = NextBelow(Child(node, i), level - 1, vpn, stop);
      if (found < stop) {
        return found;
      }
    }
    vpn = NextSpan(vpn, level);
  }
  return end;
}

// As NextBelow, but stops at the nodes of level 0 themselves.
uint64_t NextNodeBelow(const page_table* node, int level, uint64_t vpn,
                       uint64_t end) {
  for (int i = IndexAt(vpn, level); i < kPtesPerNode && vpn < end; ++i) {
    const uint64_t limit = NextSpan(vpn, level);
    if (node->entry[i] != 0) {
      if (level == 1) {
        return vpn;
      }
      const uint64_t stop = limit < end ? limit : end;
      const uint64_t found =
          NextNodeBelow(Child(node, i), level - 1, vpn, stop);
      if (found < stop) {
        return found;
      }
    }
    vpn = limit;
  }
  return end;
}

}  // namespace

Pte LookupPte(const mm_struct* mm, uint64_t address) {
  const uint64_t vpn = Vpn(address);
  const page_table* node = NodeAt(mm, vpn, kHugeLevel);
  if (node == nullptr) {
    return Pte();
  }
  const uint64_t entry = node->entry[IndexAt(vpn, kHugeLevel)];
  if (entry == 0 || IsHuge(entry)) {
    return Pte(entry);
  }
  const auto* leaf = NodeOf(entry);
  return Pte(leaf->entry[IndexAt(vpn, 0)]);
}

void SetPte(mm_struct* mm, uint64_t address, Pte pte) {
  const uint64_t vpn = Vpn(address);
  Cell<uint64_t>& entry = MakeNodeAt(mm, vpn, 0)->entry[IndexAt(vpn, 0)];
  CheckAnnounced(mm, address, Pte(entry), pte);
  entry = pte.bits();
}

void SetHugePte(mm_struct* mm, uint64_t address, Pte pte) {
  CHECK(pte.none() || pte.huge());
  const uint64_t vpn = Vpn(HugeStart(address));
  page_table* node = MakeNodeAt(mm, vpn, kHugeLevel);
  const int first = IndexAt(vpn, kHugeLevel);
  CheckAnnounced(mm, HugeStart(address), Pte(node->entry[first]), pte);
  for (int i = first; i < first + kHugeSlots; ++i) {
    CHECK(node->entry[i] == 0 || IsHuge(node->entry[i]));
    node->entry[i] = pte.bits();
  }
}

bool HasNoTables(const mm_struct* mm, uint64_t address) {
  const uint64_t vpn = Vpn(HugeStart(address));
  const page_table* node = NodeAt(mm, vpn, kHugeLevel);
  if (node == nullptr) {
    return true;
  }
  const int first = IndexAt(vpn, kHugeLevel);
  for (int i = first; i < first + kHugeSlots; ++i) {
    if (node->entry[i] != 0) {
      return false;
    }
  }
  return true;
}

detached_tables DetachTables(mm_struct* mm, uint64_t address) {
  const uint64_t vpn = Vpn(HugeStart(address));
  page_table* node = MakeNodeAt(mm, vpn, kHugeLevel);
  const int first = IndexAt(vpn, kHugeLevel);
  detached_tables tables = {};
  bool mapped = false;
  for (int i = 0; i < kHugeSlots; ++i) {
    Cell<uint64_t>& entry = node->entry[first + i];
    CHECK(!IsHuge(entry));
    tables.leaf[i] = NodeOf(entry);
    entry = 0;
  }
  for (uint64_t i = 0; i < kHugePages; ++i) {
    mapped = mapped || DetachedPte(tables, i).present();
  }
  if (mapped) {
    CheckRangeAnnounced(mm, HugeStart(address), kHugeSize);
  }
  return tables;
}

void AttachTables(mm_struct* mm, uint64_t address,
                  const detached_tables& tables) {
  const uint64_t vpn = Vpn(HugeStart(address));
  page_table* node = MakeNodeAt(mm, vpn, kHugeLevel);
  const int first = IndexAt(vpn, kHugeLevel);
  for (int i = 0; i < kHugeSlots; ++i) {
    CHECK(node->entry[first + i] == 0);
    node->entry[first + i] = reinterpret_cast<uint64_t>(tables.leaf[i]);
  }
}

Pte DetachedPte(const detached_tables& tables, uint64_t i) {
  const page_table* leaf = tables.leaf[i / kPtesPerNode];
  return leaf == nullptr ? Pte() : Pte(leaf->entry[i % kPtesPerNode]);
}

void FreeDetachedTables(const detached_tables& tables) {
  for (page_table* leaf : tables.leaf) {
    if (leaf != nullptr) {
      kernel::ThisWorld()->Delete(leaf);
    }
  }
}

void FreePageTablesOf(mm_struct* mm, uint64_t start, uint64_t end) {
  uint64_t at = NextTable(mm, start, end);
  while (at < end) {
    const uint64_t first = HugeStart(at);
    if (first >= start && first + kHugeSize <= end &&
        !LookupPte(mm, at).huge()) {
      FreeDetachedTables(DetachTables(mm, first));
    }
    const uint64_t next = first + kHugeSize;
    at = next < end ? NextTable(mm, next, end) : end;
  }
}

uint64_t NextMapped(const mm_struct* mm, uint64_t address, uint64_t end) {
  const uint64_t stop = Vpn(end + kPageSize - 1);
  if (mm->pgd == nullptr || Vpn(address) >= stop) {
    return end;
  }
  const uint64_t vpn = NextBelow(mm->pgd, kLevels - 1, Vpn(address), stop);
  return vpn >= stop ? end : vpn << kPageShift;
}

uint64_t NextTable(const mm_struct* mm, uint64_t address, uint64_t end) {
  const uint64_t stop = Vpn(end + kPageSize - 1);
  if (mm->pgd == nullptr || Vpn(address) >= stop) {
    return end;
  }
  const uint64_t vpn = NextNodeBelow(mm->pgd, kLevels - 1, Vpn(address), stop);
  return vpn >= stop ? end : vpn << kPageShift;
}

void FreePageTables(mm_struct* mm) {
  // Nobody may walk them any more; who does has no user of the mm, and meets
  // what is freed at the VMAs, in steps that name them: docs/findings.md.
  const trace::AccessPause pause;
  if (mm->pgd != nullptr) {
    FreeNode(mm->pgd, kLevels - 1);
    mm->pgd = nullptr;
  }
}

}  // namespace mmfault::mm
