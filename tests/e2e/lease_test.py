#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: no fault outlives the process that armed it.

Method: `mmfault fault plan --stay-as` in a process of its own that arms holds
and is killed with SIGKILL after a random amount of the test's own work, so at
any moment from its start on; or stopped, which leaves its connection whole.
Afterwards nothing of its plan is armed, whoever stood at its holds goes on,
and what another client's lease holds is armed still.

$MMFAULT_TEST_ROUNDS is how often it is killed.
"""

import os
import random
import signal
import subprocess
import tempfile
import time
import unittest

import grpc

from server_process import BUILD, ServerProcess

# pylint: disable=wrong-import-order,wrong-import-position
from mmfault.v1 import fault_service_pb2, fault_service_pb2_grpc
from mmfault.v1 import mm_service_pb2, mm_service_pb2_grpc
from mmfault.v1 import resources_pb2
from mmfault.v1 import world_service_pb2, world_service_pb2_grpc

MMFAULT = BUILD / "clients/cli/mmfault"
ROUNDS = int(os.environ.get("MMFAULT_TEST_ROUNDS", "8"))
RPC_SECONDS = 60
TTL_SECONDS = 5
PAGE = 0x1000
START = 0x100000
POINT = "mm/unmap_region/after_start"
MM = {"vma": [{"start": START, "end": START + 4096 * PAGE, "anonymous": {}}]}

PLAN = """
faults { name: "holds" rules { point: "%s" trigger: "hold" mm: "m0" } }
faults { name: "nomem" rules { point: "kernel/kmalloc/alloc" trigger: "off" } }
""" % POINT


class LeaseTest(unittest.TestCase):
    """A server with a world `w`, and another client's lease in it."""

    def setUp(self):
        self.server = self.enterContext(ServerProcess.start())
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)
        self.worlds = world_service_pb2_grpc.WorldServiceStub(self.channel)
        self.mms = mm_service_pb2_grpc.MmServiceStub(self.channel)
        self.faults = fault_service_pb2_grpc.FaultServiceStub(self.channel)
        self.pages = 0
        plan = tempfile.NamedTemporaryFile("w", suffix=".textproto")
        self.addCleanup(plan.close)
        plan.write(PLAN)
        plan.flush()
        self.plan = plan.name

    def create_world(self, mode):
        self.worlds.CreateWorld(world_service_pb2.CreateWorldRequest(
            world_id="w", settings={"protocol": "6.1", "drive_mode": mode}),
            timeout=RPC_SECONDS)
        for mm in ("m0", "m1"):
            self.mms.CreateMm(mm_service_pb2.CreateMmRequest(
                parent="worlds/w", mm_id=mm, mm=MM), timeout=RPC_SECONDS)
        other = self.start("lease", "other", "--id", "other")
        self.assertIn("leases/other", other.stdout.readline())
        self.faults.ArmFault(fault_service_pb2.ArmFaultRequest(
            parent="worlds/w", fault_id="theirs",
            fault={"lease": "leases/other",
                   "rules": [{"point": POINT, "trigger": "off"}]}),
            timeout=RPC_SECONDS)

    def start(self, *words):
        process = subprocess.Popen(
            [str(MMFAULT), "--server", self.server.address, "fault", *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        process.stdout.close()

    def start_mortal(self, ttl=TTL_SECONDS):
        return self.start("plan", "w", self.plan, "--stay-as", "mortal",
                          "--ttl", str(ttl))

    def unmap(self, mm, task):
        """The munmap of one more page, as a future."""
        start = START + self.pages * PAGE
        self.pages += 1
        step = {"munmap": {"mm": mm,
                           "range": {"start": start, "end": start + PAGE}}}
        return self.mms.RunStep.future(mm_service_pb2.RunStepRequest(
            parent="worlds/w", task=task, step=step), timeout=RPC_SECONDS)

    def armed(self):
        answer = self.faults.ListFaults(fault_service_pb2.ListFaultsRequest(
            parent="worlds/w"), timeout=RPC_SECONDS)
        return [fault.name.rsplit("/", 1)[1] for fault in answer.faults]

    def leases(self):
        answer = self.faults.ListLeases(fault_service_pb2.ListLeasesRequest(),
                                        timeout=RPC_SECONDS)
        return [lease.client for lease in answer.leases]

    def await_only_other(self, seconds):
        """Asks until only the other client is left; within the lease."""
        deadline = time.monotonic() + seconds
        while self.leases() != ["other"] or self.armed() != ["theirs"]:
            self.assertLess(time.monotonic(), deadline,
                            (self.leases(), self.armed()))

    def await_armed(self):
        deadline = time.monotonic() + RPC_SECONDS
        while "holds" not in self.armed():
            self.assertLess(time.monotonic(), deadline)

    def test_killed_at_any_moment(self):
        self.create_world(resources_pb2.DRIVE_MODE_FREE_RUNNING)
        prng = random.Random(20261)
        armed = 0
        held = 0
        for _ in range(ROUNDS):
            mortal = self.start_mortal()
            # Another's work passes the time, and is not held.
            for _ in range(prng.randrange(60)):
                self.assertEqual(self.unmap("m1", "u").result().result.rc, 0)
            victim = self.unmap("m0", "t")
            armed += "holds" in self.armed()
            for _ in range(prng.randrange(10)):
                self.assertEqual(self.unmap("m1", "u").result().result.rc, 0)
            held += len(self.faults.ListHolds(
                fault_service_pb2.ListHoldsRequest(parent="worlds/w"),
                timeout=RPC_SECONDS).holds)
            mortal.kill()
            self.await_only_other(TTL_SECONDS)
            self.assertEqual(victim.result(TTL_SECONDS).result.rc, 0)
        print(f"killed {ROUNDS} times, {armed} with the plan armed, "
              f"{held} with a task held")

    def test_killed_while_it_holds(self):
        self.create_world(resources_pb2.DRIVE_MODE_FREE_RUNNING)
        mortal = self.start_mortal()
        self.await_armed()
        victim = self.unmap("m0", "t")
        hit = self.faults.WaitForHit(fault_service_pb2.WaitForHitRequest(
            parent="worlds/w", point=POINT), timeout=RPC_SECONDS)
        self.assertEqual((hit.hold.task, hit.hold.fault, hit.hold.client,
                          hit.hold.operation),
                         ("t", "holds", "mortal", "munmap"))
        mortal.kill()
        self.assertEqual(victim.result(TTL_SECONDS).result.rc, 0)
        self.await_only_other(TTL_SECONDS)

    def test_stopped_while_it_holds(self):
        """Its connection is whole: only its silence tells."""
        self.create_world(resources_pb2.DRIVE_MODE_FREE_RUNNING)
        mortal = self.start_mortal(ttl=1)
        self.await_armed()
        victim = self.unmap("m0", "t")
        self.faults.WaitForHit(fault_service_pb2.WaitForHitRequest(
            parent="worlds/w", point=POINT), timeout=RPC_SECONDS)
        mortal.send_signal(signal.SIGSTOP)
        self.assertEqual(victim.result(TTL_SECONDS).result.rc, 0)
        self.await_only_other(TTL_SECONDS)

    def test_killed_in_a_lockstep_world(self):
        self.create_world(resources_pb2.DRIVE_MODE_LOCKSTEP)
        mortal = self.start_mortal()
        self.await_armed()
        self.unmap("m0", "t").result()
        self.advance()
        holds = self.faults.ListHolds(fault_service_pb2.ListHoldsRequest(
            parent="worlds/w"), timeout=RPC_SECONDS).holds
        self.assertEqual([hold.task for hold in holds], ["t"])
        mortal.kill()
        self.await_only_other(TTL_SECONDS)
        # Runnable, and where it was: the world moves when it is told to.
        moved = self.advance()
        self.assertEqual(moved.outcome,
                         world_service_pb2.AdvanceWorldResponse.OUTCOME_IDLE)

    def advance(self):
        return self.worlds.AdvanceWorld(world_service_pb2.AdvanceWorldRequest(
            name="worlds/w", until_idle=True), timeout=RPC_SECONDS)

    def test_ended_by_sigterm(self):
        self.create_world(resources_pb2.DRIVE_MODE_FREE_RUNNING)
        mortal = self.start_mortal()
        self.await_armed()
        mortal.send_signal(signal.SIGTERM)
        self.assertEqual(mortal.wait(RPC_SECONDS), 0)
        # It waited for the server.
        self.assertEqual(self.armed(), ["theirs"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
