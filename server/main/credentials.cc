// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/credentials.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace mmfault::server {
namespace {

absl::StatusOr<std::string> ReadPem(const char* flag, const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    const std::string cause = errno != 0 ? std::strerror(errno) : "empty";
    return base::InvalidFieldError(
        flag, "TLS_FILE_UNREADABLE",
        std::string("--") + flag + "=" + path + ": " + cause, {{"path", path}});
  }
  return text.str();
}

absl::Status CheckComplete(const TlsFiles& tls) {
  if (tls.cert.empty() == tls.key.empty() &&
      (tls.client_ca.empty() || !tls.cert.empty())) {
    return absl::OkStatus();
  }
  return base::InvalidFieldError(
      "tls-cert", "TLS_FILES_INCOMPLETE",
      "TLS needs both --tls-cert and --tls-key; --tls-client-ca is optional "
      "and needs both, too");
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(
    const TlsFiles& tls) {
  grpc::SslServerCredentialsOptions options(
      tls.client_ca.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  ASSIGN_OR_RETURN(pair.cert_chain, ReadPem("tls-cert", tls.cert));
  ASSIGN_OR_RETURN(pair.private_key, ReadPem("tls-key", tls.key));
  options.pem_key_cert_pairs.push_back(std::move(pair));
  if (!tls.client_ca.empty()) {
    ASSIGN_OR_RETURN(options.pem_root_certs,
                     ReadPem("tls-client-ca", tls.client_ca));
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> CredentialsFor(
    const ListenAddress& address, const TlsFiles& tls,
    bool allow_insecure_public) {
  RETURN_IF_ERROR(CheckComplete(tls));
  if (!tls.cert.empty() && !address.is_unix) return TlsCredentials(tls);
  if (address.IsLocal() || allow_insecure_public) {
    return grpc::InsecureServerCredentials();
  }
  return base::WrongStateError(
      address.ToString(), "PLAINTEXT_ON_PUBLIC_ADDRESS",
      "refusing plaintext on " + address.ToString() +
          ": whoever reaches it could tear down other users' worlds. Give "
          "--tls-cert and --tls-key (and --tls-client-ca for mTLS), listen on "
          "127.0.0.1 or unix:/PATH, or, where the network itself is closed, "
          "add --allow-insecure-public");
}

}  // namespace mmfault::server
