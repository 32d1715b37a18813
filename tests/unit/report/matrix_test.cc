// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a cell says what its cases say, never more; the three forms carry the
// same. Method: small runs written down as text.

#include "server/report/matrix.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <string>

#include "server/check/catalogue.h"

namespace mmfault::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Matrix MatrixFrom(const std::string& text) {
  v1::Run run;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &run));
  return MatrixOf(run);
}

// A case of one checker about P03.
std::string Case(const std::string& protocol, const std::string& verdict,
                 const std::string& more = "") {
  return "results { scenario: 's' protocol: '" + protocol + "' " + more +
         " checkers { checker: 'no_deadlock' verdict: " + verdict +
         " catalogue: 'P03' } }";
}

std::string CellOf(const Matrix& matrix, const std::string& protocol) {
  const MatrixCell* cell = matrix.Find(protocol, "P03");
  return cell == nullptr ? "no such cell" : CellText(*cell);
}

TEST(MatrixTest, TheWorstVerdictDecides) {
  const std::string rising[] = {"NOT_APPLICABLE", "HOLDS", "INCONCLUSIVE",
                                "TOLERATED", "VIOLATED"};
  const std::string signs[] = {"-", "ok", "?", "T", "X"};
  std::string cases;
  for (int i = 0; i < 5; ++i) {
    cases += Case("6.1", rising[i]);
    EXPECT_EQ(CellOf(MatrixFrom(cases), "6.1"), signs[i]);
  }
}

TEST(MatrixTest, WhatDecidesStandsFirst) {
  const Matrix matrix =
      MatrixFrom(Case("6.1", "HOLDS") + Case("6.1", "VIOLATED"));
  const MatrixCell* cell = matrix.Find("6.1", "P03");
  ASSERT_NE(cell, nullptr);
  ASSERT_EQ(cell->evidence.size(), 2);
  EXPECT_EQ(cell->evidence[0].verdict, v1::VIOLATED);
}

TEST(MatrixTest, APlantedMistakeIsNotTheProtocols) {
  const std::string planted = "mutants: 'no_rollback'";
  EXPECT_EQ(CellOf(MatrixFrom(Case("6.1", "VIOLATED", planted)), "6.1"), "+");
  EXPECT_EQ(CellOf(MatrixFrom(Case("6.1", "VIOLATED", planted) +
                              Case("6.1", "HOLDS")),
                   "6.1"),
            "ok+");
}

TEST(MatrixTest, APlantedMistakeThatIsMissedIsSeen) {
  const Matrix matrix = MatrixFrom(
      "results { scenario: 's' protocol: '6.1' mutants: 'm'"
      " checkers { checker: 'no_deadlock' verdict: HOLDS expected: VIOLATED"
      " catalogue: 'P03' } }");
  EXPECT_EQ(CellOf(matrix, "6.1"), "!");
}

TEST(MatrixTest, RowsAreInTheOrderOfHistory) {
  const Matrix matrix = MatrixFrom(Case("6.1", "HOLDS") + Case("own", "HOLDS") +
                                   Case("emm_v1", "HOLDS"));
  EXPECT_THAT(matrix.protocols, ::testing::ElementsAre("emm_v1", "6.1", "own"));
}

TEST(MatrixTest, AllTheCatalogueHasColumnsAndMore) {
  const Matrix matrix = MatrixFrom(
      "results { protocol: '6.1' checkers { checker: 'c' verdict: HOLDS"
      " catalogue: 'P99' } }");
  ASSERT_EQ(matrix.entries.size(), 69);
  EXPECT_EQ(matrix.entries.back(), "P99");
  EXPECT_EQ(check::Catalogue().size(), 68);
}

TEST(MatrixTest, WhatNoCaseSpeaksForIsEmpty) {
  const Matrix matrix = MatrixFrom(Case("6.1", "HOLDS") + Case("v12", "HOLDS"));
  EXPECT_EQ(CellText(*matrix.Find("6.1", "P04")), "");
  EXPECT_EQ(matrix.Find("3.6", "P03"), nullptr);
}

TEST(MatrixTextTest, LinesFitATerminalAndSayWhatIsNotStaged) {
  const std::string text =
      RenderMatrixText(MatrixFrom(Case("seed_flags_naive", "VIOLATED")));
  EXPECT_THAT(text, AllOf(HasSubstr("Registration\n"), HasSubstr(" P03\n"),
                          HasSubstr("seed_flags_naive  X\n"),
                          HasSubstr("not staged: P01 P02 P04")));
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    EXPECT_LE(line.size(), 80) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

// Replay lines with quotes and the like must not break the document.
constexpr char kAwkward[] =
    "results { scenario: 's<\"' protocol: '6.1'"
    " checkers { checker: 'no_deadlock' verdict: VIOLATED catalogue: 'P03' }"
    " violations { checker: 'no_deadlock' replay_line: 'mmfault \"a\\\\b\" <&'"
    " } }";

TEST(MatrixJsonTest, IsJsonAndLeavesOutWhatIsEmpty) {
  google::protobuf::Struct document;
  const auto status = google::protobuf::util::JsonStringToMessage(
      RenderMatrixJson(MatrixFrom(kAwkward)), &document);
  ASSERT_TRUE(status.ok()) << status.ToString();
  const auto& cells = document.fields().at("cells").list_value();
  ASSERT_EQ(cells.values_size(), 1);
  const auto& cell = cells.values(0).struct_value().fields();
  EXPECT_EQ(cell.at("verdict").string_value(), "VIOLATED");
  const auto& evidence =
      cell.at("evidence").list_value().values(0).struct_value().fields();
  EXPECT_EQ(evidence.at("replay").string_value(), "mmfault \"a\\b\" <&");
  EXPECT_EQ(document.fields().at("entries").list_value().values_size(), 68);
}

TEST(MatrixHtmlTest, ACellLeadsToItsEvidence) {
  const std::string html = RenderMatrixHtml(MatrixFrom(kAwkward));
  EXPECT_THAT(html, AllOf(HasSubstr("<td class=\"VIOLATED\"><a href=\"#c0-2\""),
                          HasSubstr("<section id=\"c0-2\">"),
                          HasSubstr("mmfault &quot;a\\b&quot; &lt;&amp;"),
                          HasSubstr("rmap hole"), Not(HasSubstr("<script"))));
}

TEST(MatrixHtmlTest, AnEmptyRunIsADocument) {
  EXPECT_THAT(RenderMatrixHtml(MatrixOf({})), HasSubstr("</html>\n"));
}

}  // namespace
}  // namespace mmfault::report
