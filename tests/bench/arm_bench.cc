// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// arm_bench: how long it takes to arm a fault over RPC, against a bare echo.
//
// One client, one call at a time, over loopback TCP to servers in processes of
// their own; the echo has requests and responses of the same size. An ArmFault
// that has returned is in force: after each slice a step passes the point, and
// each rule armed in the slice must have counted that pass.

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <vector>

#include "mmfault/v1/fault_service.grpc.pb.h"
#include "mmfault/v1/mm_service.grpc.pb.h"
#include "mmfault/v1/world_service.grpc.pb.h"
#include "tests/bench/echo.grpc.pb.h"
#include "tests/bench/report.h"
#include "tests/bench/server_process.h"

namespace mmfault::bench {
namespace {

constexpr double kBar = 2;
constexpr int kRounds = 5;
constexpr int kSlices = 10;  // of each, in a round
constexpr int kCalls = 200;  // in a slice; a world has room for 256 faults
constexpr int kWarmUp = 200;
constexpr char kPoint[] = "mm/zap_page_range/after_start";
constexpr uint64_t kStart = 0x100000;
constexpr uint64_t kEnd = 0x101000;

void Must(const grpc::Status& status, const char* what) {
  if (!status.ok()) {
    std::cerr << what << ": " << status.error_message() << "\n";
    std::exit(1);
  }
}

std::shared_ptr<grpc::Channel> ChannelTo(const ServerProcess& server) {
  return grpc::CreateChannel(server.address(),
                             grpc::InsecureChannelCredentials());
}

// The world in which faults are armed.
class Subject {
 public:
  explicit Subject(const ServerProcess& server)
      : channel_(ChannelTo(server)),
        mms_(v1::MmService::NewStub(channel_)),
        faults_(v1::FaultService::NewStub(channel_)) {
    grpc::ClientContext context;
    v1::CreateWorldRequest request;
    request.mutable_settings()->set_protocol("6.1");
    request.mutable_settings()->set_seed(1);
    v1::MmSetup* mm = request.mutable_scenario()->add_mm();
    mm->set_id("m0");
    v1::Vma* vma = mm->add_vma();
    vma->set_start(kStart);
    vma->set_end(kEnd);
    vma->mutable_anonymous();
    v1::CreateWorldResponse response;
    Must(v1::WorldService::NewStub(channel_)->CreateWorld(&context, request,
                                                          &response),
         "CreateWorld");
    world_ = response.world().name();
    request_.set_parent(world_);
    v1::FaultRule& rule = *request_.mutable_fault()->add_rules();
    rule.set_point(kPoint);
    rule.set_trigger("when=1000 yield");
  }

  const v1::ArmFaultRequest& request() const { return request_; }
  v1::ArmFaultResponse Arm() {
    grpc::ClientContext context;
    v1::ArmFaultResponse response;
    Must(faults_->ArmFault(&context, request_, &response), "ArmFault");
    return response;
  }

  // All that were armed have counted the pass of one step.
  void CheckAndDisarm(int armed) {
    grpc::ClientContext step_context;
    v1::RunStepRequest step;
    step.set_parent(world_);
    step.mutable_step()->mutable_madvise()->set_mm("m0");
    step.mutable_step()->mutable_madvise()->mutable_range()->set_start(kStart);
    step.mutable_step()->mutable_madvise()->mutable_range()->set_end(kEnd);
    v1::RunStepResponse stepped;
    Must(mms_->RunStep(&step_context, step, &stepped), "RunStep");
    grpc::ClientContext context;
    v1::DisarmFaultRequest request;
    request.set_name(world_ + "/faults/-");
    v1::DisarmFaultResponse response;
    Must(faults_->DisarmFault(&context, request, &response), "DisarmFault");
    int effective = 0;
    for (const v1::Fault& fault : response.faults()) {
      effective += fault.hit_counts(0) == 1 ? 1 : 0;
    }
    if (effective != armed) {
      std::cerr << armed << " armed, " << effective << " in force\n";
      std::exit(1);
    }
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MmService::Stub> mms_;
  std::unique_ptr<v1::FaultService::Stub> faults_;
  std::string world_;
  v1::ArmFaultRequest request_;
};

// Unit: microseconds a call.
template <typename Call>
double Slice(Call call) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < kCalls; ++i) {
    call();
  }
  const std::chrono::duration<double, std::micro> took = Clock::now() - begin;
  return took.count() / kCalls;
}

void Compare(EchoService::Stub& stub, Subject& subject, Report& report) {
  EchoRequest request;
  request.set_payload(std::string(subject.request().ByteSizeLong() - 4, 'x'));
  request.set_response_bytes(
      static_cast<int32_t>(subject.Arm().ByteSizeLong() - 2));
  const auto echo = [&] {
    grpc::ClientContext context;
    EchoResponse response;
    Must(stub.Echo(&context, request, &response), "Echo");
  };
  const auto echoes = [&] { return Slice(echo); };
  const auto arms = [&] {
    const double us = Slice([&] { subject.Arm(); });
    subject.CheckAndDisarm(kCalls);
    return us;
  };
  subject.CheckAndDisarm(1);
  for (int i = 0; i < kWarmUp; ++i) {
    echo();
  }
  arms();
  std::vector<double> echo_us;
  std::vector<double> arm_us;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    double a = 0;
    double b = 0;
    for (int slice = 0; slice < kSlices; ++slice) {
      const bool a_first = slice % 2 == 0;
      a += a_first ? echoes() : 0;
      b += arms();
      a += a_first ? 0 : echoes();
    }
    echo_us.push_back(a / kSlices);
    arm_us.push_back(b / kSlices);
    ratios.push_back(b / a);
  }
  using Better = Report::Better;
  report.Add("fault.echo_rpc.us", Median(echo_us), "us", Better::kLower);
  report.Add("fault.arm_rpc.us", Median(arm_us), "us", Better::kLower);
  report.Add("fault.arm_rpc.ratio", Median(ratios), "ratio", Better::kLower,
             kBar);
}

int Main(int argc, char** argv) {
  CLI::App app("Measures arming over RPC against a bare echo.", "arm_bench");
  const std::filesystem::path here =
      std::filesystem::canonical("/proc/self/exe").parent_path();
  std::string json;
  std::string echo_server = (here / "bench_echo_server").string();
  std::string server = (here / "../../server/main/mmfaultd").string();
  app.add_option("--json", json, "Write the results there");
  app.add_option("--echo-server", echo_server, "The bare server's program");
  app.add_option("--server", server, "mmfaultd");
  CLI11_PARSE(app, argc, argv);
  const auto plain = ServerProcess::Start({echo_server});
  const auto tested = ServerProcess::Start(
      {server, "--listen", "127.0.0.1:0", "--log-level", "warning"});
  if (plain == nullptr || tested == nullptr) {
    return 1;
  }
  const auto echo = EchoService::NewStub(ChannelTo(*plain));
  Subject subject(*tested);
  Report report;
  Compare(*echo, subject, report);
  if (!json.empty() && !report.WriteJson(json)) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) { return mmfault::bench::Main(argc, argv); }
