// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/machine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "server/base/check.h"
#include "server/kernel/state.h"
#include "server/mm/fork.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/ksm.h"
#include "server/mm/page.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

constexpr size_t kMaxTitles = 16384;

template <typename T>
T* Find(const std::map<std::string, T*, std::less<>>& table,
        std::string_view id) {
  const auto it = table.find(id);
  return it == table.end() ? nullptr : it->second;
}

// A huge page for each aligned 2 MiB where the VMA is for such: true where
// there is one now.
bool PopulateHuge(mm::vm_area_struct* vma, uint64_t address) {
  const bool hugetlb = mm::is_vm_hugetlb_page(vma);
  const bool anonymous = vma->vm_file == nullptr && mm::era().huge_pages &&
                         (vma->vm_flags & mm::VM_HUGEPAGE) != 0;
  if ((!hugetlb && !anonymous) || !mm::transhuge_vma_suitable(vma, address)) {
    return false;
  }
  if (address == mm::HugeStart(address)) {
    mm::PopulateHugePage(vma, address);
  }
  return true;
}

// Puts every page of a VMA there, without steps: the mm starts that way.
void Populate(mm::vm_area_struct* vma) {
  for (uint64_t address = vma->vm_start; address < vma->vm_end;
       address += mm::kPageSize) {
    if (PopulateHuge(vma, address)) {
      continue;
    }
    const uint64_t index = mm::linear_page_index(vma, address);
    mm::address_space* file = vma->vm_file;
    mm::page* p = nullptr;
    if (file == nullptr) {
      p = mm::alloc_page(vma->anon_vma, true, index);
      p->exclusive = true;
    } else if (index < file->size_pages) {
      if (file->pages[index] == nullptr) {
        file->pages[index] = mm::alloc_page(file, false, index);
      }
      p = file->pages[index];
      mm::get_page(p);
    } else {
      continue;
    }
    const bool writable =
        file == nullptr || (vma->vm_flags & mm::VM_SHARED) != 0;
    uint64_t flags = file == nullptr ? mm::Pte::kDirty : 0;  // written once
    if (writable && (vma->vm_flags & mm::VM_WRITE) != 0) {
      flags |= mm::Pte::kWritable | mm::Pte::kDirty;
      p->dirty = true;
    }
    flags |= (vma->vm_flags & mm::VM_READ) == 0 ? mm::Pte::kProtNone : 0;
    mm::SetPte(vma->vm_mm, address, mm::Pte(p, flags | mm::Pte::kYoung));
    p->mapcount += 1;
  }
}

void AddVma(mm::mm_struct* mm, const VmaSetup& setup) {
  uint64_t flags = setup.no_access ? 0 : mm::VM_READ;
  flags |= setup.read_only || setup.no_access ? 0 : mm::VM_WRITE;
  flags |= setup.shared ? mm::VM_SHARED : 0;
  flags |= setup.huge_pages ? mm::VM_HUGEPAGE : 0;
  flags |= setup.mergeable ? mm::VM_MERGEABLE : 0;
  mm::address_space* file =
      setup.file == nullptr ? nullptr : setup.file->file.get();
  mm::vm_area_struct* vma =
      mm::NewVma(mm, setup.start, setup.end, flags, file,
                 file != nullptr ? setup.pgoff : mm::Vpn(setup.start));
  mm::InsertVma(vma);
  if (file != nullptr) {
    mm::LinkFileVma(vma);
  }
  if (setup.anon_vma || (setup.populated && file == nullptr)) {
    mm::AttachAnonVma(vma);
  }
  if (setup.populated) {
    Populate(vma);
  }
  if (setup.mergeable && mm::era().huge_pages) {
    mm::EnterKsm(mm);
  }
}

// A new process of an mm holds one of the users that belong to nobody, or one
// more; none when the address space is gone.
void TakeOwnReference(Program* program, MmRef* own) {
  mm::mm_struct* mm = own->mm;
  if (own->unowned > 0) {
    own->unowned -= 1;
  } else if (!mm->object.freed() && mm->mm_users.counter > 0) {
    mm->mm_users.counter += 1;
  } else {
    return;
  }
  PushRef(program, own);
}

}  // namespace

Machine::Machine(const notifier::Protocol& protocol,
                 const sched::WorldOptions& options)
    : protocol_(protocol), world_(std::make_unique<sched::World>(options)) {
  if (!world_->reserved()) {
    return;
  }
  sched::World::Scope scope(world_.get());
  kernel::InitKernel(world_.get());
  mm::InitMm(world_.get(), protocol.era);
  device::InitDevices(world_.get(), &protocol);
  device::SetRemoteHub(world_.get(), this);
  world_->SetStepPoints(StepPointsHook);
  world_->SetTeardown(TeardownHook);
  world_->SetDisconnect(DisconnectHook);
  mm::State()->spte_owner = SpteOwnerHook;
}

Machine::~Machine() = default;

MmRef* Machine::FindMm(std::string_view id) const { return Find(mms_, id); }

MmRef* Machine::DeclareMm(const std::string& id) {
  MmRef* ref = FindMm(id);
  if (ref == nullptr) {
    sched::World::Scope scope(world_.get());
    ref = world_->New<MmRef>(trace::ObjType::kNone);
    CHECK(ref != nullptr);
    mms_[id] = ref;
  }
  return ref;
}

void Machine::CreateMm(MmRef* ref, int64_t mm_users, std::vector<VmaSetup> vmas,
                       uint64_t start_brk) {
  sched::World::Scope scope(world_.get());
  CHECK(ref->mm == nullptr);
  std::sort(vmas.begin(), vmas.end(), [](const VmaSetup& a, const VmaSetup& b) {
    return a.start < b.start;
  });
  mm::mm_struct* mm = mm::mm_alloc();
  mm->mm_users.counter = static_cast<int32_t>(mm_users);
  mm->start_brk = start_brk;
  mm->brk = start_brk;
  for (const VmaSetup& setup : vmas) {
    AddVma(mm, setup);
  }
  ref->mm = mm;
  ref->mm_id = mm->object.id;
  ref->unowned = mm_users;
  NameMm(ref, mm);
}

void Machine::NameMm(MmRef* ref, mm::mm_struct* mm) {
  for (const auto& [id, known] : mms_) {
    if (known == ref) {
      world_->SetName(mm->object.id, id);
      world_->SetName(mm->mmap_sem.id, "mmap_sem(" + id + ")");
      world_->SetName(mm->page_table_lock.id, "page_table_lock(" + id + ")");
    }
  }
}

FileRef* Machine::FindFile(std::string_view id) const {
  return Find(files_, id);
}

FileRef* Machine::CreateFile(const std::string& id, uint64_t size_pages,
                             mm::FileKind kind) {
  sched::World::Scope scope(world_.get());
  auto* ref = world_->New<FileRef>(trace::ObjType::kNone);
  CHECK(ref != nullptr);
  // A file may grow to four times its size, and at least to 64 pages.
  ref->file =
      mm::NewFile(size_pages, std::max<uint64_t>(64, size_pages * 4), kind);
  world_->SetName(ref->file->object.id, id);
  world_->SetName(ref->file->i_mmap_lock.id, "i_mmap_lock(" + id + ")");
  files_[id] = ref;
  return ref;
}

device::device* Machine::FindDevice(std::string_view id) const {
  return Find(devices_, id);
}

device::device* Machine::CreateDevice(const std::string& id,
                                      const device::Behaviour& behaviour,
                                      bool remote, notifier::Kind kind) {
  sched::World::Scope scope(world_.get());
  device::device* dev = device::NewDevice(behaviour, remote, kind);
  world_->SetName(dev->mn.object.id, id);
  devices_[id] = dev;
  return dev;
}

EventRef* Machine::DeclareEvent(const std::string& name) {
  EventRef* event = Find(events_, name);
  if (event == nullptr) {
    sched::World::Scope scope(world_.get());
    event = world_->New<EventRef>(trace::ObjType::kWaitQueue);
    CHECK(event != nullptr);
    kernel::init_waitqueue_head(&event->queue);
    world_->SetName(event->queue.id, "event(" + name + ")");
    events_[name] = event;
  }
  return event;
}

const char* Machine::Title(const std::string& title) {
  const auto it = titles_.find(title);
  if (it != titles_.end()) {
    return it->c_str();
  }
  return titles_.size() < kMaxTitles ? titles_.insert(title).first->c_str()
                                     : nullptr;
}

Program* Machine::CreateTask(const std::string& id, MmRef* own, bool stays) {
  sched::World::Scope scope(world_.get());
  auto* program = world_->New<Program>(trace::ObjType::kNone);
  CHECK(program != nullptr);
  sched::TaskRecord* task = world_->Spawn(RunProgram, program);
  if (task == nullptr) {
    world_->Delete(program);
    return nullptr;
  }
  program->task = task;
  program->stays = stays;
  program->own = own;
  for (auto& rc : program->label_rc) {
    rc = kLabelUnset;
  }
  if (own != nullptr && own->mm != nullptr) {
    TakeOwnReference(program, own);
  }
  task->program = program;
  task->detached = true;
  world_->SetName(task->object.id, id);
  tasks_[id] = program;
  return program;
}

Program* Machine::FindTask(std::string_view id) const {
  return Find(tasks_, id);
}

int Machine::Label(const Program* program, const std::string& name) {
  const auto key = std::make_pair(program->object.id, name);
  const auto it = labels_.find(key);
  if (it != labels_.end()) {
    return it->second;
  }
  int& count = label_counts_[program->object.id];
  if (count == kMaxLabels) {
    return -1;
  }
  labels_[key] = count;
  return count++;
}

StepSpec* Machine::NewStep(StepKind kind) {
  sched::World::Scope scope(world_.get());
  StepSpec* step = nullptr;
  if (spare_steps_.empty()) {
    step = world_->New<StepSpec>(trace::ObjType::kNone);
    CHECK(step != nullptr);
  } else {
    step = spare_steps_.back();
    spare_steps_.pop_back();
    trace::LogRange(step, sizeof *step);
    std::memset(static_cast<void*>(step), 0, sizeof *step);
    world_->InitObject(&step->object, trace::ObjType::kNone);
  }
  step->kind = kind;
  step->label = -1;
  step->only_label = -1;
  step->repeat = 1;
  return step;
}

void Machine::Append(Program* program, StepSpec* step) {
  sched::World::Scope scope(world_.get());
  step->index = static_cast<int32_t>(program->queued);
  program->queued += 1;
  if (program->next_step == nullptr) {
    program->next_step = step;
  } else {
    program->last_step->next = step;
  }
  program->last_step = step;
  sched::TaskRecord* task = program->task;
  if (task != nullptr) {
    world_->ReevaluateTask(task->slot);
  }
}

void Machine::Recycle(StepSpec* step) { spare_steps_.push_back(step); }

Machine::QueueMark Machine::MarkQueue(const Program* program) const {
  return {program->next_step, program->last_step, program->queued};
}

void Machine::TakeBackSteps(Program* program, const QueueMark& mark) {
  sched::World::Scope scope(world_.get());
  if (mark.next != nullptr) {
    mark.last->next = nullptr;
  }
  program->next_step = mark.next;
  program->last_step = mark.last;
  program->queued = mark.queued;
  sched::TaskRecord* task = program->task;
  if (task != nullptr) {
    world_->ReevaluateTask(task->slot);
  }
}

void Machine::TakeBackTask(const std::string& id) {
  sched::World::Scope scope(world_.get());
  const Program* program = FindTask(id);
  world_->Unspawn(program->task);
  ForgetTask(id);
}

void Machine::ForgetTask(const std::string& id) {
  const auto it = tasks_.find(id);
  if (it == tasks_.end()) {
    return;
  }
  const Program* program = it->second;
  label_counts_.erase(program->object.id);
  std::erase_if(labels_, [program](const auto& label) {
    return label.first.first == program->object.id;
  });
  tasks_.erase(it);
}

void Machine::ForgetMm(const std::string& id) {
  const auto it = mms_.find(id);
  if (it != mms_.end()) {
    mms_.erase(it);
  }
}

const std::string* Machine::FindName(uint32_t object_id) const {
  return world_->FindName(object_id);
}

std::string Machine::NameOf(uint32_t object_id) const {
  return world_->NameOf({trace::ObjType::kNone, object_id});
}

std::vector<trace::Violation> Machine::Violations() const {
  const sched::WorldState& state = world_->state();
  const uint32_t count =
      std::min<uint32_t>(state.violation_count, sched::kMaxViolations);
  return {state.violations.begin(), state.violations.begin() + count};
}

}  // namespace mmfault::scenario
