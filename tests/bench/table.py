#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the results of ./dev bench into docs/benchmarks.md.

  tests/bench/table.py build/bench.json docs/benchmarks.md

Replaces what is between the two marker lines of the document.
"""

import json
import sys

BEGIN = "<!-- begin: tests/bench/table.py -->"
END = "<!-- end -->"


def number(value):
    """Four digits are what a shared machine can tell."""
    if value is None:
        return "none"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def bar(row):
    """What the value is judged by; empty when it is only kept."""
    if row["bar"] is None:
        return ""
    if row["better"] == "near":
        return f"{row['bar']} ± {row['tolerance']}"
    return f"{'≥' if row['better'] == 'higher' else '≤'} {number(row['bar'])}"


def table(rows):
    """The lines of the table, sizes in ascending order."""
    def key(name):
        return [(part.isdigit(), int(part) if part.isdigit() else 0, part)
                for part in name.split(".")]

    lines = ["| name | value | unit | bar |", "|---|---:|---|---|"]
    for name in sorted(rows, key=key):
        row = rows[name]
        lines.append(f"| `{name}` | {number(row['value'])} | {row['unit']} | "
                     f"{bar(row)} |")
    return lines


def replace(text, lines):
    """The document with the lines between its markers."""
    head, rest = text.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    return "\n".join([head + BEGIN, *lines, END]) + tail


def main(argv):
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    with open(argv[0], encoding="utf-8") as file:
        rows = json.load(file)
    with open(argv[1], encoding="utf-8") as file:
        text = file.read()
    with open(argv[1], "w", encoding="utf-8") as file:
        file.write(replace(text, table(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
