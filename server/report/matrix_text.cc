// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// matrix_text.cc: the matrix in a terminal of 80 columns.

#include <algorithm>
#include <string>
#include <vector>

#include "server/report/matrix.h"

namespace mmfault::report {
namespace {

constexpr size_t kColumnWidth = 4;
constexpr size_t kLineWidth = 79;

constexpr char kLegend[] =
    "ok HOLDS   X VIOLATED   T TOLERATED: the design lives with it\n"
    "-  NOT_APPLICABLE   ? INCONCLUSIVE   empty: not staged\n"
    "+  a planted mistake was found   ! one was missed; neither says anything\n"
    "   of the protocol as it was\n";

std::string Left(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

// Lines end with their last word: no blanks that an editor would take away.
std::string Trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

size_t NameWidth(const Matrix& matrix) {
  size_t width = 8;
  for (const std::string& protocol : matrix.protocols) {
    width = std::max(width, protocol.size());
  }
  return width + 2;
}

// `P37b` is wider than the others.
size_t WidthOf(const Matrix& matrix, size_t column) {
  return std::max(kColumnWidth, matrix.entries[column].size() + 1);
}

std::string RenderBlock(const Matrix& matrix, const std::string& heading,
                        const std::vector<size_t>& columns) {
  const size_t name_width = NameWidth(matrix);
  std::string line = Left("", name_width);
  for (const size_t column : columns) {
    line += Left(matrix.entries[column], WidthOf(matrix, column));
  }
  std::string text = heading + "\n" + Trimmed(line);
  for (size_t row = 0; row < matrix.protocols.size(); ++row) {
    line = Left(matrix.protocols[row], name_width);
    for (const size_t column : columns) {
      line +=
          Left(CellText(matrix.cells[row][column]), WidthOf(matrix, column));
    }
    text += Trimmed(line);
  }
  return text + "\n";
}

// The staged columns of one part, as many blocks as the line's width asks for.
std::string RenderPart(const Matrix& matrix, const MatrixPart& part) {
  std::string text;
  std::vector<size_t> block;
  size_t width = NameWidth(matrix);
  for (const size_t column : part.columns) {
    if (!matrix.IsStaged(column)) continue;
    if (width + WidthOf(matrix, column) > kLineWidth && !block.empty()) {
      text += RenderBlock(matrix, part.name, block);
      block.clear();
      width = NameWidth(matrix);
    }
    block.push_back(column);
    width += WidthOf(matrix, column);
  }
  return block.empty() ? text : text + RenderBlock(matrix, part.name, block);
}

std::string NotStaged(const Matrix& matrix) {
  std::string text;
  for (size_t column = 0; column < matrix.entries.size(); ++column) {
    if (!matrix.IsStaged(column)) text += " " + matrix.entries[column];
  }
  if (text.empty()) return "";
  // Wrapped at the last blank that fits.
  std::string out;
  std::string line = "not staged:";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at + 1), text.size());
    const std::string word = text.substr(at, end - at);
    if (line.size() + word.size() > kLineWidth) {
      out += line + "\n";
      line = "           ";
    }
    line += word;
    at = end;
  }
  return out + line + "\n";
}

}  // namespace

std::string RenderMatrixText(const Matrix& matrix) {
  std::string text;
  for (const MatrixPart& part : PartsOf(matrix)) {
    text += RenderPart(matrix, part);
  }
  return text + kLegend + NotStaged(matrix);
}

}  // namespace mmfault::report
