// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// model_driver.h: the device that a scenario describes, answering from afar.
//
// Given the ModelledDevice of a scenario it gives the answers that the server's
// own device would give, so that the same scenario can run with its notifier in
// another process and must come to the same verdict.
//
// Not answered here, because they are nothing an acknowledgement can say:
// `forgets_retry` and `retries_unlocked` (the server maps the pages),
// `frees_in_release` (the server frees), `callback_yield_count` (the wait for
// the answer is a window already).
//
// Threads: callbacks one after the other, as Dispatch::kInline gives them, or
// together.

#ifndef MMFAULT_CLIENTS_CPP_MODEL_DRIVER_H_
#define MMFAULT_CLIENTS_CPP_MODEL_DRIVER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "clients/cpp/remote_notifier.h"
#include "mmfault/v1/scenario.pb.h"

namespace mmfault::client {

class ModelDriver : public RemoteNotifier {
 public:
  ModelDriver(std::string id, v1::Notifier::Kind kind,
              const v1::ModelledDevice& model)
      : RemoteNotifier(std::move(id), kind), model_(model) {}

  int InvalidateRangeStart(Callback& call) override;
  int InvalidateRangeEnd(Callback& call) override;
  int InvalidatePage(Callback& call) override;
  int Release(Callback& call) override;
  int InvalidateRange(Callback& call) override;
  int ClearFlushYoung(Callback& call) override;
  int ClearYoung(Callback& call) override;
  int TestYoung(Callback& call) override;
  int ChangePte(Callback& call) override;
  int IntervalInvalidate(Callback& call) override;
  std::vector<v1::CallbackEvent> Unimplemented() const override;
  void Reset(const v1::AttachResponse::WorldReset& reset) override;

 private:
  // Sleeps if the model does, counts the delivery, and returns the model's
  // answer to it.
  int Begin(Callback& call);

  const v1::ModelledDevice model_;
  std::mutex mutex_;
  std::map<v1::CallbackEvent, int64_t> deliveries_;  // mutex_
};

// The drivers of a scenario's notifiers, by id. Those that a step names and
// nothing declares behave well.
std::map<std::string, v1::NotifierSetup> NotifiersOf(
    const v1::Scenario& scenario);

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_MODEL_DRIVER_H_
