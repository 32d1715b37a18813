#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps docs/kernel-map.md: what is modelled, where, after what, how it differs.

The table is made from the comments above the functions themselves, in the form

    // Rule: ... Kernel: mm/mremap.c:move_ptes(), v6.1. Differs: ...

  kernel_map.py           writes docs/kernel-map.md
  kernel_map.py --check   says what is missing and exits with 1: a modelled
                          function without a cite, or a map that is out of date

A modelled function is one with a kernel name (lower case with underscores) that
is a task of the simulation, in the rooms that model the kernel.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAP = ROOT / "docs" / "kernel-map.md"
ROOMS = ["server/kernel", "server/mm", "server/notifier"]
TASK = re.compile(
    r"^(?:inline |static )?(?:sched::|kernel::)?Task<[^;={}]*>\s+"
    r"(?P<name>[A-Za-z_]\w*)\(", re.M)
HEAD = """# Kernel map

Every function of the kernel that mmfault models: where it is here, what it is
modelled after, and where it differs. Made by `tests/tidy/kernel_map.py` from
the comments above the functions; a test fails when one has no cite, or when
this page is out of date. "mail" cites are of the linux-mm and linux-kernel
lists of 2008.

"""


def comment_above(lines, index):
    """The comment block that ends right above a line, as one text."""
    block = []
    index -= 1
    while index >= 0 and lines[index].startswith("//"):
        block.append(lines[index][2:].strip())
        index -= 1
    return " ".join(reversed(block))


def functions_of(path):
    """(name, comment) of each task function that a file defines."""
    text = path.read_text()
    lines = text.split("\n")
    for match in TASK.finditer(text):
        after = text[match.end():]
        brace, semicolon = after.find("{"), after.find(";")
        if semicolon != -1 and (brace == -1 or semicolon < brace):
            continue  # a declaration
        line = text.count("\n", 0, match.start())
        yield match["name"], comment_above(lines, line)


def is_kernel_name(name):
    return name == name.lower() and "_" in name.strip("_")


def part(comment, head, ends):
    """The text after `head:` up to the next of `ends`."""
    match = re.search(head + r":\s*(.*)", comment)
    if not match:
        return ""
    text = match[1]
    for end in ends:
        text = text.split(end + ":")[0]
    return text.strip().rstrip(".").replace("|", "\\|")


def declared_comments(room):
    """Comments above declarations: a cite may stand in the header."""
    found = {}
    for path in sorted((ROOT / room).rglob("*.h")):
        lines = path.read_text().split("\n")
        for number, line in enumerate(lines):
            match = TASK.match(line)
            if match:
                comment = comment_above(lines, number)
                if "Kernel:" in comment:
                    found[match["name"]] = comment
    return found


def collect():
    rows, missing = [], []
    for room in ROOMS:
        headers = declared_comments(room)
        for path in sorted((ROOT / room).rglob("*.cc")):
            where = str(path.relative_to(ROOT))
            for name, comment in functions_of(path):
                if "Kernel:" not in comment:
                    comment = headers.get(name, comment)
                if "Kernel:" in comment:
                    rows.append((where, name, comment))
                elif is_kernel_name(name):
                    missing.append(f"{where}: {name}() has no `Kernel:` cite")
    return rows, missing


def render(rows):
    out = [HEAD]
    last = None
    for where, name, comment in rows:
        if where != last:
            out.append(f"\n## {where}\n\n| function | modelled after | "
                       "differs |\n|---|---|---|\n")
            last = where
        cite = part(comment, "Kernel", ["Differs", "Rule"])
        differs = part(comment, "Differs", ["Kernel", "Rule"]) or "-"
        out.append(f"| `{name}` | {cite} | {differs} |\n")
    return "".join(out)


def main():
    rows, missing = collect()
    text = render(rows)
    if "--check" not in sys.argv[1:]:
        MAP.write_text(text)
        print(f"{MAP.relative_to(ROOT)}: {len(rows)} functions")
        return 0
    for line in missing:
        print(line)
    stale = not MAP.exists() or MAP.read_text() != text
    if stale:
        print("docs/kernel-map.md is out of date: run tests/tidy/kernel_map.py")
    print(f"kernel map: {len(rows)} functions, {len(missing)} without a cite")
    return 1 if missing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
