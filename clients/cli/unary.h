// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// unary.h: the shape of most commands: one call, and its answer printed.

#ifndef MMFAULT_CLIENTS_CLI_UNARY_H_
#define MMFAULT_CLIENTS_CLI_UNARY_H_

#include <iostream>

#include "clients/cli/context.h"
#include "clients/cli/output.h"
#include "clients/cpp/session.h"

namespace mmfault::cli {

// Calls, then prints the answer as JSON, or as what `text(response)` returns.
// False, with the error printed, when the call fails.
template <typename Stub, typename Request, typename Response, typename Text>
bool CallAndPrint(Context& context, client::Session& session, Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*,
                                               const Request&, Response*),
                  const Request& request, const Text& text) {
  const auto answer = session.Call(stub, method, request);
  if (!answer.ok()) return context.Fail(answer.status);
  std::cout << (context.is_json() ? ToJson(answer.value) : text(answer.value));
  return true;
}

// The same for a listing: all of its pages as one answer.
template <typename Stub, typename Request, typename Response, typename Text>
bool ListAndPrint(Context& context, client::Session& session, Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*,
                                               const Request&, Response*),
                  const Request& request, const Text& text) {
  Response all;
  const grpc::Status status =
      session.ForEachPage(stub, method, request, [&all](const Response& page) {
        all.MergeFrom(page);
        all.clear_next_page_token();
      });
  if (!status.ok()) return context.Fail(status);
  std::cout << (context.is_json() ? ToJson(all) : text(all));
  return true;
}

// For calls whose answer says nothing: prints `done`.
template <typename Response>
auto Saying(const std::string& done) {
  return [done](const Response&) { return done + "\n"; };
}

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_UNARY_H_
