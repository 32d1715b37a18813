// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/xml.h"

namespace mmfault::report {
namespace {

// Bytes of the UTF-8 sequence at `at`, 0 when it is broken.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  size_t length = 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) length = 2;
  if (lead >= 0xe0 && lead < 0xf0) length = 3;
  if (lead >= 0xf0 && lead < 0xf5) length = 4;
  if (at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void AppendAscii(char c, std::string& out) {
  switch (c) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\n':
    case '\t':
      out += c;
      return;
    default:
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
}

}  // namespace

std::string XmlEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(text, at);
    if (length == 0) out += '?';
    if (length == 1) AppendAscii(text[at], out);
    if (length > 1) out += text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  return out;
}

XmlWriter::XmlWriter()
    : document_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {}

void XmlWriter::Start(const std::string& element,
                      const Attributes& attributes) {
  document_ += std::string(2 * open_.size(), ' ') + "<" + element;
  for (const auto& [name, value] : attributes) {
    document_ += " " + name + "=\"" + XmlEscape(value) + "\"";
  }
}

void XmlWriter::Open(const std::string& element, const Attributes& attributes) {
  Start(element, attributes);
  document_ += ">\n";
  open_.push_back(element);
}

void XmlWriter::Close() {
  const std::string element = open_.back();
  open_.pop_back();
  document_ += std::string(2 * open_.size(), ' ') + "</" + element + ">\n";
}

void XmlWriter::Leaf(const std::string& element, const Attributes& attributes,
                     const std::string& text) {
  Start(element, attributes);
  document_ +=
      text.empty() ? "/>\n" : ">" + XmlEscape(text) + "</" + element + ">\n";
}

}  // namespace mmfault::report
