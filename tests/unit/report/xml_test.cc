// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/xml.h"

#include <gtest/gtest.h>

namespace mmfault::report {
namespace {

TEST(XmlEscapeTest, MarkupIsEscaped) {
  EXPECT_EQ(XmlEscape("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
}

TEST(XmlEscapeTest, WhatXmlCannotCarryIsReplaced) {
  EXPECT_EQ(XmlEscape(std::string("a\0b\x1b", 4)), "a?b?");
  EXPECT_EQ(XmlEscape("\xff\xc3"), "??");
  EXPECT_EQ(XmlEscape("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(XmlWriterTest, ElementsNest) {
  XmlWriter xml;
  xml.Open("a", {{"x", "1"}});
  xml.Leaf("b", {}, "text");
  xml.Leaf("c", {});
  xml.Close();
  EXPECT_EQ(xml.document(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<a x=\"1\">\n  <b>text</b>\n  <c/>\n</a>\n");
}

}  // namespace
}  // namespace mmfault::report
