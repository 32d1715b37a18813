#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Shows tidy.py both ways: planted faults it must report, twins it must not."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tidy  # noqa: E402

HEADER = ("// Copyright 2026 The mmfault Authors\n"
          "// SPDX-License-Identifier: Apache-2.0\n")


class TreeTest(unittest.TestCase):
    """Each test writes a small tree outside git and checks it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text, header=HEADER):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + text, encoding="utf-8")

    def found(self):
        """(path, line, check) of every error."""
        findings, _ = tidy.check_tree(self.root)
        return [(f.path, f.line, f.check) for f in findings if f.is_error]

    def assert_clean(self):
        self.assertEqual(self.found(), [])


class LayeringTest(TreeTest):
    def check_pair(self, source, target):
        self.write(source, f'#include "{target}"\n')
        return self.found()

    def test_reports_an_include_that_points_up(self):
        for source, target in [
                ("server/base/a.h", "server/trace/a.h"),
                ("server/mm/a.cc", "server/notifier/v12/v12.h"),
                ("server/notifier/v12/a.cc", "server/api/a.h"),
                ("server/trace/a.cc", "faults/registry.h"),
                ("server/main/a.cc", "server/testing/a.h"),
                ("server/testing/a.h", "server/host/a.h"),
                ("server/sched/a.h", "mmfault/v1/world.pb.h"),
                ("server/check/a.cc", "google/rpc/status.pb.h"),
                ("server/api/a.cc", "clients/cpp/session.h"),
                ("server/mm/a.cc", "server/unknown/a.h"),
                ("faults/registry.h", "server/base/check.h"),
                ("clients/cpp/session.h", "server/base/check.h"),
                ("clients/cli/run.cc", "server/api/a.h")]:
            with self.subTest(source=source, target=target):
                self.assertEqual(self.check_pair(source, target),
                                 [(source, 3, "layering")])
                (self.root / source).unlink()

    def test_accepts_includes_that_point_down(self):
        for source, target in [
                ("server/mm/a.cc", "server/mm/a.h"),
                ("server/mm/a.cc", "server/base/check.h"),
                ("server/sched/a.cc", "faults/registry.h"),
                ("server/scenario/a.cc", "mmfault/v1/scenario.pb.h"),
                ("server/testing/a.cc", "server/explore/a.h"),
                ("clients/cpp/session.cc", "mmfault/v1/world.grpc.pb.h"),
                ("clients/cli/run.cc", "server/main/server.h"),
                ("tests/e2e/a_test.cc", "server/main/server.h")]:
            with self.subTest(source=source, target=target):
                self.assertEqual(self.check_pair(source, target), [])


class DeterminismTest(TreeTest):
    BAD_LINES = [
        "std::thread worker(Run);",
        "std::random_device seed;",
        "std::uniform_int_distribution<int> die(1, 6);",
        "auto now = std::chrono::steady_clock::now();",
        "absl::flat_hash_map<int, int> counts;",
        "std::unordered_map<int, int> counts;",
        "std::set<const Task*> waiting;",
        "int r = rand();",
    ]

    def test_reports_each_ban_below_host(self):
        for folder in ("server/sched", "server/report", "faults"):
            for line in self.BAD_LINES:
                with self.subTest(folder=folder, line=line):
                    self.write(f"{folder}/a.cc", line + "\n")
                    self.assertEqual(
                        self.found(), [(f"{folder}/a.cc", 3, "determinism")])
                    (self.root / folder / "a.cc").unlink()

    def test_leaves_host_comments_and_strings_alone(self):
        self.write("server/host/a.cc", "\n".join(self.BAD_LINES) + "\n")
        self.write("server/sched/a.cc",
                   "// Not a std::thread: a coroutine.\n"
                   "/* std::random_device\n std::thread */\n"
                   'const char* kWhy = "no std::thread \\" here";\n'
                   "world.rand(1); std::map<int, Task*> by_id;\n")
        self.assert_clean()

    def test_accepts_a_line_that_says_why(self):
        allowed = "// tidy: allow(determinism: sorted before use)\n"
        self.write("server/sched/a.cc", allowed + self.BAD_LINES[4] + "\n")
        self.assert_clean()

    def test_refuses_a_reason_for_another_check(self):
        wrong = "// tidy: allow(todo: sorted before use)\n"
        self.write("server/sched/a.cc", wrong + self.BAD_LINES[4] + "\n")
        self.assertEqual(self.found(),
                         [("server/sched/a.cc", 4, "determinism")])


class FileTest(TreeTest):
    def test_reports_a_missing_license(self):
        self.write("dev", "echo hello\n", header="#!/bin/bash\n")
        self.write("README.md", "# Read me\n", header="")
        self.assertEqual(self.found(), [("dev", 1, "license")])

    def test_reports_long_and_heavy_files(self):
        self.write("server/mm/long.cc", "int x;\n" * tidy.LINES_FAIL)
        self.write("server/mm/longish.cc", "int x;\n" * tidy.LINES_WARN)
        self.write("tests/golden/heavy.json", "x" * (tidy.BYTES_FAIL + 1))
        self.assertEqual(self.found(), [("server/mm/long.cc", 1, "size"),
                                        ("tests/golden/heavy.json", 1, "size")])

    def test_warns_before_it_fails(self):
        self.write("server/mm/longish.cc", "int x;\n" * tidy.LINES_WARN)
        findings, _ = tidy.check_tree(self.root)
        self.assertEqual([f.is_error for f in findings], [False])

    def test_reports_paths_of_one_machine(self):
        bad = "see /ho" + "me/me/notes and ../sha" + "red/notes\n"
        self.write("docs/a.md", bad, header="")
        self.write("docs/b.md", "in $HOME/work/x, a/work/b, ~/home/c\n",
                   header="")
        self.assertEqual(self.found(), [("docs/a.md", 1, "paths")])

    def test_reports_unowned_todos(self):
        self.write("server/mm/a.cc", "// TODO: later\n// FIXME\n"
                                     "// TODO(ann): drop this, issue 12\n")
        self.assertEqual(self.found(), [("server/mm/a.cc", 3, "todo"),
                                        ("server/mm/a.cc", 4, "todo")])

    def test_skips_vendored_and_binary_files(self):
        self.write("protos/google/rpc/status.proto", "// TODO: theirs\n", "")
        (self.root / "trace.bin").write_bytes(b"\xff\xfe TODO")
        self.assert_clean()


class TwinsTest(TreeTest):
    def test_lists_units_without_a_test(self):
        for name in ("server/mm/rmap.cc", "server/mm/mmap.cc", "faults/a.cc",
                     "tests/unit/mm/rmap_test.cc"):
            self.write(name, "")
        _, untested = tidy.check_tree(self.root)
        self.assertEqual(untested, ["faults/a.cc", "server/mm/mmap.cc"])
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
