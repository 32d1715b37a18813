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
#include <cstdint>

#include "server/mm/mm_types.h"

namespace mmfault::mm {

// A pte: the page's address in the low 48 bits, flags above.
class Pte {
 public:
  static constexpr uint64_t kWritable = uint64_t{1} << 48;
  static constexpr uint64_t kYoung = uint64_t{1} << 49;
  static constexpr uint64_t kSwapped = uint64_t{1} << 50;
  static constexpr uint64_t kAddress = (uint64_t{1} << 48) - 1;

  Pte() = default;
  explicit Pte(uint64_t bits) : bits_(bits) {}
  Pte(page* p, uint64_t flags) : bits_(reinterpret_cast<uint64_t>(p) | flags) {}

  bool none() const { return bits_ == 0; }
  bool present() const { return (bits_ & kAddress) != 0; }
  bool writable() const { return (bits_ & kWritable) != 0; }
  bool young() const { return (bits_ & kYoung) != 0; }
  bool swapped() const { return (bits_ & kSwapped) != 0; }
  page* target() const { return reinterpret_cast<page*>(bits_ & kAddress); }
  uint64_t bits() const { return bits_; }

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

// Sets the entry, adding nodes as needed.
void SetPte(mm_struct* mm, uint64_t address, Pte pte);

// The first address in [address, end) whose entry is not empty, or `end`. Skips
// holes a node at a time.
uint64_t NextMapped(const mm_struct* mm, uint64_t address, uint64_t end);

// Frees all nodes; entries must be empty.
void FreePageTables(mm_struct* mm);

// The key of a pte: the mm, and the page number modulo 2^24.
inline ObjKey PteKey(const mm_struct* mm, uint64_t address) {
  return {ObjType::kPte, mm->object.id, static_cast<uint32_t>(Vpn(address))};
}

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_PAGE_TABLE_H_
