// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/flags.h"

#include "server/main/logging.h"

namespace mmfault::server {
namespace {

constexpr char kLimitsGroup[] = "Limits";
constexpr char kTlsGroup[] = "TLS";
constexpr char kLogGroup[] = "Log";

void AddLimit(CLI::App& app, const char* flag, int64_t& value, const char* help,
              int64_t most = INT64_MAX) {
  app.add_option(flag, value, help)
      ->group(kLimitsGroup)
      ->capture_default_str()
      ->check(
          CLI::Range(int64_t{1}, most, most == INT64_MAX ? "POSITIVE" : ""));
}

void AddListenFlags(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.listen,
                 "HOST:PORT or unix:/PATH; may be repeated. Port 0 takes a "
                 "free one, printed on stdout as \"listening on HOST:PORT\"")
      ->capture_default_str()
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--port-file", flags.port_file,
                 "Also write the addresses there, one a line");
  app.add_flag("--allow-insecure-public", flags.allow_insecure_public,
               "Allow plaintext off loopback; only on a closed network");
}

void AddTlsFlags(CLI::App& app, Flags& flags) {
  app.add_option("--tls-cert", flags.tls.cert, "Certificate chain, PEM")
      ->group(kTlsGroup);
  app.add_option("--tls-key", flags.tls.key, "Private key, PEM")
      ->group(kTlsGroup);
  app.add_option("--tls-client-ca", flags.tls.client_ca,
                 "Require clients' certificates to be signed by this CA, PEM")
      ->group(kTlsGroup);
}

void AddLogFlags(CLI::App& app, Flags& flags) {
  app.add_option("--log-level", flags.log_level, "Least level to log")
      ->group(kLogGroup)
      ->capture_default_str()
      ->check(CLI::IsMember(LogLevels()));
  app.add_flag("--log-json", flags.log_json, "One JSON object a line")
      ->group(kLogGroup);
}

}  // namespace

void AddLimitFlags(CLI::App& app, host::Limits& limits) {
  AddLimit(app, "--max-worlds", limits.max_worlds, "Worlds alive at once");
  AddLimit(app, "--max-mms-per-world", limits.max_mms_per_world,
           "mms of a world that are not freed");
  AddLimit(app, "--max-vmas-per-mm", limits.max_vmas_per_mm, "VMAs of an mm");
  AddLimit(app, "--max-tasks-per-world", limits.max_tasks_per_world,
           "Tasks of a world that have not exited", host::kMostTasksPerWorld);
  AddLimit(app, "--max-notifiers-per-world", limits.max_notifiers_per_world,
           "Notifiers of a world that are not freed");
  AddLimit(app, "--max-events-per-world", limits.max_events_per_world,
           "Events of a world kept for slow readers");
  AddLimit(app, "--max-runs", limits.max_runs,
           "Runs kept, finished ones included");
  AddLimit(app, "--max-running-runs", limits.max_running_runs,
           "Runs that execute at once");
  AddLimit(app, "--max-workers-per-run", limits.max_workers_per_run,
           "Threads that share the executions of a run", host::kMostWorkers);
  AddLimit(app, "--max-queued-steps-per-task", limits.max_queued_steps_per_task,
           "Steps that a task has waiting");
  AddLimit(app, "--max-arena-bytes-per-world", limits.max_arena_bytes_per_world,
           "Simulated state of a world");
  AddLimit(app, "--max-clients-per-world", limits.max_clients_per_world,
           "Clients attached to a world");
  AddLimit(app, "--max-message-bytes", limits.max_message_bytes,
           "Longest message accepted from a client");
  AddLimit(app, "--max-streams-per-connection",
           limits.max_streams_per_connection, "RPCs open on a connection");
}

void AddFlags(CLI::App& app, Flags& flags) {
  AddListenFlags(app, flags);
  app.add_option("--drain-seconds", flags.drain_seconds,
                 "How long calls may take to finish after SIGTERM")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--health-check", flags.health_check,
                 "Do not serve: ask the server at this address (plaintext) "
                 "whether it serves, and exit with 0 or 1");
  app.add_flag("--allow-crash", flags.limits.allow_crash,
               "Let fault rules crash the server (action crash)");
  AddTlsFlags(app, flags);
  AddLimitFlags(app, flags.limits);
  AddLogFlags(app, flags);
}

Server::Options OptionsFrom(const Flags& flags) {
  Server::Options options;
  options.listen = flags.listen;
  options.tls = flags.tls;
  options.allow_insecure_public = flags.allow_insecure_public;
  options.drain_deadline = std::chrono::milliseconds(
      static_cast<int64_t>(flags.drain_seconds * 1000));
  options.limits = flags.limits;
  return options;
}

}  // namespace mmfault::server
