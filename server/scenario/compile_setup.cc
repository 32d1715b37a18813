// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Settings, mms, notifiers, tasks and whole scenarios to what runs.

#include <algorithm>
#include <string>
#include <vector>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {

std::string Join(std::string_view a, std::string_view b) {
  return a.empty() ? std::string(b) : std::string(a) + "." + std::string(b);
}

namespace {

using base::InvalidFieldError;

std::string At(std::string_view a, std::string_view list, int index) {
  return Join(a, list) + "[" + std::to_string(index) + "]";
}

absl::Status CheckId(std::string_view id, std::string_view field) {
  if (IsValidId(id)) {
    return absl::OkStatus();
  }
  return InvalidFieldError(
      field, "NAME_MALFORMED",
      "an id matches [a-z][a-z0-9_-]{0,62}, got \"" + std::string(id) + "\"");
}

absl::Status CheckRange(uint64_t start, uint64_t end, std::string_view field) {
  if (start % mm::kPageSize != 0 || end % mm::kPageSize != 0 || start >= end ||
      end > mm::kTaskSize) {
    return InvalidFieldError(
        field, "RANGE_MALFORMED",
        "a range is [start, end) in multiples of 4096, not empty, below 2^47");
  }
  return absl::OkStatus();
}

// A file of 2 MiB pages is mapped in 2 MiB pages.
absl::Status CheckHugetlb(const VmaSetup& setup, std::string_view field) {
  const bool whole = setup.start % mm::kHugeSize == 0 &&
                     setup.end % mm::kHugeSize == 0 &&
                     setup.pgoff % mm::kHugePages == 0;
  if (setup.file->file->kind != mm::FileKind::kHugetlb || whole) {
    return absl::OkStatus();
  }
  return InvalidFieldError(field, "RANGE_MALFORMED",
                           "a VMA of a HUGETLB file begins and ends at "
                           "multiples of 2 MiB, of addresses and in the file");
}

absl::StatusOr<VmaSetup> CompileVma(Machine* machine, const v1::Vma& vma,
                                    std::string_view field) {
  RETURN_IF_ERROR(CheckRange(vma.start(), vma.end(), field));
  VmaSetup setup;
  setup.start = vma.start();
  setup.end = vma.end();
  if (vma.read_only() && vma.no_access()) {
    return InvalidFieldError(Join(field, "no_access"), "FIELD_OUT_OF_RANGE",
                             "no_access excludes read_only");
  }
  setup.read_only = vma.read_only();
  setup.no_access = vma.no_access();
  setup.populated = vma.populated();
  setup.anon_vma = vma.anon_vma();
  setup.huge_pages = vma.huge_pages();
  setup.mergeable = vma.mergeable();
  if (vma.has_file()) {
    setup.file = machine->FindFile(vma.file().file());
    if (setup.file == nullptr) {
      return base::MissingResourceError(
          vma.file().file(), "FILE_NOT_FOUND",
          "no file \"" + vma.file().file() + "\" in this world");
    }
    if (vma.file().offset_pages() < 0) {
      return InvalidFieldError(Join(field, "file.offset_pages"),
                               "FIELD_OUT_OF_RANGE", "an offset is >= 0");
    }
    setup.pgoff = static_cast<uint64_t>(vma.file().offset_pages());
    setup.shared = vma.file().shared();
    RETURN_IF_ERROR(CheckHugetlb(setup, field));
  }
  return setup;
}

mm::FileKind FileKindOf(v1::FileSetup::Kind kind) {
  switch (kind) {
    case v1::FileSetup::KIND_DISK:
      return mm::FileKind::kDisk;
    case v1::FileSetup::KIND_RAM:
      return mm::FileKind::kRam;
    case v1::FileSetup::KIND_HUGETLB:
      return mm::FileKind::kHugetlb;
    default:
      return mm::FileKind::kShmem;
  }
}

// Files `{file}-{k}` that a pattern spreads over.
absl::StatusOr<FileRef*> SpreadFile(Machine* machine, const std::string& base,
                                    int64_t k, uint64_t pages) {
  const std::string id = base + "-" + std::to_string(k);
  FileRef* file = machine->FindFile(id);
  return file != nullptr ? file : machine->CreateFile(id, pages);
}

absl::Status AddPattern(Machine* machine, const v1::VmaPattern& pattern,
                        int64_t max_vmas, std::string_view field,
                        std::vector<VmaSetup>* vmas) {
  const auto room = max_vmas - static_cast<int64_t>(vmas->size());
  if (pattern.count() < 1) {
    return InvalidFieldError(Join(field, "count"), "FIELD_OUT_OF_RANGE",
                             "a pattern has at least one VMA");
  }
  if (pattern.count() > room) {
    return base::QuotaError(field, "QUOTA_EXCEEDED", "max_vmas", max_vmas,
                            "more VMAs than this world may have");
  }
  if (pattern.size_pages() < 0 || pattern.gap_pages() < 0 ||
      pattern.distinct_file_count() < 0) {
    return InvalidFieldError(field, "FIELD_OUT_OF_RANGE",
                             "sizes, gaps and counts are >= 0");
  }
  const auto size =
      static_cast<uint64_t>(std::max<int64_t>(1, pattern.size_pages()));
  const auto gap =
      static_cast<uint64_t>(std::max<int64_t>(1, pattern.gap_pages()));
  uint64_t start = pattern.start();
  if (start == 0) {
    start =
        vmas->empty() ? uint64_t{1} << 20 : vmas->back().end + mm::kPageSize;
  }
  v1::Vma plain;
  plain.mutable_anonymous();
  plain.set_anon_vma(true);
  for (int64_t i = 0; i < pattern.count(); ++i) {
    v1::Vma vma =
        pattern.kinds().empty()
            ? plain
            : pattern.kinds(static_cast<int>(i % pattern.kinds_size()));
    vma.set_start(start);
    vma.set_end(start + size * mm::kPageSize);
    std::string file_id;
    if (vma.has_file() && pattern.distinct_file_count() > 0) {
      file_id = vma.file().file();
      vma.clear_file();
      vma.mutable_anonymous();
    }
    ASSIGN_OR_RETURN(VmaSetup setup, CompileVma(machine, vma, field));
    if (!file_id.empty()) {
      const v1::Vma& kind =
          pattern.kinds(static_cast<int>(i % pattern.kinds_size()));
      ASSIGN_OR_RETURN(
          setup.file,
          SpreadFile(machine, file_id, i % pattern.distinct_file_count(),
                     size + static_cast<uint64_t>(kind.file().offset_pages())));
      setup.pgoff = static_cast<uint64_t>(kind.file().offset_pages());
      setup.shared = kind.file().shared();
    }
    vmas->push_back(setup);
    start += (size + gap) * mm::kPageSize;
  }
  return absl::OkStatus();
}

absl::Status CheckOverlap(std::vector<VmaSetup> vmas, std::string_view field) {
  std::sort(vmas.begin(), vmas.end(), [](const VmaSetup& a, const VmaSetup& b) {
    return a.start < b.start;
  });
  for (size_t i = 1; i < vmas.size(); ++i) {
    if (vmas[i].start < vmas[i - 1].end) {
      return InvalidFieldError(field, "RANGE_OVERLAPS",
                               "two VMAs of the mm overlap");
    }
  }
  return absl::OkStatus();
}

// The notifier that a step would make, with a device that does all right.
void DeclareDevice(Machine* machine, const v1::Step& step, bool all_remote) {
  std::string id;
  notifier::Kind kind = notifier::Kind::kList;
  if (step.has_register_()) {
    id = step.register_().notifier();
  } else if (step.has_get()) {
    id = step.get().notifier();
    kind = notifier::Kind::kGetPut;
  } else if (step.has_insert()) {
    id = step.insert().notifier();
    kind = notifier::Kind::kInterval;
  }
  if (IsValidId(id) && machine->FindDevice(id) == nullptr) {
    machine->CreateDevice(id, device::Behaviour(), all_remote, kind);
  }
}

// Things that steps name and nothing declares: mms that a fork will make, and
// notifiers with a well-behaved modelled device.
absl::Status DeclareNamed(Machine* machine, const v1::Scenario& scenario,
                          bool all_remote) {
  for (const v1::TaskSetup& task : scenario.task()) {
    for (const v1::Step& step : task.step()) {
      if (step.has_fork() && IsValidId(step.fork().child())) {
        machine->DeclareMm(step.fork().child());
      }
      if (step.has_exec() && IsValidId(step.exec().mm())) {
        machine->DeclareMm(step.exec().mm());
      }
      DeclareDevice(machine, step, all_remote);
    }
  }
  return absl::OkStatus();
}

int64_t OwnersOf(const v1::Scenario& scenario, const std::string& mm) {
  return std::count_if(
      scenario.task().begin(), scenario.task().end(),
      [&mm](const v1::TaskSetup& task) { return task.mm() == mm; });
}

}  // namespace

absl::Status CheckReserved(const Machine& machine) {
  if (machine.world().reserved()) {
    return absl::OkStatus();
  }
  const std::string bytes =
      std::to_string(machine.world().options().reserve_bytes);
  return base::MakeError(
      absl::StatusCode::kResourceExhausted, "MEMORY_EXHAUSTED",
      "cannot reserve " + bytes + " bytes for a world", {{"bytes", bytes}});
}

absl::StatusOr<sched::WorldOptions> CompileSettings(
    const v1::WorldSettings& settings) {
  sched::WorldOptions options;
  options.seed = static_cast<uint64_t>(settings.seed());
  if (settings.cpu_count() < 0 || settings.cpu_count() > 1024) {
    return InvalidFieldError("settings.cpu_count", "FIELD_OUT_OF_RANGE",
                             "must be in [1, 1024], or 0 for one per task");
  }
  options.cpu_count = settings.cpu_count();
  options.rmap_lock = settings.rmap_lock() == v1::RMAP_LOCK_MUTEX
                          ? sched::LockKind::kMutex
                          : sched::LockKind::kSpin;
  options.memory_order = settings.memory_order() == v1::MEMORY_ORDER_PSO
                             ? sched::MemoryOrder::kPso
                             : sched::MemoryOrder::kSc;
  options.kaddr_order = settings.kaddr_order() == v1::KADDR_ORDER_SHUFFLED
                            ? sched::KaddrOrder::kShuffled
                            : sched::KaddrOrder::kCreation;
  options.capable = !settings.without_capability();
  if (settings.mm_lock_vma_threshold() < 0 || settings.max_map_count() < 0) {
    return InvalidFieldError("settings", "FIELD_OUT_OF_RANGE",
                             "thresholds are >= 1, or 0 for the default");
  }
  if (settings.mm_lock_vma_threshold() > 0) {
    options.vma_threshold =
        static_cast<uint64_t>(settings.mm_lock_vma_threshold());
  }
  if (settings.max_map_count() > 0) {
    options.max_map_count = static_cast<uint64_t>(settings.max_map_count());
  }
  return options;
}

absl::Status AddMm(Machine* machine, const v1::MmSetup& setup,
                   int64_t least_users, const Bounds& bounds,
                   std::string_view field) {
  RETURN_IF_ERROR(CheckId(setup.id(), Join(field, "id")));
  MmRef* known = machine->FindMm(setup.id());
  if (known != nullptr) {
    return base::MakeError(absl::StatusCode::kAlreadyExists, "MM_EXISTS",
                           "the world has an mm \"" + setup.id() + "\"");
  }
  if (static_cast<int64_t>(machine->mms().size()) >= bounds.max_mms) {
    return base::QuotaError(field, "QUOTA_EXCEEDED", "max_mms", bounds.max_mms,
                            "more mms than this world may have");
  }
  const auto users = std::max<int64_t>({1, least_users, setup.mm_users()});
  if (setup.mm_users() != 0 && setup.mm_users() < users) {
    return InvalidFieldError(Join(field, "mm_users"), "FIELD_OUT_OF_RANGE",
                             "each task of the mm holds one of its mm_users");
  }
  std::vector<VmaSetup> vmas;
  for (int i = 0; i < setup.vma_size(); ++i) {
    ASSIGN_OR_RETURN(VmaSetup vma,
                     CompileVma(machine, setup.vma(i), At(field, "vma", i)));
    vmas.push_back(vma);
  }
  for (int i = 0; i < setup.vma_pattern_size(); ++i) {
    RETURN_IF_ERROR(AddPattern(machine, setup.vma_pattern(i), bounds.max_vmas,
                               At(field, "vma_pattern", i), &vmas));
  }
  if (static_cast<int64_t>(vmas.size()) > bounds.max_vmas) {
    return base::QuotaError(field, "QUOTA_EXCEEDED", "max_vmas",
                            bounds.max_vmas,
                            "more VMAs than this world may have");
  }
  RETURN_IF_ERROR(CheckOverlap(vmas, field));
  if (setup.start_brk() % mm::kPageSize != 0 ||
      setup.start_brk() >= mm::kTaskSize) {
    return InvalidFieldError(Join(field, "start_brk"), "RANGE_MALFORMED",
                             "a heap begins at a multiple of 4096 below 2^47");
  }
  machine->CreateMm(machine->DeclareMm(setup.id()), users, std::move(vmas),
                    setup.start_brk());
  return absl::OkStatus();
}

absl::Status AddFile(Machine* machine, const v1::FileSetup& setup,
                     std::string_view field) {
  constexpr int64_t kMaxFilePages = 1 << 22;
  RETURN_IF_ERROR(CheckId(setup.id(), Join(field, "id")));
  if (machine->FindFile(setup.id()) != nullptr) {
    return base::MakeError(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                           "the world has a file \"" + setup.id() + "\"");
  }
  if (setup.size_pages() < 0 || setup.size_pages() > kMaxFilePages) {
    return InvalidFieldError(Join(field, "size_pages"), "FIELD_OUT_OF_RANGE",
                             "a file has 0 to 4194304 pages");
  }
  if (!v1::FileSetup::Kind_IsValid(setup.kind())) {
    return InvalidFieldError(Join(field, "kind"), "FIELD_OUT_OF_RANGE",
                             "a kind is one of KIND_*");
  }
  if (setup.kind() == v1::FileSetup::KIND_HUGETLB &&
      setup.size_pages() % static_cast<int64_t>(mm::kHugePages) != 0) {
    return InvalidFieldError(Join(field, "size_pages"), "FIELD_OUT_OF_RANGE",
                             "a HUGETLB file has a multiple of 512 pages");
  }
  machine->CreateFile(setup.id(), static_cast<uint64_t>(setup.size_pages()),
                      FileKindOf(setup.kind()));
  return absl::OkStatus();
}

absl::Status AddNotifier(Machine* machine, const v1::NotifierSetup& setup,
                         const Bounds& bounds, std::string_view field) {
  RETURN_IF_ERROR(CheckId(setup.id(), Join(field, "id")));
  if (machine->FindDevice(setup.id()) != nullptr) {
    return base::MakeError(absl::StatusCode::kAlreadyExists,
                           "ALREADY_REGISTERED",
                           "the world has a notifier \"" + setup.id() + "\"");
  }
  if (static_cast<int64_t>(machine->devices().size()) >= bounds.max_notifiers) {
    return base::QuotaError(field, "QUOTA_EXCEEDED", "max_notifiers",
                            bounds.max_notifiers,
                            "more notifiers than this world may have");
  }
  ASSIGN_OR_RETURN(
      const notifier::Kind kind,
      CompileKind(machine->protocol(), setup.kind(), Join(field, "kind")));
  ASSIGN_OR_RETURN(
      const device::Behaviour behaviour,
      CompileBehaviour(machine, setup.modelled(), Join(field, "modelled")));
  machine->CreateDevice(setup.id(), behaviour, setup.has_remote(), kind);
  return absl::OkStatus();
}

absl::StatusOr<Program*> AddTask(Machine* machine, const v1::TaskSetup& setup,
                                 const Bounds& bounds, std::string_view field) {
  RETURN_IF_ERROR(CheckId(setup.id(), Join(field, "id")));
  const Program* known = machine->FindTask(setup.id());
  if (known != nullptr && known->task != nullptr) {
    return base::MakeError(absl::StatusCode::kAlreadyExists, "TASK_EXISTS",
                           "the world has a task \"" + setup.id() + "\"");
  }
  MmRef* own = nullptr;
  if (!setup.mm().empty()) {
    own = machine->FindMm(setup.mm());
    if (own == nullptr) {
      return base::MissingResourceError(
          setup.mm(), "MM_NOT_FOUND",
          "no mm \"" + setup.mm() + "\" in this world");
    }
  }
  Program* program = machine->CreateTask(setup.id(), own, setup.stays());
  if (program == nullptr) {
    return base::QuotaError(
        field, "QUOTA_EXCEEDED", "max_tasks",
        std::min<int64_t>(bounds.max_tasks, sched::kMaxTasks),
        "more tasks than a world can have alive at once");
  }
  if (setup.has_signals()) {
    v1::Step step;
    *step.mutable_set_signal() = setup.signals();
    RETURN_IF_ERROR(AppendStep(machine, program, step, Join(field, "signals")));
  }
  if (setup.without_capability()) {
    sched::World::Scope scope(&machine->world());
    program->task->no_capability = true;
  }
  for (int i = 0; i < setup.step_size(); ++i) {
    RETURN_IF_ERROR(
        AppendStep(machine, program, setup.step(i), At(field, "step", i)));
  }
  return program;
}

absl::Status SetUp(Machine* machine, const v1::Scenario& scenario,
                   const Bounds& bounds, bool all_remote) {
  for (int i = 0; i < scenario.file_size(); ++i) {
    RETURN_IF_ERROR(AddFile(machine, scenario.file(i), At("", "file", i)));
  }
  for (int i = 0; i < scenario.mm_size(); ++i) {
    RETURN_IF_ERROR(AddMm(machine, scenario.mm(i),
                          OwnersOf(scenario, scenario.mm(i).id()), bounds,
                          At("", "mm", i)));
  }
  for (int i = 0; i < scenario.notifier_size(); ++i) {
    const v1::NotifierSetup& setup = scenario.notifier(i);
    RETURN_IF_ERROR(AddNotifier(machine, setup, bounds, At("", "notifier", i)));
    if (all_remote) {
      sched::World::Scope scope(&machine->world());
      device::device* dev = machine->FindDevice(setup.id());
      device::SetRemote(dev, true, dev->behaviour.unimplemented);
    }
  }
  RETURN_IF_ERROR(DeclareNamed(machine, scenario, all_remote));
  // Tasks exist before their steps, so that steps can name any of them.
  std::vector<Program*> programs;
  for (int i = 0; i < scenario.task_size(); ++i) {
    v1::TaskSetup bare = scenario.task(i);
    bare.clear_step();
    ASSIGN_OR_RETURN(Program * program,
                     AddTask(machine, bare, bounds, At("", "task", i)));
    programs.push_back(program);
  }
  for (int i = 0; i < scenario.task_size(); ++i) {
    for (int j = 0; j < scenario.task(i).step_size(); ++j) {
      RETURN_IF_ERROR(AppendStep(machine, programs[i], scenario.task(i).step(j),
                                 At(At("", "task", i), "step", j)));
    }
  }
  for (int i = 0; i < scenario.fault_size(); ++i) {
    RETURN_IF_ERROR(
        ArmRule(machine, scenario.fault(i), At("", "fault", i)).status());
  }
  return absl::OkStatus();
}

}  // namespace mmfault::scenario
