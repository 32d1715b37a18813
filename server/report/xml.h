// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// xml.h: just enough XML to write a report.
//
// Threads: one writer per thread.

#ifndef MMFAULT_SERVER_REPORT_XML_H_
#define MMFAULT_SERVER_REPORT_XML_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmfault::report {

// Text for an element or an attribute. What XML 1.0 cannot carry at all
// (control characters, broken UTF-8) becomes `?`.
std::string XmlEscape(std::string_view text);

// Writes indented elements. Every Open() needs its Close().
class XmlWriter {
 public:
  using Attributes = std::vector<std::pair<std::string, std::string>>;

  XmlWriter();

  void Open(const std::string& element, const Attributes& attributes = {});
  void Close();

  // An element without child elements.
  void Leaf(const std::string& element, const Attributes& attributes,
            const std::string& text = "");

  const std::string& document() const { return document_; }

 private:
  void Start(const std::string& element, const Attributes& attributes);

  std::string document_;
  std::vector<std::string> open_;
};

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_XML_H_
