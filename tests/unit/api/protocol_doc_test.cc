// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: docs/protocols.md has ten answers for every protocol, and they are what
// the code and `mmfault protocol describe` say. Method: the document below its
// first mark is made of the answers; MMFAULT_UPDATE_GOLDEN=1 writes it anew.

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "server/api/protocol_info.h"
#include "server/notifier/protocols.h"
#include "server/report/answers.h"

namespace mmfault::api {
namespace {

using ::testing::HasSubstr;

constexpr char kDocument[] = "docs/protocols.md";
constexpr char kMark[] = "<!-- What follows is made from the code. -->\n";

std::string ReadDocument() {
  std::ifstream in(kDocument);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string SectionOf(const notifier::Protocol& protocol) {
  std::string text = "\n## " + std::string(protocol.id) + "\n\n" +
                     std::string(protocol.title) + "\n\n| | |\n|---|---|\n";
  for (const report::Answer& answer : report::AnswersOf(protocol)) {
    text += "| " + std::string(answer.question) + " | " + answer.text + " |\n";
  }
  return text;
}

TEST(ProtocolDocTest, TheDocumentIsMadeOfTheAnswers) {
  const std::string document = ReadDocument();
  const size_t mark = document.find(kMark);
  ASSERT_NE(mark, std::string::npos) << kDocument;
  std::string made;
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    made += SectionOf(*protocol);
  }
  const size_t start = mark + std::string(kMark).size();
  if (std::getenv("MMFAULT_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(kDocument) << document.substr(0, start) << made;
    return;
  }
  EXPECT_EQ(document.substr(start), made)
      << "a change that is meant: MMFAULT_UPDATE_GOLDEN=1";
}

TEST(ProtocolDocTest, EveryProtocolAnswersEveryQuestion) {
  const auto asked = report::AnswersOf(*notifier::AllProtocols().front());
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const auto answers = report::AnswersOf(*protocol);
    for (int i = 0; i < report::kQuestionCount; ++i) {
      EXPECT_EQ(answers[i].question, asked[i].question);
      EXPECT_GT(answers[i].text.size(), 2) << protocol->id << " " << i;
      EXPECT_EQ(answers[i].text.find('|'), std::string::npos);
      EXPECT_EQ(answers[i].text.find(".."), std::string::npos)
          << answers[i].text;
    }
  }
}

TEST(ProtocolDocTest, DescribeSaysTheSame) {
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const v1::Protocol described = ToProto(*protocol);
    const std::string section = SectionOf(*protocol);
    EXPECT_THAT(section, HasSubstr(described.title()));
    EXPECT_THAT(section, HasSubstr(described.cite()));
    EXPECT_THAT(described.promises(),
                ::testing::Contains("a registration costs " +
                                    report::CostOf(*protocol)));
    for (const std::string& hole : described.known_holes()) {
      EXPECT_THAT(section, HasSubstr(hole)) << protocol->id;
    }
    EXPECT_EQ(described.checks_signals(),
              section.find("Yes, with -EINTR") != std::string::npos);
  }
}

}  // namespace
}  // namespace mmfault::api
