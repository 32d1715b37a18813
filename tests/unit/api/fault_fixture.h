// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_fixture.h: a world `w` with an mm `m0`, and short ways to arm faults
// there, to hold leases, and to see who stands where.
//
// Threads: as the stubs.

#ifndef MMFAULT_TESTS_UNIT_API_FAULT_FIXTURE_H_
#define MMFAULT_TESTS_UNIT_API_FAULT_FIXTURE_H_

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/api/api_fixture.h"

namespace mmfault::api {

inline constexpr char kAfterStart[] = "mm/unmap_region/after_start";

// One HoldLease stream, driven synchronously; it speaks when it is told to.
class HeldLease {
 public:
  HeldLease(v1::FaultService::Stub& stub, const std::string& client,
            std::chrono::milliseconds ttl = std::chrono::minutes(5),
            const std::string& id = "") {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub.HoldLease(&context_);
    v1::HoldLeaseRequest request;
    request.mutable_open()->set_client(client);
    request.mutable_open()->set_lease_id(id);
    request.mutable_open()->mutable_ttl()->set_seconds(ttl.count() / 1000);
    request.mutable_open()->mutable_ttl()->set_nanos(
        static_cast<int32_t>(ttl.count() % 1000 * 1'000'000));
    stream_->Write(request);
    name_ = Read().lease().name();
  }
  ~HeldLease() {
    if (stream_ != nullptr) {
      context_.TryCancel();
      Finish();
    }
  }

  // Empty when it was refused.
  const std::string& name() const { return name_; }

  void Write(const v1::HoldLeaseRequest& request) { stream_->Write(request); }
  void KeepAlive() {
    v1::HoldLeaseRequest request;
    request.mutable_keep_alive();
    Write(request);
  }
  // The next message; an empty one when the stream has ended.
  v1::HoldLeaseResponse Read() {
    v1::HoldLeaseResponse response;
    if (!stream_->Read(&response)) {
      response.Clear();
    }
    return response;
  }
  void Cancel() { context_.TryCancel(); }
  void HalfClose() { stream_->WritesDone(); }
  grpc::Status Finish() {
    const grpc::Status status = stream_->Finish();
    stream_ = nullptr;
    return status;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::HoldLeaseRequest, v1::HoldLeaseResponse>>
      stream_;
  std::string name_;
};

class FaultTest : public ApiTest {
 protected:
  FaultTest() {
    EXPECT_TRUE(CreateWorld("w", Settings()).ok());
    EXPECT_TRUE(CreateMm("w", "m0").ok());
  }

  static v1::ArmFaultRequest Rule(const std::string& id,
                                  const std::string& point,
                                  const std::string& trigger) {
    v1::ArmFaultRequest request;
    request.set_parent("worlds/w");
    request.set_fault_id(id);
    v1::FaultRule& rule = *request.mutable_fault()->add_rules();
    rule.set_point(point);
    rule.set_trigger(trigger);
    return request;
  }

  grpc::Status Arm(const v1::ArmFaultRequest& request,
                   v1::Fault* fault = nullptr) {
    v1::ArmFaultResponse response;
    const grpc::Status status =
        Call(*faults_, &v1::FaultService::Stub::ArmFault, request, &response);
    if (fault != nullptr) *fault = response.fault();
    return status;
  }

  v1::DisarmFaultResponse Disarm(const std::string& id) {
    v1::DisarmFaultRequest request;
    request.set_name("worlds/w/faults/" + id);
    v1::DisarmFaultResponse response;
    const grpc::Status status = Call(
        *faults_, &v1::FaultService::Stub::DisarmFault, request, &response);
    EXPECT_TRUE(status.ok()) << client::Describe(status);
    return response;
  }

  std::vector<v1::Fault> Armed(const std::string& world = "w") {
    v1::ListFaultsRequest request;
    request.set_parent("worlds/" + world);
    v1::ListFaultsResponse response;
    EXPECT_TRUE(
        Call(*faults_, &v1::FaultService::Stub::ListFaults, request, &response)
            .ok());
    return {response.faults().begin(), response.faults().end()};
  }

  v1::WaitForHitResponse WaitFor(const std::string& point) {
    v1::WaitForHitRequest request;
    request.set_parent("worlds/w");
    request.set_point(point);
    v1::WaitForHitResponse response;
    const grpc::Status status =
        Call(*faults_, &v1::FaultService::Stub::WaitForHit, request, &response);
    EXPECT_TRUE(status.ok()) << client::Describe(status);
    return response;
  }

  // Runs on a thread of its own: the task stands at a hold meanwhile.
  std::future<int32_t> UnmapElsewhere() {
    return std::async(std::launch::async, [this] {
      v1::RunStepResponse response;
      const grpc::Status status =
          RunStep("w", Munmap(0x100000, 0x101000), &response, "t");
      return status.ok() ? response.result().rc() : 1;
    });
  }
};

}  // namespace mmfault::api

#endif  // MMFAULT_TESTS_UNIT_API_FAULT_FIXTURE_H_
