// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// credentials.h: TLS for the network, plaintext for what stays on the machine.
//
// A unix socket is always plaintext: its permissions say who may connect. A
// network address is TLS when a certificate was given, and otherwise plaintext,
// which is refused off loopback unless the operator insists: whoever can reach
// the port could create worlds and force teardowns in other teams' worlds.
//
// Threads: called before the server starts.

#ifndef MMFAULT_SERVER_MAIN_CREDENTIALS_H_
#define MMFAULT_SERVER_MAIN_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/main/address.h"

namespace mmfault::server {

// Paths of PEM files. All empty: plaintext. With a client CA, every client must
// show a certificate that it signed (mTLS).
struct TlsFiles {
  std::string cert;
  std::string key;
  std::string client_ca;
};

// The credentials for one address.
//
// Errors:
//   INVALID_ARGUMENT `TLS_FILES_INCOMPLETE`: a certificate without a key, a key
//     without a certificate, or a client CA without both.
//   INVALID_ARGUMENT `TLS_FILE_UNREADABLE`: names the file and the cause.
//   FAILED_PRECONDITION `PLAINTEXT_ON_PUBLIC_ADDRESS`: says what to do instead.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> CredentialsFor(
    const ListenAddress& address, const TlsFiles& tls,
    bool allow_insecure_public);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_CREDENTIALS_H_
