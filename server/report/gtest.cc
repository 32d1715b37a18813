// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/gtest.h"

#include <cctype>

namespace mmfault::report {
namespace {

// What is left of a name when it has to be an identifier.
std::string Identifier(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool fits = std::isalnum(static_cast<unsigned char>(c)) != 0;
    out += fits ? c : '_';
  }
  return out.empty() ? "unnamed" : out;
}

}  // namespace

std::string RenderGtest(const v1::Capsule& capsule, const std::string& text) {
  const std::string name =
      Identifier(capsule.scenario().id() + "_" + capsule.protocol());
  std::string out =
      "// Made by `mmfault replay --gtest`. Fails while the execution below\n"
      "// breaks " +
      (capsule.checker().empty() ? "a promise" : capsule.checker()) +
      ". In a CMakeLists.txt:\n"
      "//   target_link_libraries(" +
      name +
      "_test PRIVATE mmfault::testing GTest::gmock_main)\n\n"
      "#include \"clients/testing/testing.h\"\n"
      "#include \"gmock/gmock.h\"\n"
      "#include \"gtest/gtest.h\"\n\n"
      "TEST(MmfaultReplay, " +
      name +
      ") {\n"
      "  EXPECT_THAT(mmfault::testing::Replay(R\"capsule(\n" +
      text +
      ")capsule\"),\n"
      "              mmfault::testing::Holds());\n"
      "}\n";
  return out;
}

}  // namespace mmfault::report
