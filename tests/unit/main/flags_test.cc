// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: each flag reaches the option that it is for; the log's and the port
// file's formats hold. Method: parse command lines, read files back.

#include "server/main/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "server/base/error.h"
#include "server/main/logging.h"
#include "server/main/port_file.h"
#include "tests/support/matchers.h"

namespace mmfault::server {
namespace {

using ::mmfault::testing_support::IsOk;
using ::testing::ElementsAre;

// The flags of a command line; the program's name is left out.
Flags Parse(const std::string& line) {
  CLI::App app;
  Flags flags;
  AddFlags(app, flags);
  app.parse(line);
  return flags;
}

TEST(FlagsTest, DefaultIsPlaintextOnLoopback) {
  const Flags flags = Parse("");
  EXPECT_THAT(flags.listen, ElementsAre("127.0.0.1:50051"));
  EXPECT_FALSE(flags.allow_insecure_public);
}

TEST(FlagsTest, ListenMayBeRepeatedAndReplacesTheDefault) {
  const Flags flags = Parse("--listen 127.0.0.1:0 --listen unix:/tmp/s");
  EXPECT_THAT(OptionsFrom(flags).listen,
              ElementsAre("127.0.0.1:0", "unix:/tmp/s"));
}

TEST(FlagsTest, EveryLimitHasItsFlag) {
  const host::Limits limits =
      OptionsFrom(
          Parse("--max-worlds 1 --max-mms-per-world 2 --max-vmas-per-mm 3 "
                "--max-tasks-per-world 4 --max-notifiers-per-world 5 "
                "--max-events-per-world 6 --max-message-bytes 7 "
                "--max-streams-per-connection 8 --max-runs 9 "
                "--max-running-runs 10 --max-workers-per-run 11"))
          .limits;
  EXPECT_EQ(limits.max_worlds, 1);
  EXPECT_EQ(limits.max_mms_per_world, 2);
  EXPECT_EQ(limits.max_vmas_per_mm, 3);
  EXPECT_EQ(limits.max_tasks_per_world, 4);
  EXPECT_EQ(limits.max_notifiers_per_world, 5);
  EXPECT_EQ(limits.max_events_per_world, 6);
  EXPECT_EQ(limits.max_message_bytes, 7);
  EXPECT_EQ(limits.max_streams_per_connection, 8);
  EXPECT_EQ(limits.max_runs, 9);
  EXPECT_EQ(limits.max_running_runs, 10);
  EXPECT_EQ(limits.max_workers_per_run, 11);
}

TEST(FlagsTest, LimitsAndLevelsAreChecked) {
  EXPECT_THROW(Parse("--max-worlds 0"), CLI::ParseError);
  EXPECT_THROW(Parse("--max-tasks-per-world 57"), CLI::ParseError);
  EXPECT_THROW(Parse("--drain-seconds -1"), CLI::ParseError);
  EXPECT_THROW(Parse("--log-level loud"), CLI::ParseError);
}

TEST(FlagsTest, DrainSecondsMayBeAFraction) {
  EXPECT_EQ(OptionsFrom(Parse("--drain-seconds 0.25")).drain_deadline,
            std::chrono::milliseconds(250));
}

TEST(LoggingTest, EscapesForJson) {
  EXPECT_EQ(JsonEscape("a \"b\" \\ \n\x01"), "a \\\"b\\\" \\\\ \\u000a\\u0001");
}

TEST(PortFileTest, HoldsOneAddressALineAndReplacesTheOldOne) {
  const std::string path = ::testing::TempDir() + "port_file_test";
  ASSERT_THAT(WritePortFile(path, {"old:1"}), IsOk());
  ASSERT_THAT(WritePortFile(path, {"127.0.0.1:5", "unix:/tmp/s"}), IsOk());
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, "127.0.0.1:5\nunix:/tmp/s\n");
  unlink(path.c_str());
}

TEST(PortFileTest, SaysWhyItCannotBeWritten) {
  const absl::Status status = WritePortFile("/nonexistent/ports", {"a:1"});
  EXPECT_EQ(base::ReasonOf(status), "PORT_FILE_UNWRITABLE");
  EXPECT_EQ(status.message(),
            "cannot write /nonexistent/ports: No such file or directory");
}

}  // namespace
}  // namespace mmfault::server
