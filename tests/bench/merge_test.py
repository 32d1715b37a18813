#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: a missed bar cannot pass unseen. Method: small files, merged."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import merge  # pylint: disable=wrong-import-position


def row(value, bar, better="higher"):
    return {"value": value, "unit": "ratio", "bar": bar, "better": better}


class MergeTest(unittest.TestCase):

    def run_merge(self, *files):
        """Returns (exit code, merged rows or None, what was printed)."""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for index, rows in enumerate(files):
                paths.append(os.path.join(folder, f"{index}.json"))
                with open(paths[-1], "w", encoding="utf-8") as file:
                    json.dump(rows, file)
            output = os.path.join(folder, "out.json")
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), \
                 contextlib.redirect_stderr(printed):
                code = merge.main(["--output", output, *paths])
            merged = None
            if os.path.exists(output):
                with open(output, encoding="utf-8") as file:
                    merged = json.load(file)
            return code, merged, printed.getvalue()

    def test_merges_all_files(self):
        code, merged, _ = self.run_merge({"b": row(1, None)}, {"a": row(2, 1)})
        self.assertEqual(code, 0)
        self.assertEqual(list(merged), ["a", "b"])

    def test_a_bar_may_have_two_sides(self):
        near = [dict(row(value, 2, "near"), tolerance=0.2)
                for value in (1.79, 1.81, 2.19, 2.21)]
        code, _, printed = self.run_merge(
            {"under": near[0], "low": near[1], "high": near[2], "over": near[3]})
        self.assertEqual(code, 1)
        self.assertIn("MISSED under: 1.79 ratio, bar 2 +- 0.2", printed)
        self.assertIn("MISSED over:", printed)
        self.assertIn("2 of 4 bars met", printed)

    def test_names_what_misses_its_bar(self):
        code, merged, printed = self.run_merge({
            "low": row(0.8, 0.9),
            "high": row(2.1, 2.0, "lower"),
            "gone": row(None, 1),
            "met": row(0.9, 0.9),
        })
        self.assertEqual(code, 1)
        self.assertEqual(len(merged), 4)
        for name in ("low", "high", "gone"):
            self.assertIn(f"MISSED {name}:", printed)
        self.assertNotIn("MISSED met", printed)
        self.assertIn("1 of 4 bars met", printed)

    def test_a_name_measured_twice_is_an_error(self):
        code, merged, printed = self.run_merge({"a": row(1, 0)},
                                               {"a": row(2, 0)})
        self.assertEqual(code, 1)
        self.assertIsNone(merged)
        self.assertIn("a was measured twice", printed)


if __name__ == "__main__":
    unittest.main()
