#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: each action of a fault rule does over the API what its name says.

Method: python3-grpcio against a real mmfaultd, a world a case, in both drive
modes, with a client that answers for a remote notifier. What is on the wire
and which violations there are tells. Nothing sleeps.
"""

import contextlib
import signal
import subprocess
import tempfile
import unittest

import grpc

from attached_client import RPC_SECONDS, AttachedClient
from server_process import BUILD, ServerProcess

# pylint: disable=wrong-import-order,wrong-import-position
from google.rpc import error_details_pb2, status_pb2
from mmfault.v1 import fault_service_pb2, fault_service_pb2_grpc
from mmfault.v1 import mm_service_pb2, mm_service_pb2_grpc
from mmfault.v1 import resources_pb2
from mmfault.v1 import world_service_pb2, world_service_pb2_grpc

PAGE = 0x1000
START = 0x100000
END = START + 16 * PAGE

MODES = (resources_pb2.DRIVE_MODE_FREE_RUNNING,
         resources_pb2.DRIVE_MODE_LOCKSTEP)
LOCKSTEP = resources_pb2.DRIVE_MODE_LOCKSTEP
RANGE_START = resources_pb2.CALLBACK_EVENT_INVALIDATE_RANGE_START
RANGE_END = resources_pb2.CALLBACK_EVENT_INVALIDATE_RANGE_END
RELEASE = resources_pb2.CALLBACK_EVENT_RELEASE

DELIVER = "notifier/callback/deliver"
ACK = "notifier/callback/ack"
AFTER_START = "mm/unmap_region/after_start"
EPERM = -1
HOUR_NS = 3600 * 10**9

REGISTER = {"register": {"notifier": "n0", "mm": "m0"}}
UNREGISTER = {"unregister": {"notifier": "n0"}}


def unmap(page=0, mm="m0"):
    return {"munmap": {"mm": mm, "range": {
        "start": START + page * PAGE, "end": START + (page + 1) * PAGE}}}


def reason_of(error):
    """The reason of a refused call: see errors.proto."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return ""


class Scene:
    """A world and a client that answers for n0, which is registered."""

    def __init__(self, server, mode, **settings):
        self.channel = grpc.insecure_channel(server.address)
        self.lockstep = mode == LOCKSTEP
        self.worlds = world_service_pb2_grpc.WorldServiceStub(self.channel)
        self.mms = mm_service_pb2_grpc.MmServiceStub(self.channel)
        self.faults = fault_service_pb2_grpc.FaultServiceStub(self.channel)
        settings = {"protocol": "6.1", "seed": 1, "drive_mode": mode,
                    **settings}
        self.world = self.worlds.CreateWorld(
            world_service_pb2.CreateWorldRequest(settings=settings),
            timeout=RPC_SECONDS).world.name
        self.mms.CreateMm(mm_service_pb2.CreateMmRequest(
            parent=self.world, mm_id="m0", mm={"vma": [
                {"start": START, "end": END, "anonymous": {},
                 "populated": True, "anon_vma": True}]}), timeout=RPC_SECONDS)
        self.client = AttachedClient(self.channel, self.world)
        self.client.bind("n0")
        self.run(REGISTER, 0)

    def close(self):
        self.channel.close()

    def advance(self):
        return self.worlds.AdvanceWorld.future(
            world_service_pb2.AdvanceWorldRequest(name=self.world,
                                                  until_idle=True),
            timeout=RPC_SECONDS)

    def call(self, step):
        """Starts a step of the client's; returns tag and advance."""
        tag = self.client.call(step, task="process")
        if not self.lockstep:
            return tag, None
        self.client.bind("n1")  # answered in order: the call is queued
        return tag, self.advance()

    def run(self, step, callbacks, rc=0):
        """Runs a step, answering; the events of so many callbacks."""
        tag, advance = self.call(step)
        events, done = [], False
        while not done or len(events) < callbacks:
            message = self.client.next_of("callback", "result")
            if message.WhichOneof("message") == "result":
                assert message.result.tag == tag, message
                assert message.result.result.rc == rc, message
                done = True
            else:
                events.append(message.callback.event)
                self.client.ack(message.callback, dropped_range=True)
        if advance is not None:
            advance.result()
        return events

    def arm(self, point, trigger, **filters):
        return self.faults.ArmFault(fault_service_pb2.ArmFaultRequest(
            parent=self.world, fault={"rules": [
                {"point": point, "trigger": trigger, **filters}]}),
            timeout=RPC_SECONDS).fault

    def disarm(self, fault):
        return self.faults.DisarmFault(fault_service_pb2.DisarmFaultRequest(
            name=fault.name), timeout=RPC_SECONDS)

    def get(self):
        return self.worlds.GetWorld(world_service_pb2.GetWorldRequest(
            name=self.world), timeout=RPC_SECONDS).world

    def checkers(self):
        return {v.checker for v in self.worlds.ListViolations(
            world_service_pb2.ListViolationsRequest(parent=self.world),
            timeout=RPC_SECONDS).violations}


class ActionsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.server = ServerProcess.start()
        cls.addClassCleanup(cls.server.kill)

    def scenes(self, **settings):
        """A scene in each drive mode."""
        scenes = [Scene(self.server, mode, **settings) for mode in MODES]
        for scene in scenes:
            self.addCleanup(scene.close)
        return scenes

    def test_delay_is_virtual_time(self):
        for scene in self.scenes():
            for page, point in enumerate((DELIVER, ACK)):
                before = scene.get().virtual_time_ns
                fault = scene.arm(point, "1*delay(1h)")
                self.assertEqual(scene.run(unmap(page), 2),
                                 [RANGE_START, RANGE_END])
                self.assertEqual(scene.get().virtual_time_ns,
                                 before + HOUR_NS)
                scene.disarm(fault)
            self.assertEqual(scene.checkers(), set())

    def test_jitter_is_drawn_from_the_seed(self):
        times = set()
        for _ in range(2):
            for scene in self.scenes():
                scene.arm(ACK, "delay(1us..1h)")
                scene.run(unmap(), 2)
                times.add(scene.get().virtual_time_ns)
        self.assertEqual(len(times), 1, times)
        self.assertTrue(2000 < times.pop() <= 2 * HOUR_NS)

    def test_dropped_callback_never_leaves(self):
        for scene in self.scenes():
            scene.arm(DELIVER, "1*drop", event=RANGE_START)
            self.assertEqual(scene.run(unmap(), 1), [RANGE_END])
            self.assertEqual(scene.checkers(), {"start_end_paired"})
            self.assertEqual(scene.run(unmap(1), 2), [RANGE_START, RANGE_END])

    def test_dropped_ack_is_missed(self):
        for scene in self.scenes():
            scene.arm(ACK, "1*drop", event=RANGE_START)
            self.assertEqual(scene.run(unmap(), 2), [RANGE_START, RANGE_END])
            self.assertEqual(scene.checkers(), {"no_deadlock"})

    def test_duplicate_callback_comes_twice(self):
        for scene in self.scenes():
            scene.arm(DELIVER, "1*duplicate", event=RELEASE)
            self.assertEqual(scene.run(UNREGISTER, 2), [RELEASE, RELEASE])
            self.assertEqual(scene.checkers(), {"release_count"})

    def test_duplicate_ack_answers_the_next_callback(self):
        for scene in self.scenes():
            scene.arm(ACK, "1*duplicate", event=RANGE_START)
            # The end is answered before it is made.
            tag, advance = scene.call(unmap())
            start = scene.client.wait("callback")
            scene.client.ack(start, dropped_range=True)
            end = scene.client.wait("callback")
            self.assertEqual(end.event, RANGE_END)
            if advance is None:
                self.assertEqual(scene.client.result(tag).rc, 0)
            scene.client.ack(end)
            if advance is not None:
                advance.result()

    def test_reordered_callback_comes_after_the_next(self):
        for scene in self.scenes():
            scene.arm(DELIVER, "1*reorder", event=RANGE_START)
            self.assertEqual(scene.run(unmap(), 2), [RANGE_END, RANGE_START])
            self.assertIn("start_end_paired", scene.checkers())

    def test_corrupt_ack(self):
        for scene in self.scenes():
            scene.arm(ACK, "1*corrupt(EAGAIN)", event=RANGE_START)
            scene.run(unmap(), 1)
            self.assertTrue(scene.checkers())

    def test_held_ack_is_resumed(self):
        for scene in self.scenes():
            scene.arm(ACK, "1*hold", event=RANGE_START)
            tag, advance = scene.call(unmap())
            start = scene.client.wait("callback")
            scene.client.ack(start, dropped_range=True)
            hit = scene.faults.WaitForHit(fault_service_pb2.WaitForHitRequest(
                parent=scene.world, point=ACK), timeout=RPC_SECONDS)
            self.assertEqual(hit.hold.point, ACK)
            scene.faults.ResumeHold(fault_service_pb2.ResumeHoldRequest(
                name=hit.hold.name), timeout=RPC_SECONDS)
            if advance is not None:
                advance.result()
                advance = scene.advance()
            end = scene.client.wait("callback")
            self.assertEqual(end.event, RANGE_END)
            scene.client.ack(end)
            self.assertEqual(scene.client.result(tag).rc, 0)
            self.assertEqual(scene.checkers(), set())

    def test_disarm_under_an_hours_hold_returns_at_once(self):
        for scene in self.scenes():
            fault = scene.arm(AFTER_START, "hold(1h)")
            tag, advance = scene.call(unmap())
            scene.client.ack(scene.client.wait("callback"))
            scene.faults.WaitForHit(fault_service_pb2.WaitForHitRequest(
                parent=scene.world, point=AFTER_START), timeout=RPC_SECONDS)
            self.assertEqual(len(scene.disarm(fault).faults), 1)
            if advance is not None:
                advance.result()
                advance = scene.advance()
            scene.client.ack(scene.client.wait("callback"))
            self.assertEqual(scene.client.result(tag).rc, 0)
            self.assertEqual(scene.get().virtual_time_ns, 0)

    def test_hold_ends_by_itself(self):
        for scene in self.scenes():
            scene.arm(AFTER_START, "1*hold(10ms)")
            tag, advance = scene.call(unmap())
            scene.client.ack(scene.client.wait("callback"))
            if advance is not None:
                advance.result()  # stands at the point
                advance = scene.advance()
            scene.client.ack(scene.client.wait("callback"))
            self.assertEqual(scene.client.result(tag).rc, 0)
            self.assertEqual(scene.get().virtual_time_ns, 10**7)

    def test_disconnect_ends_the_stream(self):
        for scene in self.scenes():
            scene.arm(DELIVER, "1*disconnect")
            _, advance = scene.call(unmap())
            with self.assertRaises(grpc.RpcError) as refused:
                while True:
                    scene.client.next_of("result")
            self.assertEqual(refused.exception.code(),
                             grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(reason_of(refused.exception),
                             "DISCONNECTED_BY_FAULT")
            if advance is not None:
                advance.result()

    def test_capability(self):
        for scene in self.scenes(protocol="seed_threshold",
                                 mm_lock_vma_threshold=1):
            scene.run(unmap(5), 2)  # two VMAs from here on
            scene.arm("notifier/unregister/enter", "drop_capability")
            scene.run(UNREGISTER, 0, rc=EPERM)
            self.assertEqual(scene.checkers(), set())

    def test_teardown(self):
        for scene in self.scenes():
            scene.arm(AFTER_START, "1*teardown(kill)")
            events = scene.run(unmap(), 3)
            self.assertEqual(sorted(events),
                             sorted([RANGE_START, RANGE_END, RELEASE]))

    def test_refused_where_it_means_nothing(self):
        scene = Scene(self.server, MODES[0])
        self.addCleanup(scene.close)
        for point, trigger in ((AFTER_START, "drop"), (DELIVER, "corrupt(0)"),
                               ("kernel/kmalloc/alloc", "disconnect"),
                               ("notifier/mm_lock/vma", "delay(1s)")):
            with self.assertRaises(grpc.RpcError) as refused:
                scene.arm(point, trigger)
            self.assertEqual(reason_of(refused.exception),
                             "ACTION_NOT_ALLOWED", trigger)

    def test_others_are_not_disturbed(self):
        ours = Scene(self.server, MODES[0])
        self.addCleanup(ours.close)
        theirs = Scene(self.server, MODES[0])
        self.addCleanup(theirs.close)
        fault = ours.arm(DELIVER, "drop")
        same = theirs.arm(DELIVER, "1*duplicate", event=RANGE_END)
        self.assertEqual(theirs.run(unmap(), 3),
                         [RANGE_START, RANGE_END, RANGE_END])
        self.assertEqual(ours.run(unmap(), 0), [])
        ours.disarm(fault)
        self.assertEqual(ours.run(unmap(1), 2), [RANGE_START, RANGE_END])
        self.assertEqual(theirs.disarm(same).faults[0].fire_counts, [1])


class CrashTest(unittest.TestCase):

    def test_refused_without_the_flag(self):
        with ServerProcess.start() as server:
            scene = Scene(server, MODES[0])
            with self.assertRaises(grpc.RpcError) as refused:
                scene.arm(DELIVER, "crash")
            self.assertEqual(refused.exception.code(),
                             grpc.StatusCode.FAILED_PRECONDITION)
            self.assertEqual(reason_of(refused.exception),
                             "CRASH_NOT_ALLOWED")
            scene.close()

    def test_ends_the_server_with_it(self):
        for mode in MODES:
            with ServerProcess.start("--allow-crash") as server:
                scene = Scene(server, mode)
                scene.arm(DELIVER, "crash")
                with self.assertRaises(grpc.RpcError):
                    scene.run(unmap(), 1)
                scene.close()
                self.assertEqual(server.wait(), -signal.SIGABRT)


SCENARIO = """
id: "lost" protocols: "6.1"
mm { id: "m0" mm_users: 2
     vma { start: 0x10000 end: 0x12000 anonymous {} populated: true } }
task { id: "t" mm: "m0"
       step { register { notifier: "n0" } }
       step { munmap { range { start: 0x10000 end: 0x11000 } } } }
fault { point: "notifier/callback/deliver" trigger: "TRIGGER" }
"""


class ScenarioTest(unittest.TestCase):
    """The same in a file, by the command line."""

    def run_file(self, trigger):
        path = self.enterContext(_scenario(trigger))
        return subprocess.run(
            [str(BUILD / "clients/cli/mmfault"), "run", path],
            capture_output=True, text=True, timeout=RPC_SECONDS, check=False)

    def test_actions_in_a_scenario_file(self):
        for trigger, checker in (("when=2 drop", "start_end_paired"),
                                 ("when=2 duplicate", "start_end_paired"),
                                 ("1*reorder", "start_end_paired")):
            result = self.run_file(trigger)
            self.assertEqual(result.returncode, 1, result.stdout)
            self.assertIn(checker, result.stdout)
        for trigger in ("off", "delay(5ms..1h)", "hold(1h)"):
            result = self.run_file(trigger)
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_crash_is_refused(self):
        result = self.run_file("crash")
        self.assertNotIn(result.returncode, (0, 1, -signal.SIGABRT))
        self.assertIn("--allow-crash", result.stdout + result.stderr)


@contextlib.contextmanager
def _scenario(trigger):
    with tempfile.NamedTemporaryFile("w", suffix=".textproto",
                                     encoding="utf-8") as file:
        file.write(SCENARIO.replace("TRIGGER", trigger))
        file.flush()
        yield file.name


if __name__ == "__main__":
    unittest.main()
