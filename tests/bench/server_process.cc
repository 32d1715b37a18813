// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/server_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace mmfault::bench {
namespace {

constexpr std::string_view kAnnouncement = "listening on ";

[[noreturn]] void Exec(int stdout_fd, const std::vector<std::string>& command) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  dup2(stdout_fd, STDOUT_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  std::fprintf(stderr, "%s: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

// The address of the first announcement; empty at the end of the output. Lines
// after it are left in the pipe: servers announce and then print no more.
std::string ReadAddress(FILE* output) {
  char* line = nullptr;
  size_t capacity = 0;
  std::string address;
  ssize_t length = 0;
  while (address.empty() && (length = getline(&line, &capacity, output)) > 0) {
    const std::string_view text(line, static_cast<size_t>(length) - 1);
    if (text.starts_with(kAnnouncement)) {
      address = text.substr(kAnnouncement.size());
    }
  }
  free(line);
  return address;
}

}  // namespace

std::unique_ptr<ServerProcess> ServerProcess::Start(
    std::vector<std::string> command) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return nullptr;
  const pid_t pid = fork();
  if (pid == 0) Exec(pipe_fds[1], command);
  close(pipe_fds[1]);
  FILE* output = fdopen(pipe_fds[0], "r");
  const std::string address = ReadAddress(output);
  fclose(output);
  if (!address.empty()) {
    return std::unique_ptr<ServerProcess>(new ServerProcess(pid, address));
  }
  std::fprintf(stderr, "%s did not start\n", command[0].c_str());
  waitpid(pid, nullptr, 0);
  return nullptr;
}

ServerProcess::~ServerProcess() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

}  // namespace mmfault::bench
