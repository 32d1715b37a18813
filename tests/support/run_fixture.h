// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_fixture.h: scenarios and clients for tests of runs.
//
// Threads: a ScriptedClient answers on a thread of its own, as a client in
// another process would; the rest belongs to the test's thread.

#ifndef MMFAULT_TESTS_SUPPORT_RUN_FIXTURE_H_
#define MMFAULT_TESTS_SUPPORT_RUN_FIXTURE_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "mmfault/v1/run_service.pb.h"
#include "server/host/remote_session.h"
#include "server/host/run.h"

namespace mmfault::testing_support {

// A driver maps a page and another task unmaps it. Right under every protocol
// whose notifier drops on invalidation.
inline constexpr char kMapAndUnmap[] = R"(
id: "map_and_unmap"
protocols: "6.1"
mm {
  id: "m0"
  mm_users: 2
  vma { start: 0x10000 end: 0x12000 anonymous {} populated: true }
}
task {
  id: "driver"
  mm: "m0"
  step { register { notifier: "n0" } }
  step { establish { notifier: "n0" address: 0x10000 } }
  step { post { event: "mapped" } }
  step { wait_for { event: "unmapped" } }
  step { device_access { notifier: "n0" address: 0x10000 } }
}
task {
  id: "unmapper"
  mm: "m0"
  step { wait_for { event: "mapped" } }
  step { munmap { range { start: 0x10000 end: 0x11000 } } }
  step { post { event: "unmapped" } }
}
explore { schedule_count: 20 seed: 7 }
expect { checker: "no_stale_secondary_mapping" verdict: HOLDS }
)";

// A request with one scenario in text form.
v1::CreateRunRequest RunOf(const std::string& text);

// Returns once the run is over.
void AwaitEnd(host::Run& run);
// Returns once it is in the state, or over.
void AwaitState(host::Run& run, v1::Run::State state);

// A client that answers callbacks as a function says.
class ScriptedClient : public host::ClientStream {
 public:
  using Callback = v1::AttachResponse::Callback;
  using Ack = v1::AttachRequest::Ack;
  // Fills in the answer; false: never answers this one.
  using Script = std::function<bool(const Callback&, Ack*)>;

  // One that does all right: it drops what it is told to.
  static bool DropsAll(const Callback& callback, Ack* ack);
  // One that acknowledges and drops nothing.
  static bool DropsNothing(const Callback& callback, Ack* ack);

  explicit ScriptedClient(Script script) : script_(std::move(script)) {}
  ~ScriptedClient() override;

  // host::ClientStream; `stream` shares it with the session.
  bool Send(v1::AttachResponse message) override;
  void End(const absl::Status& status) override;

  // Opens the session, binds the notifiers, and begins to answer.
  static absl::Status Attach(const std::shared_ptr<ScriptedClient>& self,
                             std::shared_ptr<host::RemoteSession> session,
                             const std::string& run,
                             const std::vector<std::string>& notifiers);
  // The stream breaks.
  void Leave();

  // What came, callbacks left out.
  std::vector<v1::AttachResponse> Received();
  std::vector<int64_t> CallbackNumbers();

 private:
  void Loop();
  void Answer(const Callback& callback);

  const Script script_;
  std::shared_ptr<host::RemoteSession> session_;
  std::string client_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::AttachResponse> inbox_;
  std::vector<v1::AttachResponse> received_;
  std::vector<int64_t> numbers_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace mmfault::testing_support

#endif  // MMFAULT_TESTS_SUPPORT_RUN_FIXTURE_H_
