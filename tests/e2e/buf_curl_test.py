#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: a generic client finds its way by reflection alone.

Method: npm's buf, which knows nothing of our protos here. Exits with 77
(skipped) when deploy/ci/node_modules has no buf (`./dev lint` installs it).
"""

import json
import subprocess
import sys
import unittest

from server_process import ROOT, ServerProcess

BUF = ROOT / "deploy/ci/node_modules/.bin/buf"


def buf_curl(*arguments):
    """Returns what `buf curl` prints; fails with what it says."""
    result = subprocess.run(
        [str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge",
         *arguments],
        capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        raise AssertionError(f"buf curl {arguments}: {result.stderr}")
    return result.stdout


class BufCurlTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.server = ServerProcess.start()
        cls.addClassCleanup(cls.server.kill)
        cls.url = f"http://{cls.server.address}"

    def test_lists_methods(self):
        methods = buf_curl("--list-methods", self.url).split()
        self.assertIn("grpc.health.v1.Health/Check", methods)
        self.assertIn("grpc.channelz.v1.Channelz/GetServers", methods)

    def test_calls_a_method_found_by_reflection(self):
        answer = buf_curl("-d", "{}", f"{self.url}/grpc.health.v1.Health/Check")
        self.assertEqual(json.loads(answer), {"status": "SERVING"})


if __name__ == "__main__":
    if not BUF.exists():
        print(f"SKIPPED: no buf at {BUF.relative_to(ROOT)}; "
              "`./dev lint` installs it")
        sys.exit(77)
    unittest.main(verbosity=2)
