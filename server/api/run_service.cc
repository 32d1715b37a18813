// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/run_service.h"

#include <string>
#include <utility>
#include <vector>

#include "server/api/error_status.h"
#include "server/api/paging.h"
#include "server/api/run_streams.h"
#include "server/api/sweep_stream.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/report/junit.h"
#include "server/report/text.h"

namespace mmfault::api {
namespace {

// Answers a call that is done at once.
grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                 const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* RunService::CreateRun(
    grpc::CallbackServerContext* context, const v1::CreateRunRequest* request,
    v1::CreateRunResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // The request and the response live until Finish().
  const absl::Status status =
      runs_->Background([runs = runs_.get(), request, response, reactor] {
        absl::StatusOr<v1::CreateRunResponse> created = runs->Create(*request);
        if (created.ok()) {
          response->Swap(&*created);
        }
        reactor->Finish(ToGrpcStatus(created.status()));
      });
  if (!status.ok()) {
    reactor->Finish(ToGrpcStatus(status));
  }
  return reactor;
}

grpc::ServerUnaryReactor* RunService::GetRun(
    grpc::CallbackServerContext* context, const v1::GetRunRequest* request,
    v1::GetRunResponse* response) {
  const absl::StatusOr<std::shared_ptr<host::Run>> run =
      runs_->Find(request->name());
  if (run.ok()) {
    *response->mutable_run() = (*run)->View(/*with_results=*/true);
  }
  return Finish(context, run.status());
}

absl::Status RunService::List(const v1::ListRunsRequest& request,
                              v1::ListRunsResponse* response) const {
  const std::vector<host::RunTable::Listed> all = runs_->All();
  const std::vector<std::string> keys =
      KeysOf(all, &host::RunTable::Listed::key);
  ASSIGN_OR_RETURN(*response->mutable_next_page_token(),
                   Page(keys, request.page_size(), request.page_token(),
                        "ListRuns", [&](size_t i) {
                          *response->add_runs() =
                              all[i].run->View(/*with_results=*/false);
                        }));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* RunService::ListRuns(
    grpc::CallbackServerContext* context, const v1::ListRunsRequest* request,
    v1::ListRunsResponse* response) {
  return Finish(context, List(*request, response));
}

absl::Status RunService::Cancel(const v1::CancelRunRequest& request,
                                v1::CancelRunResponse* response) {
  ASSIGN_OR_RETURN(
      const bool repeated,
      runs_->requests().Find(request.request_id(), request, response));
  if (repeated) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<host::Run> run,
                   runs_->Find(request.name()));
  run->Cancel("cancelled by a client");
  *response->mutable_run() = run->View(/*with_results=*/false);
  runs_->requests().Keep(request.request_id(), request, *response);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* RunService::CancelRun(
    grpc::CallbackServerContext* context, const v1::CancelRunRequest* request,
    v1::CancelRunResponse* response) {
  return Finish(context, Cancel(*request, response));
}

absl::Status RunService::Delete(const v1::DeleteRunRequest& request,
                                v1::DeleteRunResponse* response) {
  ASSIGN_OR_RETURN(
      const bool repeated,
      runs_->requests().Find(request.request_id(), request, response));
  if (repeated) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(runs_->Delete(request.name()));
  runs_->requests().Keep(request.request_id(), request, *response);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* RunService::DeleteRun(
    grpc::CallbackServerContext* context, const v1::DeleteRunRequest* request,
    v1::DeleteRunResponse* response) {
  return Finish(context, Delete(*request, response));
}

grpc::ServerWriteReactor<v1::WatchRunResponse>* RunService::WatchRun(
    grpc::CallbackServerContext* /*context*/,
    const v1::WatchRunRequest* request) {
  return WatchRunStream(runs_.get(), *request);
}

grpc::ServerWriteReactor<v1::FetchTraceResponse>* RunService::FetchTrace(
    grpc::CallbackServerContext* /*context*/,
    const v1::FetchTraceRequest* request) {
  return FetchTraceStream(runs_.get(), *request);
}

absl::Status RunService::Report(const v1::GetReportRequest& request,
                                v1::GetReportResponse* response) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<host::Run> run,
                   runs_->Find(request.name()));
  const v1::Run view = run->View(/*with_results=*/true);
  if (view.state() < v1::Run::STATE_DONE) {
    return base::WrongStateError(
        request.name(), "RUN_WRONG_STATE",
        "the run is not over; WatchRun tells when it is",
        {{"run", request.name()},
         {"state", v1::Run::State_Name(view.state())}});
  }
  switch (request.format()) {
    case v1::GetReportRequest::FORMAT_UNSPECIFIED:
    case v1::GetReportRequest::FORMAT_TEXT:
      response->set_media_type("text/plain; charset=utf-8");
      response->set_content(report::RenderText(view));
      return absl::OkStatus();
    case v1::GetReportRequest::FORMAT_JUNIT:
      response->set_media_type("application/xml");
      response->set_content(report::RenderJunit(view));
      return absl::OkStatus();
    default:
      return base::InvalidFieldError(
          "format", "FIELD_OUT_OF_RANGE", "format is none that is known",
          {{"value", std::to_string(request.format())},
           {"min", "0"},
           {"max", std::to_string(v1::GetReportRequest::Format_MAX)}});
  }
}

grpc::ServerUnaryReactor* RunService::GetReport(
    grpc::CallbackServerContext* context, const v1::GetReportRequest* request,
    v1::GetReportResponse* response) {
  return Finish(context, Report(*request, response));
}

grpc::ServerWriteReactor<v1::SweepResponse>* RunService::Sweep(
    grpc::CallbackServerContext* /*context*/, const v1::SweepRequest* request) {
  return SweepStream(runs_.get(), *request);
}

}  // namespace mmfault::api
