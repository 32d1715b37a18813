#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Merges the results of bench programs and says which values miss their bars.

Each input is what tests/bench/report.h writes:

  {"name": {"value": 0.97, "unit": "ratio", "bar": 0.9, "better": "higher"}}

A value that has to be near its bar has "better": "near" and a "tolerance". The
output has the same form. Exits with 1 when a value misses its bar, is
missing where there is a bar, or a name comes twice.
"""

import argparse
import json
import os
import sys


def merge(paths):
    """Returns the rows of all files by name; ValueError on a repeated name."""
    rows = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for name, row in json.load(file).items():
                if name in rows:
                    raise ValueError(f"{path}: {name} was measured twice")
                rows[name] = row
    return dict(sorted(rows.items()))


def misses(row):
    """Whether the row has a bar and does not reach it."""
    if row.get("bar") is None:
        return False
    if row["value"] is None:
        return True
    if row["better"] == "near":
        return abs(row["value"] - row["bar"]) > row["tolerance"]
    if row["better"] == "higher":
        return row["value"] < row["bar"]
    return row["value"] > row["bar"]


def bar_text(row):
    """The row's bar as a reader would write it."""
    if row["better"] == "near":
        return f"{row['bar']} +- {row['tolerance']}"
    return f"{'>=' if row['better'] == 'higher' else '<='} {row['bar']}"


def write(path, rows):
    """Writes by temporary file and rename: a reader sees old or new, whole."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=2)
        file.write("\n")
    os.replace(temporary, path)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("inputs", nargs="+")
    arguments = parser.parse_args(argv)
    try:
        rows = merge(arguments.inputs)
    except (OSError, ValueError) as error:
        print(f"merge.py: {error}", file=sys.stderr)
        return 1
    write(arguments.output, rows)
    missed = {name: row for name, row in rows.items() if misses(row)}
    judged = sum(row.get("bar") is not None for row in rows.values())
    print(f"{len(rows)} values in {arguments.output}; "
          f"{judged - len(missed)} of {judged} bars met")
    for name, row in missed.items():
        print(f"MISSED {name}: {row['value']} {row['unit']}, "
              f"bar {bar_text(row)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
