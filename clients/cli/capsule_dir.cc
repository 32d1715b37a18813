// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/capsule_dir.h"

#include <filesystem>
#include <system_error>

#include "clients/cli/capsule_file.h"
#include "clients/cli/scenario_files.h"

namespace mmfault::cli {
namespace {

bool WriteCapsule(Context& context, client::Session& session,
                  const v1::FetchTraceRequest& request,
                  const std::string& path) {
  grpc::ClientContext call;
  const auto reader = session.runs().FetchTrace(&call, request);
  v1::FetchTraceResponse response;
  bool written = true;
  while (reader->Read(&response)) {
    if (response.has_capsule()) {
      written = WriteFile(path, CapsuleText(response.capsule()));
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return context.Fail(status);
  return written || context.FailInfrastructure(path + ": cannot be written");
}

}  // namespace

bool WriteCapsules(Context& context, client::Session& session,
                   const v1::Run& run, const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    return context.FailInfrastructure(dir + ": " + error.message());
  }
  for (const v1::CaseResult& result : run.results()) {
    for (const v1::Violation& violation : result.violations()) {
      v1::FetchTraceRequest request;
      request.set_name(run.name());
      request.set_case_index(result.index());
      request.set_violation_index(violation.index());
      request.set_capsule_only(true);
      const std::string name = result.scenario() + "-" + result.protocol() +
                               "-" + violation.checker() + ".mmfault";
      if (!WriteCapsule(context, session, request,
                        (std::filesystem::path(dir) / name).string())) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace mmfault::cli
