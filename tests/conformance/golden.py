#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of a kernel as text, one row a line, and back, byte for byte.

  golden.py pack DIR >golden/KERNEL.txt     DIR holds SCENARIO.jsonl
  golden.py unpack golden/KERNEL.txt DIR    writes them again

A text file has a line `== SCENARIO` before its rows. A row is the values of its
JSON object, tab-separated in the order of the line of column names; `null` is
`~`, true and false are `yes` and `no`. `npages` is `~` in rows without it.
pack checks that unpacking gives the same bytes.
"""

import json
import pathlib
import sys

COLUMNS = ("seq t_us actor kind notifier call event start end npages region "
           "blockable rc mm mm_users mm_count mmap_lock atomic vma x").split()
TEXTS = {"actor", "kind", "notifier", "call", "event", "region", "mmap_lock"}
WORDS = {"~": None, "yes": True, "no": False}


def to_text(value):
    for word, meaning in WORDS.items():
        if value is meaning:
            return word
    return str(value)


def from_text(column, text):
    if text in WORDS:
        return WORDS[text]
    return text if column in TEXTS else int(text)


def pack_line(line):
    row = json.loads(line)
    assert all(value != word for value in row.values() for word in WORDS), row
    text = "\t".join(to_text(row.get(column)) for column in COLUMNS)
    assert unpack_line(text) == line, line
    return text


def unpack_line(text):
    row = {column: from_text(column, value)
           for column, value in zip(COLUMNS, text.split("\t"), strict=True)}
    if row["npages"] is None:
        del row["npages"]
    return json.dumps(row)


def pack(folder):
    print("\t".join(COLUMNS))
    for path in sorted(pathlib.Path(folder).glob("*.jsonl")):
        print(f"== {path.stem}")
        for line in path.read_text().splitlines():
            print(pack_line(line))


def unpack(file, folder):
    out = None
    for line in pathlib.Path(file).read_text().splitlines()[1:]:
        if line.startswith("== "):
            out = (pathlib.Path(folder) / f"{line[3:]}.jsonl").open("w")
        else:
            out.write(unpack_line(line) + "\n")


def main(arguments):
    match arguments:
        case ["pack", folder]:
            pack(folder)
        case ["unpack", file, folder]:
            unpack(file, folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
