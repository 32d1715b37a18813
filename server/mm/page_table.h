// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// page_table.h: virtual page numbers to ptes.
//
// Models a page table as a radix tree of 64-entry nodes. Real levels and sizes
// are left out: what matters is that an entry is one cell, changed in one step,
// and that a sparse address space is cheap.
//
// Locking: as a real pte, entries change under mm->page_table_lock; nodes are
// added under it too and go away only when the mm does.

#ifndef MMFAULT_SERVER_MM_PAGE_TABLE_H_
#define MMFAULT_SERVER_MM_PAGE_TABLE_H_

#include <array>
#include <bit>
#include <cstdint>

#include "server/mm/mm_types.h"

namespace mmfault::mm {

// A pte: the page's address in the low 48 bits, flags above. Entries that are
// not present keep the address of what they stand for: a swap_entry.
class Pte {
 public:
  static constexpr uint64_t kWritable = uint64_t{1} << 48;
  static constexpr uint64_t kYoung = uint64_t{1} << 49;
  static constexpr uint64_t kSwapped = uint64_t{1} << 50;
  static constexpr uint64_t kDirty = uint64_t{1} << 51;
  static constexpr uint64_t kProtNone = uint64_t{1} << 52;
  static constexpr uint64_t kHuge = uint64_t{1} << 53;  // maps kHugeSize
  static constexpr uint64_t kNotPresent = kSwapped;
  static constexpr uint64_t kAddress = (uint64_t{1} << 48) - 1;

  Pte() = default;
  explicit Pte(uint64_t bits) : bits_(bits) {}
  Pte(page* p, uint64_t flags) : bits_(reinterpret_cast<uint64_t>(p) | flags) {}

  bool none() const { return bits_ == 0; }
  // Maps a page, of which it has a reference; also where PROT_NONE forbids
  // every access to it.
  bool present() const {
    return (bits_ & kAddress) != 0 && (bits_ & kNotPresent) == 0;
  }
  bool writable() const { return (bits_ & kWritable) != 0; }
  bool young() const { return (bits_ & kYoung) != 0; }
  bool swapped() const { return (bits_ & kSwapped) != 0; }
  bool dirty() const { return (bits_ & kDirty) != 0; }
  bool prot_none() const { return (bits_ & kProtNone) != 0; }
  bool huge() const { return (bits_ & kHuge) != 0; }
  // The page; null unless present.
  page* target() const {
    return present() ? std::bit_cast<page*>(bits_ & kAddress) : nullptr;
  }
  // Requires swapped().
  swap_entry* swap() const {
    return std::bit_cast<swap_entry*>(bits_ & kAddress);
  }
  uint64_t bits() const { return bits_; }
  // The same entry with other flags.
  Pte With(uint64_t flags) const { return Pte(bits_ | flags); }
  Pte Without(uint64_t flags) const { return Pte(bits_ & ~flags); }

 private:
  uint64_t bits_ = 0;
};

inline constexpr int kPtesPerNode = 64;

struct page_table {
  Object object;
  std::array<Cell<uint64_t>, kPtesPerNode> entry;  // child node, or Pte bits
};

inline uint64_t Vpn(uint64_t address) { return address >> kPageShift; }

// The entry of a page; empty when there is none.
Pte LookupPte(const mm_struct* mm, uint64_t address);

// Sets the entry, adding nodes as needed. Requires that no huge entry is there.
void SetPte(mm_struct* mm, uint64_t address, Pte pte);

inline uint64_t HugeStart(uint64_t address) {
  return address & ~(kHugeSize - 1);
}

// A pmd: one entry, with Pte::kHuge, for the aligned kHugeSize around an
// address; any address inside is looked up as that entry. Empty: takes it away.
// Requires HasNoTables(), or that such an entry is there.
void SetHugePte(mm_struct* mm, uint64_t address, Pte pte);

// pmd_none(): neither a huge entry nor tables, be they empty.
bool HasNoTables(const mm_struct* mm, uint64_t address);

// The tables of an aligned kHugeSize, taken out of an mm in one step:
// pmdp_collapse_flush(). What they map keeps its references and mapcounts.
struct detached_tables {
  std::array<page_table*, kHugePages / 64> leaf;
};
detached_tables DetachTables(mm_struct* mm, uint64_t address);
void AttachTables(mm_struct* mm, uint64_t address,
                  const detached_tables& tables);
// Entry i of detached tables.
Pte DetachedPte(const detached_tables& tables, uint64_t i);
void FreeDetachedTables(const detached_tables& tables);

// free_pgtables(): frees the tables of [start, end) that no address outside of
// it shares. Requires that they are empty.
void FreePageTablesOf(mm_struct* mm, uint64_t start, uint64_t end);

// The first address in [address, end) whose entry is not empty, or `end`. Skips
// holes a node at a time.
uint64_t NextMapped(const mm_struct* mm, uint64_t address, uint64_t end);

// The first address in [address, end) for whose page there is a table, though
// it may be empty, or `end`: something was mapped near it once.
uint64_t NextTable(const mm_struct* mm, uint64_t address, uint64_t end);

// Frees all nodes; entries must be empty.
void FreePageTables(mm_struct* mm);

// The key of a pte: the mm, and the page number modulo 2^24.
inline ObjKey PteKey(const mm_struct* mm, uint64_t address) {
  return {ObjType::kPte, mm->object.id, static_cast<uint32_t>(Vpn(address))};
}

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_PAGE_TABLE_H_
