// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_clients.h: the attached clients of a run, and the answers they give.
//
// A run with remote notifiers waits until each is bound. Then its thread runs
// schedules, and whenever the world can go no further without an answer, it
// calls Answer(): everything outstanding is sent, the acknowledgement of the
// *oldest* callback is awaited and admitted, and the world goes on. Answers
// that come earlier wait their turn. So a schedule depends on what clients
// answer and not on when: the same answers give the same execution.
//
// Two things depend on time after all, and both are said: a callback whose
// deadline passes is admitted as "no answer" (a violation), and a client whose
// stream ends under way ends the run as FAILED.
//
// Numbers: the world of each schedule counts callbacks from 1; clients see them
// shifted, so that none comes twice.
//
// Locks: mutex_, then a stream's own. `on_ready` is called without any.
//
// Threads: RemoteSession's functions from any thread; Begin, Reset, Answer from
// the run's thread alone.

#ifndef MMFAULT_SERVER_HOST_RUN_CLIENTS_H_
#define MMFAULT_SERVER_HOST_RUN_CLIENTS_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mmfault/v1/notifier_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/host/recorded_answer.h"
#include "server/host/remote_session.h"
#include "server/host/run_plan.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

class RunClients : public RemoteSession {
 public:
  // `on_ready` is called, on whatever thread, each time the last notifier that
  // was missing gets bound.
  RunClients(std::string run, const RunPlan& plan,
             std::function<void()> on_ready);

  absl::StatusOr<std::string> Open(
      const v1::AttachRequest::Hello& hello,
      std::shared_ptr<ClientStream> stream) override;
  void Handle(const std::string& client,
              const v1::AttachRequest& request) override;
  void Close(const std::string& client, Departure departure) override;

  // Notifiers that nobody has bound, by id.
  std::vector<std::string> Wanted() const;

  // The run begins to execute: from now on a lost client is an error. False
  // when some notifier is not bound (any more).
  bool Begin();

  // A schedule begins: tells the clients, forgets what was outstanding, and
  // sets up the machine's devices as their clients implement them.
  absl::Status Reset(scenario::Machine* machine, uint64_t seed,
                     const std::string& scenario, const std::string& protocol);

  // See above. Errors: UNAVAILABLE: a client is gone; CANCELLED: Cancel().
  absl::Status Answer(scenario::Machine* machine);

  // A rule ends the stream of the client that has bound this notifier: the run
  // goes on without it no further than its next answer.
  void Disconnect(const std::string& notifier);

  // What was answered since the last Reset().
  Answers AnswersSoFar() const;

  // Sends what was found to the clients that want it.
  void Tell(const v1::Violation& violation);

  // Wakes Answer(); it fails from now on.
  void Cancel();

  // The run is over: goodbye to all, and nobody attaches any more.
  void Finish(v1::AttachResponse::Goodbye::Cause cause);

 private:
  using Clock = std::chrono::steady_clock;

  struct Client {
    std::shared_ptr<ClientStream> stream;
    bool want_violations = false;
  };
  struct Binding {
    std::string must;    // the client that may bind it; empty: any
    std::string client;  // the one that has; empty: none yet
    uint32_t unimplemented = 0;
  };
  struct Outstanding {
    std::string client;
    Clock::time_point deadline;
    bool acked = false;
    v1::AttachRequest::Ack ack;
  };

  absl::Status Bind(const std::string& client,
                    const v1::AttachRequest::Bind& bind);
  absl::Status CheckBind(const std::string& client,
                         const v1::AttachRequest::Bind& bind) const;
  absl::Status Acknowledge(const std::string& client,
                           const v1::AttachRequest::Ack& ack);
  bool AllBound() const;
  void Welcome(const v1::AttachRequest::Hello& hello, const std::string& id);
  std::string ChooseId();
  absl::Status Failure() const;
  void SendNew(const scenario::Machine& machine,
               const device::pending_callback* first);
  void SendGone(int64_t number, const Outstanding& outstanding,
                v1::AttachResponse::CallbackGone::Cause cause);
  void Admit(scenario::Machine* machine,
             const device::pending_callback& callback,
             const Outstanding& outstanding);

  const std::string run_;
  const std::vector<std::string> mms_;
  const v1::WorldSettings settings_;
  const std::chrono::milliseconds ack_deadline_;
  const std::function<void()> on_ready_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Binding> bindings_;
  std::map<std::string, Client> clients_;
  int64_t next_client_ = 1;
  bool executing_ = false;
  bool cancelled_ = false;
  bool over_ = false;
  std::string lost_;  // the client that left while the run executed
  int64_t generation_ = 0;
  int64_t base_ = 0;                            // added to the world's numbers
  int64_t sent_ = 0;                            // the world's last number sent
  std::map<int64_t, Outstanding> outstanding_;  // by the world's number
  Answers answers_;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_RUN_CLIENTS_H_
