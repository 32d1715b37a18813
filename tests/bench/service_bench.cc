// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// service_bench: the real services against a bare echo and a bare ping-pong.
//
// Same API, threads, transport, and bytes a message; checks and the event
// journal are on. Unary: one madvise(DONTNEED) a call, each slot with an mm and
// a task of its own, eight worlds. Callbacks: a world, a client and a task
// that loops DONTNEED for each stream; an acknowledged callback counts.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "mmfault/v1/mm_service.grpc.pb.h"
#include "mmfault/v1/notifier_service.grpc.pb.h"
#include "mmfault/v1/world_service.grpc.pb.h"
#include "tests/bench/compare.h"
#include "tests/bench/echo_load.h"
#include "tests/bench/load.h"
#include "tests/bench/report.h"
#include "tests/bench/server_process.h"

namespace mmfault::bench {
namespace {

constexpr double kBar = 0.9;
constexpr int kUnaryWorlds = 8;
constexpr uint64_t kStart = 0x100000;
constexpr uint64_t kEnd = 0x110000;

void Must(const grpc::Status& status, const char* what) {
  if (!status.ok()) {
    std::cerr << what << ": " << status.error_message() << "\n";
    std::exit(1);
  }
}

v1::Step DontNeed(int64_t repeat) {
  v1::Step step;
  step.set_repeat(repeat);
  step.mutable_madvise()->mutable_range()->set_start(kStart);
  step.mutable_madvise()->mutable_range()->set_end(kEnd);
  return step;
}

// The server under test, and what the bench makes in it.
class Subject {
 public:
  explicit Subject(const ServerProcess& server)
      : channel_(grpc::CreateChannel(server.address(),
                                     grpc::InsecureChannelCredentials())),
        worlds_(v1::WorldService::NewStub(channel_)),
        mms_(v1::MmService::NewStub(channel_)),
        notifiers_(v1::NotifierService::NewStub(channel_)) {}

  v1::MmService::Stub& mms() { return *mms_; }
  v1::NotifierService::Stub& notifiers() { return *notifiers_; }

  std::string CreateWorld() {
    grpc::ClientContext context;
    v1::CreateWorldRequest request;
    request.mutable_settings()->set_protocol("6.1");
    request.mutable_settings()->set_seed(1);
    v1::CreateWorldResponse response;
    Must(worlds_->CreateWorld(&context, request, &response), "CreateWorld");
    return response.world().name();
  }

  void CreateMm(const std::string& world, const std::string& id) {
    grpc::ClientContext context;
    v1::CreateMmRequest request;
    request.set_parent(world);
    request.set_mm_id(id);
    v1::Vma* vma = request.mutable_mm()->add_vma();
    vma->set_start(kStart);
    vma->set_end(kEnd);
    vma->mutable_anonymous();
    vma->set_populated(true);
    v1::CreateMmResponse response;
    Must(mms_->CreateMm(&context, request, &response), "CreateMm");
  }

  void DeleteWorld(const std::string& name) {
    grpc::ClientContext context;
    v1::DeleteWorldRequest request;
    request.set_name(name);
    v1::DeleteWorldResponse response;
    Must(worlds_->DeleteWorld(&context, request, &response), "DeleteWorld");
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::WorldService::Stub> worlds_;
  std::unique_ptr<v1::MmService::Stub> mms_;
  std::unique_ptr<v1::NotifierService::Stub> notifiers_;
};

// --- Unary -------------------------------------------------------------------

v1::RunStepRequest StepRequest(const std::vector<std::string>& worlds,
                               int slot) {
  v1::RunStepRequest request;
  request.set_parent(worlds[static_cast<size_t>(slot) % worlds.size()]);
  request.set_mm("m" + std::to_string(slot));
  *request.mutable_step() = DontNeed(0);
  return request;
}

LoadResult LoadSteps(Subject& subject, const std::vector<std::string>& worlds,
                     const LoadOptions& options) {
  return RunUnaryLoad(
      [&](int slot) {
        return MakeUnaryCall<v1::RunStepRequest, v1::RunStepResponse>(
            StepRequest(worlds, slot),
            [&subject](grpc::ClientContext* context, const auto* request,
                       auto* response, auto done) {
              subject.mms().async()->RunStep(context, request, response,
                                             std::move(done));
            });
      },
      options);
}

// A message of this many bytes: two of them are the field's tag and length.
std::string Payload(size_t bytes) { return std::string(bytes - 2, 'x'); }

void CompareUnary(EchoService::Stub& echo, Subject& subject,
                  std::chrono::milliseconds round, Report& report) {
  std::vector<std::string> worlds;
  worlds.reserve(kUnaryWorlds);
  for (int i = 0; i < kUnaryWorlds; ++i) {
    worlds.push_back(subject.CreateWorld());
  }
  constexpr int kMostInFlight = 64;
  for (int slot = 0; slot < kMostInFlight; ++slot) {
    subject.CreateMm(worlds[static_cast<size_t>(slot) % worlds.size()],
                     "m" + std::to_string(slot));
  }
  const v1::RunStepRequest sample = StepRequest(worlds, 0);
  grpc::ClientContext context;
  v1::RunStepResponse answer;
  Must(subject.mms().RunStep(&context, sample, &answer), "RunStep");
  EchoRequest request;
  request.set_response_bytes(static_cast<int32_t>(answer.ByteSizeLong() - 2));
  // The field that asks for the response's size has two bytes, too.
  request.set_payload(Payload(sample.ByteSizeLong() - 2));
  for (const int in_flight : {1, 16, kMostInFlight}) {
    const LoadOptions options = SliceOptions(in_flight, round);
    const Comparison comparison =
        Alternate([&] { return LoadEcho(echo, request, options); },
                  [&] { return LoadSteps(subject, worlds, options); });
    const std::string suffix = ".c" + std::to_string(in_flight);
    report.Add("rpc.unary.per_s" + suffix, comparison.b_per_second, "1/s",
               Report::Better::kHigher);
    report.Add("rpc.unary.ratio" + suffix, comparison.ratio, "ratio",
               Report::Better::kHigher, kBar);
  }
}

// --- Callbacks ---------------------------------------------------------------

using AckStream = TypedLoadStream<v1::AttachRequest, v1::AttachResponse>;

std::vector<v1::AttachRequest> Opening(const std::string& world) {
  std::vector<v1::AttachRequest> first(4);
  first[0].mutable_hello()->set_parent(world);
  first[1].mutable_bind()->set_notifier("n0");
  first[2].mutable_call()->set_tag(1);
  first[2].mutable_call()->mutable_step()->mutable_register_()->set_notifier(
      "n0");
  first[3].mutable_call()->set_tag(2);
  *first[3].mutable_call()->mutable_step() = DontNeed(1'000'000'000);
  return first;
}

// Sizes of what is exchanged, measured beforehand.
struct Sizes {
  std::atomic<size_t> callback = 0;
  std::atomic<size_t> ack = 0;
};

LoadResult LoadCallbacks(Subject& subject, int stream_count, Sizes* sizes,
                         const LoadOptions& options) {
  std::vector<std::string> worlds;
  std::vector<std::unique_ptr<LoadStream>> streams;
  for (int i = 0; i < stream_count; ++i) {
    worlds.push_back(subject.CreateWorld());
    subject.CreateMm(worlds.back(), "m0");
    streams.push_back(std::make_unique<AckStream>(
        Opening(worlds.back()),
        [&subject](grpc::ClientContext* context, AckStream::Reactor* reactor) {
          subject.notifiers().async()->Attach(context, reactor);
        },
        [sizes](const v1::AttachResponse& message, v1::AttachRequest* answer) {
          if (!message.has_callback()) {
            return false;
          }
          answer->mutable_ack()->set_callback_number(
              message.callback().callback_number());
          if (sizes != nullptr) {
            sizes->callback = message.ByteSizeLong();
            sizes->ack = answer->ByteSizeLong();
          }
          return true;
        }));
  }
  const LoadResult result = RunStreamLoad(streams, options);
  for (const std::string& world : worlds) {
    subject.DeleteWorld(world);
  }
  return result;
}

void CompareCallbacks(EchoService::Stub& echo, Subject& subject,
                      std::chrono::milliseconds round, Report& report) {
  for (const int streams : {1, 64}) {
    const LoadOptions options = SliceOptions(streams, round);
    Sizes sizes;
    LoadCallbacks(subject, 1, &sizes, options);
    PingPongRequest request;
    request.set_response_bytes(static_cast<int32_t>(sizes.callback - 2));
    request.set_payload(Payload(std::max<size_t>(4, sizes.ack) - 2));
    const Comparison comparison = Alternate(
        [&] { return LoadPingPong(echo, streams, request, options); },
        [&] { return LoadCallbacks(subject, streams, nullptr, options); });
    const std::string suffix = ".s" + std::to_string(streams);
    report.Add("rpc.callback.per_s" + suffix, comparison.b_per_second, "1/s",
               Report::Better::kHigher);
    report.Add("rpc.callback.ratio" + suffix, comparison.ratio, "ratio",
               Report::Better::kHigher, kBar);
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Measures the real services against a bare echo.",
               "service_bench");
  const std::filesystem::path here =
      std::filesystem::canonical("/proc/self/exe").parent_path();
  std::string json;
  std::string only;
  int round_ms = 1200;
  std::string echo_server = (here / "bench_echo_server").string();
  std::string server = (here / "../../server/main/mmfaultd").string();
  app.add_option("--json", json, "Write the results there");
  app.add_option("--round-ms", round_ms,
                 "Measured time of one round, for each of the two servers")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--echo-server", echo_server, "The bare server's program");
  app.add_option("--server", server, "mmfaultd");
  app.add_option("--only", only, "unary or callback; else both")
      ->check(CLI::IsMember({"unary", "callback"}));
  CLI11_PARSE(app, argc, argv);
  const auto plain = ServerProcess::Start({echo_server});
  const auto tested = ServerProcess::Start(
      {server, "--listen", "127.0.0.1:0", "--log-level", "warning"});
  if (plain == nullptr || tested == nullptr) {
    return 1;
  }
  const auto echo = EchoService::NewStub(grpc::CreateChannel(
      plain->address(), grpc::InsecureChannelCredentials()));
  Subject subject(*tested);
  const std::chrono::milliseconds round(round_ms);
  Report report;
  if (only.empty() || only == "unary") {
    CompareUnary(*echo, subject, round, report);
  }
  if (only.empty() || only == "callback") {
    CompareCallbacks(*echo, subject, round, report);
  }
  if (!json.empty() && !report.WriteJson(json)) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) { return mmfault::bench::Main(argc, argv); }
