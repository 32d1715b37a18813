#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: `mmfault sweep` is complete, the same in parts, and what it says repeats.

Method: the built program with its own server and with a mmfaultd in another
process; one sweep is killed in the middle and gone on with. Nothing sleeps.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import unittest
from xml.etree import ElementTree

from cli_test import FolderTest, MMFAULT, SCENARIOS, run
from server_process import ROOT, ServerProcess

REGISTER = SCENARIOS / "signal_during_register.textproto"
LOCKS = ("--point", "notifier/mm_lock", "--action", "signal(SIGUSR1)")


class SweepTest(FolderTest):

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def sweep(self, *words, code=0, **variables):
        result = run("sweep", REGISTER, *LOCKS, *words, **variables)
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        return result

    def test_every_lock_of_every_protocol(self):
        report = json.loads(self.sweep("--format", "json").stdout)
        self.assertGreater(len(report["cases"]), 10)
        self.assertEqual(report["standing"], "met")
        cells = 0
        for case in report["cases"]:
            hits = {p["point"]: p["hits"] for p in case["points"]}
            fired = dict.fromkeys(hits, 0)
            for cell in case["cells"]:
                cells += 1
                if cell["kind"] == "SINGLE" and cell["outcome"] != "NOT_FIRED":
                    fired[cell["faults"][0]["point"]] += 1
            self.assertEqual(fired, hits)
            self.assertEqual(case["groups"], case["complete_groups"])
        totals = report["totals"]
        self.assertEqual(cells, totals.pop("cells"))
        self.assertEqual(cells, sum(totals.values()))

    def test_text_and_html(self):
        text = self.sweep("--protocol", "v12", "--out", self.path("m.html"))
        self.assertRegex(text.stdout, r"^\d+ cells: \d+ hold, 0 violated")
        self.assertIn("<table>", self.read("m.html"))
        table = self.sweep("--protocol", "v12").stdout
        self.assertIn("signal_during_register under v12", table)
        self.assertRegex(table, r"notifier/mm_lock/lock +signal\(SIGUSR1\)")

    def test_a_violated_cell_has_a_line_that_repeats_it(self):
        result = self.sweep("--protocol", "seed_flags", "--mutant",
                            "rollback_forgets_locks", code=1)
        lines = [line.strip() for line in result.stdout.splitlines()
                 if line.strip().startswith("mmfault replay ")]
        self.assertGreater(len(lines), 2)
        for line in lines[:3]:
            again = run(*shlex.split(line)[1:])
            self.assertEqual(again.returncode, 1, line)
            self.assertIn("locks_balanced", again.stdout)
            # That fault alone: the file's own sweeps are no part of the cell.
            self.assertEqual(
                len(set(re.findall("after the fault .*", again.stdout))), 1)
            self.assertIn("without the faults the promise holds", again.stdout)

    def test_shards_are_the_whole(self):
        whole = self.sweep("--protocol", "srcu", "--resume", self.path("whole"))
        parts = []
        for i in range(3):
            parts.append(self.path(f"part{i}"))
            self.sweep("--protocol", "srcu", "--shard", f"{i}/3", "--resume",
                       parts[-1])
        merged = run("merge", *parts)
        self.assertEqual(merged.returncode, 0, merged.stderr)
        self.assertEqual(merged.stdout, whole.stdout)
        for form in ("json", "html"):
            self.assertEqual(
                run("merge", "--format", form, *parts).stdout,
                run("merge", "--format", form, self.path("whole")).stdout)
        twice = run("merge", parts[0], parts[0], parts[1])
        self.assertEqual(twice.returncode, 64)
        self.assertIn("twice", twice.stderr)
        self.assertIn("2/3 is missing", run("merge", *parts[:2]).stderr)

    def test_goes_on_where_it_was_killed(self):
        words = ("--protocol", "subscriptions", "--schedules", "40")
        whole = self.sweep(*words, "--resume", self.path("whole"))
        journal = self.path("killed")
        # Killed as soon as some cells are there.
        with subprocess.Popen(
                [str(MMFAULT), "sweep", str(REGISTER), *LOCKS, *words,
                 "--resume", journal], stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if os.path.exists(journal) and os.path.getsize(journal) > 3000:
                    process.send_signal(signal.SIGKILL)
                    break
        with open(journal, "a", encoding="utf-8") as file:
            file.write('cell {"case_index": "0", "gro')  # a write that was cut
        self.assertEqual(self.sweep(*words, "--resume", journal).stdout,
                         whole.stdout)
        lines = self.read("whole").splitlines()
        for keep in (1, 2, 3, len(lines) // 2, len(lines) - 1):
            with open(journal, "w", encoding="utf-8") as file:
                file.write("\n".join(lines[:keep]) + "\n")
            self.assertEqual(self.sweep(*words, "--resume", journal).stdout,
                             whole.stdout)

    def test_a_journal_of_another_sweep_is_refused(self):
        self.sweep("--protocol", "v12", "--resume", self.path("j"))
        other = self.sweep("--protocol", "v11", "--resume", self.path("j"),
                           code=64)
        self.assertIn("of another sweep", other.stderr)
        shard = self.sweep("--protocol", "v12", "--shard", "0/2", "--resume",
                           self.path("j"), code=64)
        self.assertIn("shard", shard.stderr)

    def test_a_server_elsewhere_says_the_same(self):
        with ServerProcess.start() as server:
            there = self.sweep("--protocol", "v12", server=server.address)
        self.assertEqual(there.stdout, self.sweep("--protocol", "v12").stdout)

    def test_pairs_and_swarms(self):
        report = json.loads(self.sweep("--protocol", "v12", "--pairs", "7",
                                       "--format", "json").stdout)
        kinds = [cell["kind"] for cell in report["cases"][0]["cells"]]
        self.assertEqual(kinds.count("PAIR"), 7)
        words = ("sweep", REGISTER, "--protocol", "v12", "--swarm", "5",
                 "--seed", "3", "--format", "json")
        swarm = run(*words)
        cells = json.loads(swarm.stdout)["cases"][0]["cells"]
        self.assertEqual([cell["kind"] for cell in cells],
                         ["FAULT_FREE"] + ["SWARM"] * 5)
        self.assertEqual([cell["seed"] for cell in cells[1:]],
                         [3, 4, 5, 6, 7])
        self.assertEqual(run(*words).stdout, swarm.stdout)

    def test_the_commands_of_the_documents(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        words = shlex.split(re.search(r"\$M (sweep .*)", readme).group(1))
        words[-1] = self.path("sweep.html")
        self.assertEqual(run(*words, cwd=ROOT).returncode, 0)
        self.assertIn("<table>", self.read("sweep.html"))
        text = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
        commands = re.findall(r"^\| .*`mmfault (sweep [^`]*)`", text, re.M)
        self.assertEqual(len(commands), 8)
        for command in commands:
            result = run(*shlex.split(command), cwd=SCENARIOS)
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_junit_has_a_case_a_cell(self):
        words = ("--protocol", "seed_flags", "--junit", self.path("s.xml"),
                 "--format", "json")
        report = json.loads(self.sweep(*words).stdout)
        root = ElementTree.parse(self.path("s.xml")).getroot()
        cells = report["totals"]["cells"]
        self.assertEqual(int(root.get("tests")), cells + 1)
        self.assertEqual(int(root.get("skipped")),
                         report["totals"]["NOT_FIRED"])
        self.assertEqual(root.get("failures"), "0")
        self.sweep(*words, "--mutant", "rollback_forgets_locks", code=1)
        root = ElementTree.parse(self.path("s.xml")).getroot()
        failures = [failure for failure in root.iter("failure")
                    if failure.get("message").startswith("locks_balanced: ")]
        self.assertEqual(len(failures), int(root.get("failures")))
        line = re.search(r"replay: (mmfault .*)", failures[0].text).group(1)
        again = run(*shlex.split(line)[1:])
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("locks_balanced", again.stdout)
        if shutil.which("xmllint"):
            subprocess.run(["xmllint", "--noout", "--schema",
                            str(ROOT / "deploy/ci/junit.xsd"),
                            self.path("s.xml")],
                           check=True, capture_output=True)

    def test_any_number_of_workers_says_the_same(self):
        alone = self.sweep("--protocol", "v12", "--resume", self.path("one"))
        for workers in ("2", "3"):
            self.assertEqual(self.sweep("--protocol", "v12", "--workers",
                                        workers).stdout, alone.stdout)
        # What one has begun, others may go on with.
        lines = self.read("one").splitlines()
        with open(self.path("one"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines[:len(lines) // 2]) + "\n")
        self.assertEqual(self.sweep("--protocol", "v12", "--workers", "3",
                                    "--resume", self.path("one")).stdout,
                         alone.stdout)

    def test_a_task_and_an_operation(self):
        words = ("sweep", REGISTER, "--protocol", "seed_flags", "--point",
                 "sched/task/step", "--action", "signal(SIGUSR1)",
                 "--operation", "register")
        table = run(*words).stdout
        self.assertRegex(
            table, r"sched/task/step operation=register +signal\(SIGUSR1\)")
        broken = run(*words, "--mutant", "rollback_forgets_locks")
        line = next(line.strip() for line in broken.stdout.splitlines()
                    if line.strip().startswith("mmfault replay "))
        self.assertIn("'sched/task/step operation=register: when=", line)
        again = run(*shlex.split(line)[1:])
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("locks_balanced", again.stdout)
        self.assertIn("TASK_NOT_FOUND", run(*words, "--task", "xyz").stderr)
        typo = run("sweep", REGISTER, "--operation", "regster")
        self.assertEqual(typo.returncode, 64)
        self.assertIn("did you mean", typo.stderr)

    def test_what_is_none_is_said(self):
        bad = self.sweep("--point", "notifier/mmlock", code=64)
        self.assertIn("no fault point begins with", bad.stderr)
        self.assertEqual(run("sweep").returncode, 64)


class RequireFiredTest(FolderTest):

    def test_a_rule_that_never_acts(self):
        path = self.example()
        idle = ("--fault", "notifier/register/enter: when=7 yield")
        plain = run("run", path, *idle)
        self.assertEqual(plain.returncode, 0, plain.stderr)
        self.assertIn("rule notifier/register/enter: when=7 yield never acted",
                      plain.stdout)
        strict = run("run", path, *idle, "--require-fired", "--junit",
                     "junit.xml", cwd=self.folder)
        self.assertEqual(strict.returncode, 1, strict.stdout)
        with open(os.path.join(self.folder, "junit.xml"),
                  encoding="utf-8") as file:
            self.assertIn("never acted", file.read())
        acting = run("run", path, "--require-fired", "--fault",
                     "notifier/register/enter: yield")
        self.assertEqual(acting.returncode, 0, acting.stdout)
        self.assertNotIn("never acted", acting.stdout)

    def test_a_hold_that_is_not_reached_and_a_probability_that_says_nothing(self):
        result = run("run", self.example(), "--schedules", "3",
                     "--fault", "notifier/unregister/unlinked: when=9 hold",
                     "--fault", "notifier/register/enter: 0.0001%signal(9)")
        self.assertIn("was never reached", result.stdout)
        self.assertIn("is void", result.stdout)

    def test_a_malformed_fault_is_refused(self):
        self.assertEqual(run("run", self.example(), "--fault",
                             "nonsense").returncode, 64)


if __name__ == "__main__":
    unittest.main()
