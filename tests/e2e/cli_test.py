#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: what a person types at `mmfault` does what its help says.

Method: the built program, with its own embedded server and with a mmfaultd in
another process; exit codes and output are looked at, nothing sleeps.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from server_process import BUILD, ROOT, ServerProcess

MMFAULT = BUILD / "clients/cli/mmfault"
EXAMPLES = BUILD / "clients/cpp/examples"
SCENARIOS = ROOT / "tests/scenarios/fast"
KNOWN_BUGS = ROOT / "tests/scenarios/known_bugs"
SECONDS = 100


def run(*words, cwd=None, server=None, program=MMFAULT, **variables):
    """Runs the program to its end: a CompletedProcess with text output."""
    environment = {**os.environ, **variables}
    environment.pop("MMFAULT_SERVER", None)
    if server is not None:
        environment["MMFAULT_SERVER"] = server
    return subprocess.run([str(program), *map(str, words)], cwd=cwd, text=True,
                          capture_output=True, timeout=SECONDS, check=False,
                          env=environment)


class FolderTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def example(self, **changes):
        """The scenario of `mmfault init`, with words in it replaced."""
        run("init", "example.textproto", cwd=self.folder)
        path = os.path.join(self.folder, "example.textproto")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for old, new in changes.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.write("example.textproto", text)


class RunTest(FolderTest):

    def test_the_example_runs_and_is_met(self):
        result = run("run", self.example())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 met", result.stdout)
        self.assertIn("seed", result.stdout)

    def test_an_unexpected_violation_exits_with_1_and_can_be_replayed(self):
        path = self.example(**{"modelled {}":
                               "modelled { forgets_invalidate: true }"})
        result = run("run", path)
        self.assertEqual(result.returncode, 1, result.stdout)
        replay = result.stdout.split("next: ")[-1].split()
        self.assertEqual(replay[:2], ["mmfault", "run"])
        again = run(*replay[1:])
        self.assertEqual(again.returncode, 1, again.stdout)
        self.assertIn("no_stale_secondary_mapping", again.stdout)

    def test_a_file_that_does_not_parse_is_named_with_line_and_column(self):
        path = self.write("bad.textproto", 'id: "bad"\n  nonsense: 1\n')
        result = run("run", path)
        self.assertEqual(result.returncode, 64)
        self.assertRegex(result.stderr, r"bad\.textproto:2:\d+: ")

    def test_usage_exits_with_64_and_says_what_to_type(self):
        for words in (["run"], ["bogus"], ["world", "get"], ["world", "list"],
                      ["run", "none.textproto"], ["run", "x", "--shard", "2/2"],
                      ["run", self.example(), "--protocol", "9.9"]):
            result = run(*words)
            self.assertEqual(result.returncode, 64, words)
            self.assertTrue(result.stderr.startswith("mmfault: "),
                            result.stderr)

    def test_half_a_shard_is_an_error(self):
        result = run("run", self.example(), TEST_SHARD_INDEX="0")
        self.assertEqual(result.returncode, 64)
        self.assertIn("TEST_TOTAL_SHARDS is not", result.stderr)

    def test_shards_together_are_the_whole(self):
        path = self.example(**{'protocols: "6.1"':
                               'protocols: ["emm_v3", "v11", "6.1"]',
                               'step { unregister { notifier: "n0" } }': "",
                               'step { free { notifier: "n0" } }': ""})
        parts = [json.loads(run("run", path, "--shard", f"{i}/2",
                                "-o", "json").stdout) for i in range(2)]
        protocols = [case["protocol"] for part in parts
                     for case in part["results"]]
        self.assertEqual(sorted(protocols), ["6.1", "emm_v3", "v11"])

    def test_nobody_at_the_address_exits_with_125(self):
        result = run("run", self.example(),
                     server=f"unix:{self.folder}/nobody")
        self.assertEqual(result.returncode, 125)

    def test_junit_is_valid_and_carries_the_replay_line(self):
        junit = os.path.join(self.folder, "out.xml")
        result = run("run", SCENARIOS / "sleeping_notifier_spin.textproto",
                     "--junit", junit)
        self.assertEqual(result.returncode, 0, result.stdout)
        with open(junit, encoding="utf-8") as file:
            self.assertIn("replay: mmfault run ", file.read())
        if shutil.which("xmllint"):
            check = subprocess.run(
                ["xmllint", "--noout", "--schema",
                 str(ROOT / "deploy/ci/junit.xsd"), junit],
                capture_output=True, text=True, check=False)
            self.assertEqual(check.returncode, 0, check.stderr)


    def test_the_matrix_stands_instead_of_the_cases(self):
        path = SCENARIOS / "walk_vs_release.textproto"
        result = run("run", path, "--matrix")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^ +P12$")
        self.assertRegex(result.stdout, r"(?m)^v11 +X$")
        self.assertNotIn("walk_vs_release  ", result.stdout)

    def test_the_matrix_of_a_server_is_the_one_of_the_program(self):
        with ServerProcess.start() as server:
            words = ("run", SCENARIOS / "walk_vs_release.textproto", "--matrix",
                     "--matrix-format", "json", "--seed", "1")
            self.assertEqual(run(*words).stdout,
                             run(*words, server=server.address).stdout)

    def test_a_matrix_is_text_json_or_html(self):
        path = SCENARIOS / "walk_vs_release.textproto"
        for words in (["--matrix-format", "json"], ["-o", "json"]):
            matrix = json.loads(run("run", path, "--matrix", *words).stdout)
            cells = {(c["protocol"], c["entry"]): c for c in matrix["cells"]}
            self.assertEqual(cells["v11", "P12"]["verdict"], "VIOLATED")
        html = os.path.join(self.folder, "matrix.html")
        result = run("run", path, "--matrix", "--matrix-file", html)
        self.assertIn("walk_vs_release  ", result.stdout)
        with open(html, encoding="utf-8") as file:
            self.assertTrue(file.read().startswith("<!DOCTYPE html>"))
        self.assertEqual(
            run("run", path, "--matrix-format", "html").returncode, 64)


class RemoteTest(FolderTest):

    def test_a_driver_in_another_process_comes_to_the_same_verdicts(self):
        for name in ("sleeping_notifier_spin", "walk_vs_release",
                     "register_vs_madvise"):
            path = SCENARIOS / f"{name}.textproto"
            result = run("run", "--remote", path)
            self.assertEqual(result.returncode, 0, result.stdout)
            self.assertIn("notifiers in another process", result.stdout)

    def test_the_examples_find_what_is_planted_and_nothing_else(self):
        with ServerProcess.start() as server:
            right = run("--server", server.address,
                        program=EXAMPLES / "mirror")
            self.assertEqual(right.returncode, 0, right.stdout + right.stderr)
            wrong = run("--server", server.address,
                        program=EXAMPLES / "mirror_wrong")
        self.assertEqual(wrong.returncode, 1, wrong.stdout + wrong.stderr)
        self.assertIn("no_stale_secondary_mapping", wrong.stdout)
        self.assertIn("no_use_after_free", wrong.stdout)


class ServerTest(FolderTest):
    """A session at a server, as an operator would type it."""

    def setUp(self):
        super().setUp()
        self.server = ServerProcess.start()
        self.addCleanup(self.server.kill)

    def ok(self, *words):
        result = run(*words, server=self.server.address)
        self.assertEqual(result.returncode, 0, (words, result.stderr))
        return result.stdout

    def test_a_world_from_creation_to_deletion(self):
        self.assertIn("lockstep", self.ok("world", "create", "--id", "w0",
                                          "--protocol", "6.1", "--drive-mode",
                                          "lockstep"))
        self.ok("mm", "create", "w0", "--id", "m0", "--vma", "0x1000-0x5000")
        self.ok("fault", "arm", "w0", "mm/exit_mmap/after_release", "1*hold")
        self.assertIn("exit_mmap", self.ok("fault", "list", "w0"))
        self.ok("mm", "step", "w0", "--task", "t0",
                'munmap { mm: "m0" range { start: 0x1000 end: 0x2000 } }')
        self.assertIn("idle", self.ok("world", "advance", "w0"))
        self.assertIn("rc 0", self.ok("task", "get", "w0/t0"))
        self.assertIn("m0", self.ok("mm", "list", "w0"))
        self.ok("task", "signal", "w0/t0", "10")
        self.ok("mm", "teardown", "w0/m0", "--force")
        self.ok("world", "advance", "w0")
        self.assertIn("after_release", self.ok("fault", "holds", "w0"))
        self.ok("fault", "disarm", "w0/-")
        self.ok("world", "advance", "w0")
        self.assertIn("dead", self.ok("mm", "get", "w0/m0"))
        self.assertIn("exit_mmap", self.ok("world", "watch", "w0"))
        self.ok("world", "violations", "w0")
        self.ok("notifier", "list", "w0")
        self.ok("world", "delete", "w0")

    def test_plans_levers_and_barriers(self):
        self.ok("world", "create", "--id", "w0", "--protocol", "6.1")
        plan = self.write("plan.textproto", '''
          faults { name: "a" rules { point: "mm/exit_mmap/enter"
                                     trigger: "1*hold" } }
          faults { name: "b" rules { point: "kernel/kmalloc/alloc"
                                     trigger: "2*error(ENOMEM)" } }''')
        self.assertIn("nothing armed", self.ok("fault", "plan", "w0", plan,
                                               "--dry-run"))
        self.assertNotIn("faults/a", self.ok("fault", "list", "w0"))
        self.assertIn("armed at epoch 1", self.ok("fault", "plan", "w0", plan))
        self.ok("mm", "create", "w0", "--id", "m0", "--vma", "0x1000-0x5000")
        self.ok("fault", "arm", "w0", "mm/unmap_region/after_start", "1*yield",
                "--range", "0x2000-0x3000", "--operation", "munmap",
                "--mm", "m0", "--id", "c")
        wrong = run("fault", "arm", "w0", "device/callback/enter", "off",
                    "--event", "relese", server=self.server.address)
        self.assertEqual(wrong.returncode, 64)
        self.ok("fault", "arm", "w0", "device/callback/enter", "off",
                "--event", "release")
        self.ok("mm", "step", "w0", "--task", "t0",
                'munmap { mm: "m0" range { start: 0x1000 end: 0x2000 } }')
        self.assertRegex(self.ok("fault", "list", "w0"), r"faults/c +0 +0 ")
        self.ok("mm", "step", "w0", "--task", "t0",
                'munmap { mm: "m0" range { start: 0x2000 end: 0x3000 } }')
        self.assertRegex(self.ok("fault", "list", "w0"), r"faults/c +1 +1 ")
        self.assertIn("disarmed 4 faults", self.ok(
            "fault", "lever", "pull", "--reason", "a drill"))
        refused = run("fault", "plan", "w0", plan, server=self.server.address)
        self.assertEqual(refused.returncode, 64)
        self.assertIn("a drill", refused.stderr)
        self.assertIn("a drill", self.ok("fault", "lever", "list"))
        self.assertIn("is lifted", self.ok("fault", "lever", "lift"))
        self.ok("fault", "plan", "w0", plan)
        self.assertIn("HOLD", self.ok("fault", "paused", "w0"))
        with subprocess.Popen(
                [MMFAULT, "--server", self.server.address, "fault", "barrier",
                 "w0/b", "2", "--as", "other"], stdout=subprocess.PIPE,
                text=True) as other:
            self.ok("fault", "barrier", "w0/b", "2", "--as", "me")
            self.assertIn("opened", other.stdout.read())
        alone = run("fault", "barrier", "w0/b", "2", "--timeout", "0.01",
                    server=self.server.address)
        self.assertEqual(alone.returncode, 2, alone.stderr)
        self.assertIn("BARRIER", self.ok("fault", "barriers", "w0"))
        self.assertIn("LEASE", self.ok("fault", "leases"))

    def test_a_run_is_kept_and_its_violation_told_and_replayed(self):
        self.ok("run", SCENARIOS / "sleeping_notifier_spin.textproto",
                "--protocol", "seed_flags")
        listing = json.loads(self.ok("run", "list", "-o", "json"))
        name = listing["runs"][0]["name"]
        self.assertIn("no_sleep_in_atomic", self.ok("run", "get", name))
        capsule = os.path.join(self.folder, "failure.mmfault")
        self.assertIn("mm_lock", self.ok("run", "trace", name,
                                         "--capsule", capsule))
        replay = run("replay", capsule)
        self.assertEqual(replay.returncode, 1, replay.stderr)
        self.assertIn("no_sleep_in_atomic", replay.stdout)
        self.assertIn("** no_sleep_in_atomic", replay.stdout)
        self.assertIn("HOLDS", replay.stdout)
        self.ok("run", "delete", name)

    def test_a_run_leaves_a_capsule_for_each_violation(self):
        folder = os.path.join(self.folder, "capsules")
        self.ok("run", SCENARIOS / "sleeping_notifier_spin.textproto",
                "--protocol", "seed_flags", "--capsules", folder)
        names = os.listdir(folder)
        self.assertIn("sleeping_notifier_spin-seed_flags-no_sleep_in_atomic"
                      ".mmfault", names)
        for name in names:
            replay = run("replay", os.path.join(folder, name))
            self.assertEqual(replay.returncode, 1, replay.stderr)
            checker = name.removesuffix(".mmfault").split("-")[-1]
            self.assertIn("VIOLATED " + checker, replay.stdout)

    def test_a_livelock_is_replayed_as_a_prefix_and_a_loop(self):
        folder = os.path.join(self.folder, "livelock")
        self.ok("run", KNOWN_BUGS / "p52_livelock.textproto",
                "--protocol", "6.1", "--capsules", folder)
        capsule = os.path.join(folder, "p52_livelock-6.1-no_livelock.mmfault")
        with open(capsule, encoding="utf-8") as file:
            self.assertRegex(file.read(), r'decisions: ".*,\(.*\)\*100"')
        replay = run("replay", capsule)
        self.assertEqual(replay.returncode, 1, replay.stderr)
        self.assertIn("** no_livelock", replay.stdout)
        self.assertRegex(replay.stdout, r"steps \d+ to \d+ are a loop: it went "
                                        r"round 100 times")
        smaller = os.path.join(folder, "smaller.mmfault")
        report = run("minimize", capsule, "--capsule", smaller)
        self.assertEqual(report.returncode, 1, report.stderr)
        self.assertEqual(run("replay", smaller).returncode, 1)

    def test_the_execution_of_the_readme_is_a_leak(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        decisions = re.search(r"--decisions (\S+)", text).group(1)
        story = run("replay", KNOWN_BUGS / "p46_by_exploration.textproto",
                    "--protocol", "6.1", "--decisions", decisions)
        self.assertEqual(story.returncode, 1, story.stderr)
        self.assertIn("VIOLATED no_deadlock", story.stdout)

    def test_what_a_search_finds_is_replayed_and_minimized(self):
        scenario = KNOWN_BUGS / "p46_by_exploration.textproto"
        found = run("explore", scenario, "--protocol", "6.1", cwd=self.folder)
        self.assertEqual(found.returncode, 1, found.stderr)
        line = re.search(r"mmfault (replay .*--decisions .*)", found.stdout)
        self.assertIsNotNone(line, found.stdout)
        capsule = os.path.join(self.folder, "leak.textproto")
        story = run(*line.group(1).split(), "--capsule", capsule)
        self.assertEqual(story.returncode, 1, story.stderr)
        self.assertIn("VIOLATED no_deadlock", story.stdout)

        smaller = os.path.join(self.folder, "smaller.textproto")
        report = run("minimize", capsule, "--capsule", smaller)
        self.assertEqual(report.returncode, 1, report.stderr)
        self.assertIn("preemptions", report.stdout)
        test = os.path.join(self.folder, "leak_test.cc")
        again = run("replay", smaller, "--gtest", test)
        self.assertEqual(again.returncode, 1, again.stderr)
        with open(test, encoding="utf-8") as file:
            self.assertIn("TEST(MmfaultReplay, p46_by_exploration_6_1)",
                          file.read())
        stopped = run("replay", smaller, "--break-on", "oom_reap_task_mm")
        self.assertIn("stopped at step", stopped.stdout)
        nowhere = run("replay", smaller, "--break-on", "no_such_function")
        self.assertEqual(nowhere.returncode, 64)

        with open(smaller, encoding="utf-8") as file:
            text = file.read()
        edited = re.sub(r'fingerprint: "..', 'fingerprint: "zz', text)
        self.assertNotEqual(edited, text)
        with open(smaller, "w", encoding="utf-8") as file:
            file.write(edited)
        other = run("replay", smaller)
        self.assertEqual(other.returncode, 125, other.stdout)
        self.assertIn("another execution from step 1 on", other.stderr)

    def test_workers_find_the_same_and_a_case_repeats(self):
        scenario = KNOWN_BUGS / "p46_by_exploration.textproto"
        outputs = {
            run("explore", scenario, "--protocol", "6.1", "--workers",
                workers).stdout for workers in ("1", "2", "3")
        }
        self.assertEqual(len(outputs), 1, outputs)
        self.assertRegex(outputs.pop(),
                         r"fault points passed, \d+ of \d+ pairs")
        again = run("run", self.example(), "--recheck", "--workers", "2")
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)

    def test_an_unknown_name_has_a_hint(self):
        result = run("world", "get", "w9", server=self.server.address)
        self.assertEqual(result.returncode, 64)
        self.assertIn("WORLD_NOT_FOUND", result.stderr)
        self.assertIn("next: mmfault world list", result.stderr)


class OfflineTest(unittest.TestCase):

    def test_protocols_and_points_need_no_server(self):
        self.assertIn("seed_bitmaps", run("protocol", "list").stdout)
        self.assertIn("mm_take_all_locks", run("protocol", "describe",
                                               "6.1").stdout)
        self.assertIn("mm/exit_mmap/", run("fault", "points").stdout)
        found = run("fault", "points", "users").stdout
        self.assertIn("mm/exit_mmap/enter", found)
        self.assertNotIn("kernel/", found)
        missed = run("fault", "points", "kernel/kmaloc/alloc")
        self.assertEqual(missed.returncode, 64)
        self.assertIn("kernel/kmalloc/alloc", missed.stderr)

    def test_bash_completion_parses(self):
        script = run("completion", "bash").stdout
        check = subprocess.run(["bash", "-n"], input=script, text=True,
                               capture_output=True, check=False)
        self.assertEqual(check.returncode, 0, check.stderr)


if __name__ == "__main__":
    unittest.main()
