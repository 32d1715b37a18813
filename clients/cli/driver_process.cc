// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/driver_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "clients/cli/exit_codes.h"

namespace mmfault::cli {

std::unique_ptr<DriverProcess> DriverProcess::Start(const std::string& server,
                                                    const std::string& run,
                                                    const std::string& file,
                                                    std::string* error) {
  std::vector<std::string> words = {"mmfault", "--server", server, "drive",
                                    "--quiet", run,        file};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  // Not fork(): gRPC has threads by now.
  const int code = posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr,
                               arguments.data(), environ);
  if (code != 0) {
    *error = std::string("the driver process cannot be started: ") +
             std::strerror(code);
    return nullptr;
  }
  return std::unique_ptr<DriverProcess>(new DriverProcess(pid));
}

DriverProcess::~DriverProcess() {
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  Wait();
}

int DriverProcess::Wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kExitInfrastructure;
}

}  // namespace mmfault::cli
