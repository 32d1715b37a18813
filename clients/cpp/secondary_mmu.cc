// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/secondary_mmu.h"

#include <cerrno>
#include <utility>

namespace mmfault::client {
namespace {

constexpr uint64_t kPageSize = 4096;
// As the server's own devices do, before -EBUSY.
constexpr int kTriesMax = 64;

uint64_t PageOf(uint64_t address) { return address & ~(kPageSize - 1); }

StepAnswer Rc(int rc) {
  StepAnswer answer;
  answer.value.set_rc(rc);
  return answer;
}

}  // namespace

StepAnswer SecondaryMmu::Establish(Attachment& attachment, uint64_t address,
                                   bool write, const std::string& task) {
  v1::Step step;
  v1::Step::Establish& establish = *step.mutable_establish();
  establish.set_notifier(id());
  establish.set_address(address);
  establish.set_write(write);
  // Noted in the order of the stream: a later invalidation finds it.
  return attachment
      .Call(step, task,
            [this, address, write](const StepAnswer& answer) {
              if (!answer.ok() || answer.value.rc() != 0) return;
              const std::lock_guard<std::mutex> lock(mutex_);
              mappings_[PageOf(address)] = {answer.value.page(), write};
            })
      .Wait();
}

StepAnswer SecondaryMmu::LookUpAndMap(Attachment& attachment, uint64_t address,
                                      bool write, const std::string& task) {
  v1::Step look_up;
  look_up.mutable_look_up()->set_notifier(id());
  look_up.mutable_look_up()->set_address(address);
  look_up.mutable_look_up()->set_write(write);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const std::optional<uint64_t> seq = WaitForQuiet();
    if (!seq) return Rc(-ESRCH);
    StepAnswer found = attachment.Call(look_up, task).Wait();
    if (!found.ok() || found.value.rc() != 0) return found;
    if (!BeginInstall(*seq, PageOf(address), {found.value.page(), write})) {
      continue;
    }
    v1::Step map;
    map.mutable_establish()->set_notifier(id());
    map.mutable_establish()->set_address(address);
    map.mutable_establish()->set_write(write);
    *map.mutable_establish()->mutable_page() = found.value.page();
    // Ended on the reading thread: whoever waits for it need not wait for this
    // thread too.
    return attachment
        .Call(
            map, task,
            [this, address](const StepAnswer&) { EndInstall(PageOf(address)); })
        .Wait();
  }
  return Rc(-EBUSY);
}

StepAnswer SecondaryMmu::Drop(Attachment& attachment, uint64_t start,
                              uint64_t end, const std::string& task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    mappings_.erase(mappings_.lower_bound(start), mappings_.lower_bound(end));
  }
  v1::Step step;
  v1::Step::Drop& drop = *step.mutable_drop();
  drop.set_notifier(id());
  drop.mutable_range()->set_start(start);
  drop.mutable_range()->set_end(end);
  return attachment.Call(step, task).Wait();
}

std::optional<uint64_t> SecondaryMmu::WaitForQuiet() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock,
                [this] { return invalidate_count_ == 0 || is_released_; });
  if (is_released_) return std::nullopt;
  return invalidate_seq_;
}

bool SecondaryMmu::BeginInstall(uint64_t seq, uint64_t address,
                                const Mapping& mapping) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (is_released_ || invalidate_count_ != 0 || invalidate_seq_ != seq) {
    return false;
  }
  mappings_[address] = mapping;
  installing_.insert(address);
  return true;
}

void SecondaryMmu::EndInstall(uint64_t address) {
  const std::lock_guard<std::mutex> lock(mutex_);
  installing_.erase(address);
  changed_.notify_all();
}

void SecondaryMmu::DropRange(Callback& call,
                             std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this, &call] {
    const auto first = installing_.lower_bound(call.start());
    return first == installing_.end() || *first >= call.end();
  });
  mappings_.erase(mappings_.lower_bound(call.start()),
                  mappings_.lower_bound(call.end()));
  call.DroppedRange();
}

int SecondaryMmu::InvalidateRangeStart(Callback& call) {
  std::unique_lock<std::mutex> lock(mutex_);
  // Counted first: no new mapping begins while this waits for older ones.
  ++invalidate_count_;
  DropRange(call, lock);
  return 0;
}

int SecondaryMmu::InvalidateRangeEnd(Callback& /*call*/) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++invalidate_seq_;
  if (invalidate_count_ > 0) --invalidate_count_;
  changed_.notify_all();
  return 0;
}

void SecondaryMmu::Invalidate(Callback& call) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++invalidate_seq_;
  DropRange(call, lock);
}

int SecondaryMmu::InvalidatePage(Callback& call) {
  Invalidate(call);
  return 0;
}

int SecondaryMmu::InvalidateRange(Callback& call) {
  Invalidate(call);
  return 0;
}

int SecondaryMmu::ChangePte(Callback& call) {
  Invalidate(call);
  return 0;
}

int SecondaryMmu::IntervalInvalidate(Callback& call) {
  Invalidate(call);
  return 0;
}

int SecondaryMmu::Establish(Callback& call) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (is_released_) return -ESRCH;
  mappings_[PageOf(call.start())] = {call.message().page(),
                                     call.message().write()};
  return 0;
}

int SecondaryMmu::Release(Callback& call) {
  std::unique_lock<std::mutex> lock(mutex_);
  is_released_ = true;
  ++invalidate_seq_;
  changed_.notify_all();
  DropRange(call, lock);
  return 0;
}

void SecondaryMmu::Reset(const v1::AttachResponse::WorldReset& /*reset*/) {
  const std::lock_guard<std::mutex> lock(mutex_);
  mappings_.clear();
  installing_.clear();
  invalidate_count_ = 0;
  ++invalidate_seq_;
  is_released_ = false;
  changed_.notify_all();
}

std::optional<SecondaryMmu::Mapping> SecondaryMmu::Find(
    uint64_t address) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = mappings_.find(PageOf(address));
  if (found == mappings_.end()) return std::nullopt;
  return found->second;
}

size_t SecondaryMmu::mapping_count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return mappings_.size();
}

bool SecondaryMmu::is_released() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return is_released_;
}

}  // namespace mmfault::client
