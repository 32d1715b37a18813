// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// hosted_world.h: a world that clients share, and its mailbox.
//
// Whoever wants something of the world posts a message. If nobody runs the
// world, the posting thread becomes its runner: it handles messages, moves the
// world as far as its drive mode lets it, delivers what came out, and goes on
// until the mailbox is empty. Otherwise the runner takes the message at the
// next scheduling point. So a call that meets nobody has no thread hop, and a
// world needs no lock of its own: being the runner is the right to touch it.
// A runner that has moved the world for long hands over to the executor.
//
// What comes out in the middle of a step (a result, a callback, a violation) is
// noted, and delivered between steps.
//
// FREE_RUNNING: the world moves after every message until nothing can run. A
// call that moves it adds to the step number up to which it may move.
// LOCKSTEP: it moves as far as AdvanceWorld asks. While a callback is
// outstanding, the seed decides at each step whether a task moves or which
// answer is due; the world then stands still until that very answer is there.
// So the outcome does not depend on which answer arrives first.
//
// Locks: mutex_ guards the mailbox, clients_mutex_ the clients; neither is held
// while the world moves or while anything is delivered.
//
// Threads: as the section of each member says.

#ifndef MMFAULT_SERVER_HOST_HOSTED_WORLD_H_
#define MMFAULT_SERVER_HOST_HOSTED_WORLD_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/world_service.pb.h"
#include "server/base/inline_function.h"
#include "server/host/barrier_book.h"
#include "server/host/event_ring.h"
#include "server/host/executor.h"
#include "server/host/fault_book.h"
#include "server/host/lease_table.h"
#include "server/host/remote_session.h"
#include "server/host/request_cache.h"
#include "server/host/task_book.h"
#include "server/scenario/compile.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

class SafetyLevers;

// Takes an answer, once.
template <typename T>
using Done = std::function<void(absl::StatusOr<T>)>;

// What a world is made from; kept, for ResetWorld.
struct WorldPlan {
  std::string id;
  v1::WorldSettings settings;  // complete: defaults filled in, seed drawn
  v1::Scenario scenario;       // empty when the world starts empty
  const notifier::Protocol* protocol = nullptr;
  int64_t max_clients = 1024;
  std::shared_ptr<const SafetyLevers> levers;  // null: there are none
  bool may_crash = false;                      // Limits::allow_crash
};

// Uniform choice, counted.
class CountingStrategy final : public sched::Strategy {
 public:
  explicit CountingStrategy(uint64_t seed) : uniform_(seed) {}
  int Pick(const sched::World& world, uint64_t runnable) override {
    ++decision_count_;
    return uniform_.Pick(world, runnable);
  }
  int64_t decision_count() const { return decision_count_; }

 private:
  sched::UniformStrategy uniform_;
  int64_t decision_count_ = 0;
};

class HostedWorld final : public RemoteSession,
                          public std::enable_shared_from_this<HostedWorld>,
                          private scenario::MachineListener,
                          private trace::EventSink {
 public:
  // Runs on the runner, between two steps of the world. The status is OK, or
  // ABORTED (WORLD_GONE) when the world was deleted before: then the machine
  // must not be touched.
  using Message = base::InlineFunction<void(const absl::Status& alive)>;
  // Called by the runner whenever the world has moved or was changed; returns
  // false when it wants no more calls. After a deletion `alive` is an error,
  // and it is the last call.
  using Observer = std::function<bool(const absl::Status& alive)>;

  // Sets up the machine as the plan says.
  static absl::StatusOr<std::shared_ptr<HostedWorld>> Create(
      WorldPlan plan, Executor* executor);
  ~HostedWorld() override;

  // --- Any thread ------------------------------------------------------------
  const std::string& id() const { return plan_.id; }
  std::string name() const { return "worlds/" + plan_.id; }
  const notifier::Protocol& protocol() const { return *plan_.protocol; }
  bool lockstep() const { return lockstep_; }

  void Post(Message message);
  // The same, never on the caller's thread.
  void PostElsewhere(Message message);
  // Ends the world: pending calls get WORLD_GONE, clients a goodbye.
  void Delete();
  // The server drains: waiting calls get SERVER_DRAINING, clients a goodbye.
  void Drain();

  RequestCache& requests() { return requests_; }

  // RemoteSession: clients of a world.
  absl::StatusOr<std::string> Open(
      const v1::AttachRequest::Hello& hello,
      std::shared_ptr<ClientStream> stream) override;
  void Handle(const std::string& client,
              const v1::AttachRequest& request) override;
  void Close(const std::string& client, Departure departure) override;

  // --- The runner only (inside a message or an observer) ---------------------
  scenario::Machine& machine() { return *machine_; }
  const scenario::Machine& machine() const { return *machine_; }
  sched::World& world() { return machine_->world(); }
  TaskBook& tasks() { return tasks_; }
  EventRing& events() { return events_; }
  FaultBook& faults() { return faults_; }
  BarrierBook& barriers() { return barriers_; }
  bool HasClient(const std::string& id) const {
    return FindClient(id) != nullptr;
  }
  const v1::WorldSettings& settings() const { return plan_.settings; }
  const scenario::Bounds& bounds() const { return bounds_; }
  int64_t generation() const { return generation_; }
  uint64_t step() const { return machine_->world().state().step_count; }
  // The first of them; violation_count() may be more.
  const std::vector<v1::Violation>& violations() const { return violations_; }
  int64_t violation_count() const {
    return static_cast<int64_t>(violations_.size()) + violations_dropped_;
  }
  // The mm that another was forked from; null when it was created.
  const scenario::MmRef* ParentOf(const scenario::MmRef* ref) const;
  // Callbacks that wait for an answer.
  size_t outstanding_count() const { return outstanding_.size(); }

  void Observe(Observer observer);
  // Called with a client's id once it is gone, before the world moves on.
  void OnClientLost(std::function<void(const std::string& client)> hook) {
    lost_hooks_.push_back(std::move(hook));
  }

  // Lets a FREE_RUNNING world move `budget` steps from here (0: the world's
  // step_budget), at least. Returns the step that is the caller's limit.
  uint64_t AllowSteps(int64_t budget);
  // RESOURCE_EXHAUSTED when the arena is full.
  absl::Status CheckArena() const;

  // Queues one step for a task and calls `done` when it has run; with a limit,
  // also when the world passes that step first. `default_mm` is what an empty
  // `mm` means; null: the task's own. In a LOCKSTEP world `done` may
  // be called long after.
  using StepDone = TaskBook::StepDone;
  absl::StatusOr<int64_t> StartStep(scenario::Program* program,
                                    const v1::Step& step,
                                    std::string_view field, uint64_t limit,
                                    StepDone done,
                                    scenario::MmRef* default_mm = nullptr);
  // Queues all of the steps, or none. `field` is their place in the request;
  // `indexed` when that is a list.
  absl::StatusOr<int64_t> AppendSteps(
      scenario::Program* program,
      const google::protobuf::RepeatedPtrField<v1::Step>& steps,
      std::string_view field) {
    return Append(program, {steps.data(), static_cast<size_t>(steps.size())},
                  field, true, nullptr);
  }
  // A task that waits for steps and holds nothing; made when there is none.
  absl::StatusOr<scenario::Program*> StandingTask(const std::string& id,
                                                  bool replace_exited);
  // RESOURCE_EXHAUSTED when no task can be made.
  absl::Status CheckTaskRoom() const;

  // Arms all of them, or none. `leases` are those that faults may name.
  absl::StatusOr<std::vector<v1::Fault>> ArmFaults(
      LeaseTable* leases, std::vector<WantedFault> wanted, bool dry_run);
  // Disarms, resumes, and lets a FREE_RUNNING world go on.
  Disarmed DisarmThose(const FaultBook::Wanted& wanted);
  void EndLease(uint64_t serial);
  // A safety lever was pulled: disarms what the client holds; empty: all that
  // is armed, by whomever.
  Disarmed StopFaults(const std::string& client);
  // FAILED_PRECONDITION (SAFETY_LEVER_PULLED) when the client may not arm.
  absl::Status CheckLever(const std::string& client) const;
  // Whether the world's scenario arms rules.
  bool arms_rules() const { return !plan_.scenario.fault().empty(); }

  void Advance(const v1::AdvanceWorldRequest& request,
               Done<v1::AdvanceWorldResponse> done);
  // RESOURCE_EXHAUSTED when there is no memory for it; then nothing changes.
  absl::Status Reset(int64_t seed);
  v1::World View() const;
  v1::World::State StateNow() const;
  // Arms a signal for the k-th lock, or sends it now (`at_lock` 0). Returns its
  // place among the task's deliveries.
  const v1::SignalDelivery& SignalTask(TaskEntry* entry, int number,
                                       int64_t at_lock);
  // The id of the client that answers for a device; "" when none does.
  std::string ClientOf(const device::device* dev) const;

  // Starts a call, unless it came before (`id` is its request id, empty:
  // never): then the answer is that of before, also of one that is under way.
  // `start(done)` begins the call.
  template <typename Response, typename Request, typename Start>
  void Once(const std::string& id, const Request& request, Done<Response> done,
            Start start);

 private:
  // Repetitions of a call that is under way.
  struct Joined {
    std::string request;
    std::vector<std::function<void(const absl::Status&, const std::string&)>>
        others;
  };

  struct Client {
    std::string id;
    std::shared_ptr<ClientStream> stream;
    std::string task;         // `attach-N`
    std::string detach_task;  // `detach-N`
    uint32_t number = 0;      // N
    bool want_violations = false;
    // The runner's.
    bool gone = false;
    std::vector<std::string> tasks;  // made for its calls
  };
  using ClientPtr = std::shared_ptr<Client>;

  struct Binding {
    std::string notifier;
    ClientPtr client;  // null: nobody yet
    notifier::Kind kind = notifier::Kind::kList;
    device::Behaviour behaviour;
    bool detaching = false;  // UNREGISTER: answered as a good driver would
  };

  // A callback without an admitted answer.
  struct Outstanding {
    device::device* dev = nullptr;
    ClientPtr client;
    v1::CallbackEvent event = v1::CALLBACK_EVENT_UNSPECIFIED;
    uint32_t task_id = 0;
    uint64_t number = 0;  // the engine's
    Executor::Clock::time_point deadline;
    bool answered = false;  // LOCKSTEP: the answer waits until it is due
    device::CallbackAnswer answer;
    std::vector<v1::AddressRange> dropped;
  };

  struct Note {
    enum class Kind : uint8_t {
      kStepDone,
      kTaskEnd,
      kCallback,
      kViolation,
      kDisconnect
    };
    Kind kind;
    const scenario::Program* program = nullptr;
    const scenario::StepSpec* step = nullptr;
    scenario::StepOutcome outcome;
    uint64_t callback = 0;
    uint32_t notifier = 0;  // kDisconnect
    trace::Violation violation;
  };

  // An AdvanceWorld under way.
  struct Advancing {
    Done<v1::AdvanceWorldResponse> done;
    uint64_t begin = 0;
    uint64_t target = 0;  // world step; 0: none
    uint64_t budget_end = 0;
    bool stop_at_violation = false;
    bool timed_out = false;  // ack_wait has passed
    bool waits = false;      // for an ack; `wait_until` is set
    bool wait_limited = false;
    Executor::Clock::duration ack_wait{};
    uint32_t rule = 0;  // of until_point
    int64_t first_violation = 0;
    uint64_t serial = 0;
  };

  HostedWorld(WorldPlan plan, Executor* executor);
  absl::StatusOr<std::unique_ptr<scenario::Machine>> MakeMachine() const;
  void SetUp(std::unique_ptr<scenario::Machine> machine);

  absl::StatusOr<int64_t> Append(scenario::Program* program,
                                 std::span<const v1::Step* const> steps,
                                 std::string_view field, bool indexed,
                                 scenario::MmRef* default_mm);

  // --- Mailbox (hosted_world.cc)
  void TakeMail();
  bool Rest();
  void Work(bool on_executor);
  bool Hurry() const { return has_mail_.load(std::memory_order_relaxed); }
  void FailEverything(const absl::Status& status);
  void CallObservers(const absl::Status& alive);
  void JoinCall(
      Joined& call, const std::string& request, const std::string& id,
      std::function<void(const absl::Status&, const std::string&)> done);
  void EndCall(const std::string& id, const absl::Status& status,
               const std::string& response);

  // --- Moving (world_move.cc)
  bool Move(uint64_t quantum);
  bool MoveFree(uint64_t quantum);
  bool MoveLockstep(uint64_t quantum);
  uint64_t LeastLimit() const;
  bool ArenaFull() const;
  void FailFull();
  void FailDeadlocked();
  bool PickDue();
  // LOCKSTEP: an answer is due and is not there.
  bool StandsStill() const;
  bool JudgeStop();
  absl::Status BudgetSpent() const;
  absl::Status CheckAdvance(const v1::AdvanceWorldRequest& request) const;
  absl::StatusOr<uint32_t> ArmPoint(const v1::PointMatch& match);
  void StandAt(uint32_t rule, v1::AdvanceWorldResponse* response);
  void FinishAdvance(v1::AdvanceWorldResponse::Outcome outcome);
  void FailAdvance(const absl::Status& status);
  void AwaitAck();
  void RunAtOnce(const scenario::Program* program);
  void RunDeferredCalls();

  // --- Faults (world_faults.cc)
  void AwaitHoldEnd();
  void OnHoldEnd(uint64_t serial);
  absl::Status FindHolder(LeaseTable* leases, WantedFault* wanted);

  // --- What comes out (world_notes.cc)
  void OnStepDone(const scenario::Program& program,
                  const scenario::StepSpec& step,
                  const scenario::StepOutcome& outcome) override;
  void OnTaskEnd(const scenario::Program& program) override;
  void OnCallback(const device::pending_callback& callback) override;
  void OnDisconnect(uint32_t notifier) override;
  void OnEvent(const trace::Event& event) override;
  void OnViolation(const trace::Violation& violation) override;
  void OnSignal(const trace::SignalSent& sent) override;
  void DeliverNotes();
  void DeliverStep(const Note& note);
  void DeliverTaskEnd(const scenario::Program* program);
  void DeliverDead();
  void DeliverViolation(const Note& note);
  void DeliverCallback(uint64_t number);
  void DeliverDisconnect(uint32_t notifier);
  void DeliverDisconnects(const std::vector<Note>& notes);
  void ExpireLimits();

  // --- Signals (world_signals.cc)
  void WatchSignals(const trace::Event& event);
  bool LandSignals(TaskEntry* entry, const sched::TaskRecord& task);
  void Landed(const sched::TaskRecord& task, v1::SignalDelivery* delivery);
  void KeepDelivery(TaskEntry* entry, v1::SignalDelivery delivery);
  void SettleSignals(TaskEntry* entry, scenario::StepKind ended);

  // --- Clients (world_clients.cc)
  void HandleBind(const ClientPtr& client, const v1::AttachRequest::Bind& bind);
  absl::Status Bind(const ClientPtr& client,
                    const v1::AttachRequest::Bind& bind);
  void HandleCall(const ClientPtr& client, const v1::AttachRequest::Call& call);
  absl::Status StartCall(const ClientPtr& client,
                         const v1::AttachRequest::Call& call);
  void SendResult(const ClientPtr& client, const v1::AttachRequest::Call& call,
                  const absl::Status& status,
                  const scenario::StepOutcome* outcome);
  absl::StatusOr<ClientPtr> Enter(const v1::AttachRequest::Hello& hello,
                                  std::shared_ptr<ClientStream> stream);
  bool HasOutstanding(const ClientPtr& client) const;
  void BindAgain(const Binding& binding);
  void HandleAck(const ClientPtr& client, int64_t number,
                 const device::CallbackAnswer& answer,
                 const std::vector<v1::AddressRange>& dropped);
  void HandleOwnAnswer(int64_t number);
  Outstanding& NewOutstanding(int64_t number);
  void Admit(int64_t number);
  void Lose(const ClientPtr& client);
  void LoseNotifier(const ClientPtr& client, device::device* dev);
  void EndTasksOf(const Client& client);
  void UnregisterFor(const Client& client, device::device* dev);
  void Refuse(const Client& client, int64_t tag, const absl::Status& status);
  void NoteClient(const Client& client, std::string detail);
  void ArmDeadline();
  void OnDeadline();
  void Broadcast(const v1::AttachResponse& message);
  std::vector<ClientPtr> Clients() const;
  void EndClients(v1::AttachResponse::Goodbye::Cause cause,
                  const absl::Status& status);
  ClientPtr FindClient(const std::string& id) const;
  int64_t WireNumber(uint64_t number) const {
    return number_base_ + static_cast<int64_t>(number);
  }

  // Constant.
  const bool lockstep_;
  Executor* const executor_;
  Executor::Clock::duration ack_deadline_{};
  v1::LostClientPolicy lost_client_policy_;
  scenario::Bounds bounds_;
  const std::chrono::system_clock::time_point create_time_ =
      std::chrono::system_clock::now();

  RequestCache requests_;

  // The mailbox.
  std::mutex mutex_;
  std::vector<Message> inbox_;
  bool running_ = false;
  bool deleted_ = false;
  std::atomic<bool> has_mail_ = false;

  // Clients by id.
  mutable std::mutex clients_mutex_;
  std::map<std::string, ClientPtr> clients_;
  std::vector<std::string> client_order_;
  int64_t streams_ever_ = 0;
  v1::WorldSettings shown_settings_;  // for welcomes
  std::atomic<uint64_t> shown_step_ = 0;
  std::atomic<int64_t> generation_ = 0;

  // The runner's.
  WorldPlan plan_;
  std::unique_ptr<scenario::Machine> machine_;
  std::unique_ptr<CountingStrategy> strategy_;
  int64_t admitted_count_ = 0;
  base::Prng ack_order_{0};
  bool ended_ = false;  // also under clients_mutex_ when it is written
  TaskBook tasks_;
  EventRing events_;
  FaultBook faults_{name()};
  BarrierBook barriers_{name()};
  std::vector<Message> mail_;  // being handled
  std::vector<Note> notes_;
  std::vector<Note> delivered_;  // being delivered; its memory is used again
  std::vector<v1::Violation> violations_;
  int64_t violations_dropped_ = 0;
  bool look_for_dead_ = false;
  std::map<const scenario::MmRef*, const scenario::MmRef*> forks_;
  uint64_t armed_signals_ = 0;  // tasks' slots for which a signal is armed
  bool sending_ = false;        // SignalTask() itself is the sender
  std::array<trace::Op, sched::kMaxTasks> last_lock_ = {};
  std::vector<uint32_t> faults_to_disarm_;
  std::vector<std::function<void(const std::string&)>> lost_hooks_;
  std::vector<Observer> observers_;
  std::map<std::string, Joined> in_flight_;
  uint64_t move_limit_ = 0;
  uint64_t hold_end_ = 0;  // virtual time that a timer waits for; 0: none does
  uint64_t hold_serial_ = 0;
  bool moved_ = false;
  sched::RunStop last_stop_ = sched::RunStop::kFinished;
  std::unordered_map<const device::device*, Binding> bindings_;
  std::map<int64_t, Outstanding> outstanding_;  // by number on the wire
  std::map<int64_t, Outstanding>::node_type spare_outstanding_;
  int64_t number_base_ = 0;
  int64_t last_number_ = 0;
  bool deadline_armed_ = false;
  int64_t due_ = 0;  // LOCKSTEP: the callback whose answer enters next
  std::unique_ptr<Advancing> advancing_;
  uint64_t advance_serial_ = 0;
  uint64_t held_before_ = 0;
  // The task that stands at the last AdvanceWorld's point.
  std::optional<std::pair<faults::Point, int>> stands_at_;
  std::vector<std::function<void()>> deferred_calls_;
};

template <typename Response, typename Request, typename Start>
void HostedWorld::Once(const std::string& id, const Request& request,
                       Done<Response> done, Start start) {
  if (id.empty()) {
    start(std::move(done));
    return;
  }
  Response before;
  const absl::StatusOr<bool> found = requests_.Find(id, request, &before);
  if (!found.ok()) {
    done(found.status());
    return;
  }
  if (*found) {
    done(std::move(before));
    return;
  }
  const auto [it, is_new] = in_flight_.try_emplace(id);
  if (!is_new) {
    JoinCall(it->second, request.GetTypeName() + request.SerializeAsString(),
             id, [done](const absl::Status& status, const std::string& bytes) {
               Response response;
               CHECK(!status.ok() || response.ParseFromString(bytes));
               done(status.ok() ? absl::StatusOr<Response>(std::move(response))
                                : status);
             });
    return;
  }
  it->second.request = request.GetTypeName() + request.SerializeAsString();
  start([this, id, request, done](absl::StatusOr<Response> result) {
    std::string bytes;
    if (result.ok()) {
      requests_.Keep(id, request, *result);
      bytes = result->SerializeAsString();
    }
    EndCall(id, result.status(), bytes);
    done(std::move(result));
  });
}

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_HOSTED_WORLD_H_
