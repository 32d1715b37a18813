#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: a third party can do everything with the protos alone.

Method: python3-grpcio against a real mmfaultd. Each test has a world of its
own. Nothing sleeps: what has to happen is waited for on the stream, or in the
call that says so.
"""

import pathlib
import signal
import subprocess
import sys
import unittest

import grpc

from attached_client import RPC_SECONDS, AttachedClient
from server_process import ServerProcess

# pylint: disable=wrong-import-order,wrong-import-position
from mmfault.v1 import mm_service_pb2, mm_service_pb2_grpc
from mmfault.v1 import resources_pb2, step_pb2
from mmfault.v1 import task_service_pb2, task_service_pb2_grpc
from mmfault.v1 import world_service_pb2, world_service_pb2_grpc

PAGE = 0x1000
START = 0x100000
END = START + 4 * PAGE
EINTR = -4
SIGUSR1 = signal.SIGUSR1.value

RANGE_START = resources_pb2.CALLBACK_EVENT_INVALIDATE_RANGE_START
RANGE_END = resources_pb2.CALLBACK_EVENT_INVALIDATE_RANGE_END
RELEASE = resources_pb2.CALLBACK_EVENT_RELEASE

REGISTER = {"register": {"notifier": "n0", "mm": "m0"}}
UNREGISTER = {"unregister": {"notifier": "n0"}}
MUNMAP = {"munmap": {"mm": "m0", "range": {"start": START, "end": END}}}
ESTABLISH = {"establish": {"notifier": "n0", "address": START, "write": True}}


class FlowTest(unittest.TestCase):
    """A server for the class, a world for the test."""

    @classmethod
    def setUpClass(cls):
        cls.server = ServerProcess.start()
        cls.addClassCleanup(cls.server.kill)

    def setUp(self):
        channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(channel.close)
        self.channel = channel
        self.worlds = world_service_pb2_grpc.WorldServiceStub(channel)
        self.mms = mm_service_pb2_grpc.MmServiceStub(channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(channel)

    def create_world(self, **settings):
        """A world with an mm of a few VMAs; returns its name."""
        settings = {"protocol": "6.1", "seed": 1, **settings}
        world = self.worlds.CreateWorld(
            world_service_pb2.CreateWorldRequest(settings=settings),
            timeout=RPC_SECONDS).world
        self.world = world.name
        file = {"file": "f0", "shared": True}
        self.mms.CreateMm(mm_service_pb2.CreateMmRequest(
            parent=self.world, mm_id="m0",
            files=[{"id": "f0", "size_pages": 16}],
            mm={"vma": [
                {"start": START, "end": END, "anonymous": {},
                 "populated": True, "anon_vma": True},
                {"start": END + PAGE, "end": END + 2 * PAGE, "file": file},
                {"start": END + 3 * PAGE, "end": END + 4 * PAGE,
                 "anonymous": {}, "anon_vma": True},
            ]}), timeout=RPC_SECONDS)
        return self.world

    def attach(self):
        """A client of the world that answers for n0."""
        client = AttachedClient(self.channel, self.world)
        self.addCleanup(client.close)
        client.bind("n0")
        return client

    def attach_registered(self):
        client = self.attach()
        self.assertEqual(client.result(client.call(REGISTER)).rc, 0)
        return client

    def start_step(self, step, task="process"):
        """RunStep, as a future."""
        return self.mms.RunStep.future(mm_service_pb2.RunStepRequest(
            parent=self.world, task=task, step=step), timeout=RPC_SECONDS)

    def advance(self, **fields):
        return self.worlds.AdvanceWorld(world_service_pb2.AdvanceWorldRequest(
            name=self.world, **fields), timeout=RPC_SECONDS)

    def get_task(self, task):
        return self.tasks.GetTask(task_service_pb2.GetTaskRequest(
            name=f"{self.world}/tasks/{task}"), timeout=RPC_SECONDS).task

    def get_mm(self):
        return self.mms.GetMm(mm_service_pb2.GetMmRequest(
            name=f"{self.world}/mms/m0"), timeout=RPC_SECONDS).mm

    def signal_task(self, task, at_lock=0):
        return self.tasks.SignalTask(task_service_pb2.SignalTaskRequest(
            name=f"{self.world}/tasks/{task}", number=SIGUSR1,
            at_lock=at_lock), timeout=RPC_SECONDS).delivery

    def create_driver_task(self):
        """A task that waits for steps, and has a handler for SIGUSR1."""
        self.tasks.CreateTask(task_service_pb2.CreateTaskRequest(
            parent=self.world, task_id="driver",
            task={"stays": True, "signals": {"handled": [SIGUSR1]}}),
            timeout=RPC_SECONDS)

    def violations(self):
        return list(self.worlds.ListViolations(
            world_service_pb2.ListViolationsRequest(parent=self.world),
            timeout=RPC_SECONDS).violations)

    def assert_no_violation(self):
        self.assertEqual([str(v) for v in self.violations()], [])


class CallbackTest(FlowTest):

    def test_munmap_calls_the_notifier_and_waits_for_its_ack(self):
        self.create_world()
        client = self.attach_registered()
        munmap = self.start_step(MUNMAP)
        callback = client.wait("callback")
        self.assertEqual(
            (callback.notifier, callback.event, callback.start, callback.end,
             callback.mm, callback.task),
            ("n0", RANGE_START, START, END, "m0", "process"))
        self.assertFalse(munmap.done())
        client.ack(callback, dropped_range=True)
        callback = client.wait("callback")
        self.assertEqual(callback.event, RANGE_END)
        client.ack(callback, dropped_range=True)
        self.assertEqual(munmap.result().result.rc, 0)
        # 6.1 calls release() of whoever unregisters.
        tag = client.call(UNREGISTER)
        result, events = client.serve("result", lambda r: r.tag == tag)
        self.assertEqual((result.result.rc, events), (0, [RELEASE]))
        self.assert_no_violation()

    def test_client_that_drops_its_mappings_is_right(self):
        self.create_world()
        client = self.attach_registered()
        self.assertEqual(client.result(client.call(ESTABLISH)).rc, 0)
        tag = client.call(MUNMAP, task="process")
        result, events = client.serve("result", lambda r: r.tag == tag)
        self.assertEqual(result.result.rc, 0)
        self.assertEqual(events, [RANGE_START, RANGE_END])
        self.assert_no_violation()

    def test_client_that_keeps_its_mappings_is_told(self):
        self.create_world()
        client = self.attach_registered()
        self.assertEqual(client.result(client.call(ESTABLISH)).rc, 0)
        munmap = self.start_step(MUNMAP)
        # Answered, as if all were well, and nothing dropped.
        client.ack(client.wait("callback"))
        client.ack(client.wait("callback"))
        self.assertEqual(client.wait("violation").checker,
                         "no_stale_secondary_mapping")
        self.assertEqual(munmap.result().result.rc, 0)
        violation = self.violations()[0]
        self.assertEqual(violation.checker, "no_stale_secondary_mapping")
        self.assertIn(hex(START), violation.explanation)
        self.assertIn("process", violation.tasks)

    def test_lockstep_world_moves_only_when_told(self):
        self.create_world(drive_mode=resources_pb2.DRIVE_MODE_LOCKSTEP)
        client = self.attach()
        register = client.call(REGISTER)
        # The same stream answers in order: the call has been enqueued.
        client.bind("n1")
        self.assertEqual(self.advance(until_idle=True).outcome,
                         world_service_pb2.AdvanceWorldResponse.OUTCOME_IDLE)
        self.assertEqual(client.result(register).rc, 0)
        munmap = self.start_step(MUNMAP).result()
        self.assertFalse(munmap.HasField("result"))
        moved = self.advance(until_idle=True, ack_wait={})
        self.assertEqual(
            moved.outcome,
            world_service_pb2.AdvanceWorldResponse.OUTCOME_WAITING_FOR_ACK)
        self.assertEqual([(o.notifier, o.event) for o in moved.outstanding],
                         [("n0", RANGE_START)])
        advance = self.worlds.AdvanceWorld.future(
            world_service_pb2.AdvanceWorldRequest(name=self.world,
                                                  until_idle=True),
            timeout=RPC_SECONDS)
        for event in (RANGE_START, RANGE_END):
            callback = client.wait("callback")
            self.assertEqual(callback.event, event)
            client.ack(callback, dropped_range=True)
        self.assertEqual(advance.result().outcome,
                         world_service_pb2.AdvanceWorldResponse.OUTCOME_IDLE)
        self.assertEqual(self.get_task("process").results[-1].rc, 0)
        self.assert_no_violation()


class SignalTest(FlowTest):

    def test_signal_at_a_lock_of_mm_lock_interrupts_the_registration(self):
        # v12 looks for signals before the first lock: one that comes at a lock
        # comes too late. The others look between locks.
        for protocol, rc in (("v12", 0), ("seed_flags", EINTR), ("6.1", EINTR)):
            with self.subTest(protocol):
                self.create_world(protocol=protocol)
                client = self.attach()
                self.create_driver_task()
                armed = self.signal_task("driver", at_lock=1)
                self.assertEqual(
                    armed.state,
                    task_service_pb2.SignalDelivery.STATE_ARMED)
                result = client.result(client.call(REGISTER, task="driver"))
                self.assertEqual(result.rc, rc)
                task = self.get_task("driver")
                self.assertEqual(task.held_lock_count, 0)
                landed = task.deliveries[0]
                self.assertEqual(
                    (landed.state, landed.at_lock, landed.lock_count),
                    (task_service_pb2.SignalDelivery.STATE_LANDED, 1, 1))
                self.assertTrue(landed.lock)
                self.assertTrue(landed.function)
                # Nothing is left behind: another task registers it.
                if rc == EINTR:
                    again = client.result(client.call(REGISTER))
                    self.assertEqual(again.rc, 0)
                self.assert_no_violation()

    def test_signal_to_a_task_that_stands_in_mm_lock(self):
        self.create_world(drive_mode=resources_pb2.DRIVE_MODE_LOCKSTEP)
        client = self.attach()
        self.create_driver_task()
        register = client.call(REGISTER, task="driver")
        client.bind("n1")
        # One step at a time, until it has the mmap_sem and an rmap lock.
        for _ in range(1000):
            self.advance(step_count=1)
            if self.get_task("driver").held_lock_count >= 2:
                break
        task = self.get_task("driver")
        self.assertGreaterEqual(task.held_lock_count, 2)
        self.assertIn("mm_take_all_locks", task.stack)
        delivery = self.signal_task("driver")
        self.assertEqual(delivery.state,
                         task_service_pb2.SignalDelivery.STATE_LANDED)
        self.advance(until_idle=True)
        self.assertEqual(client.result(register).rc, EINTR)
        self.assertEqual(self.get_task("driver").held_lock_count, 0)
        self.assert_no_violation()


class TeardownTest(FlowTest):

    def tear_down_in_callback(self, kind):
        """ForceTeardown while a client holds munmap() in a callback.

        The munmap is the mm's owner's.
        """
        self.create_world()
        self.tasks.CreateTask(task_service_pb2.CreateTaskRequest(
            parent=self.world, task_id="owner",
            task={"mm": "m0", "stays": True}), timeout=RPC_SECONDS)
        client = self.attach_registered()
        self.assertEqual(client.result(client.call(ESTABLISH)).rc, 0)
        munmap = self.start_step(MUNMAP, task="owner")
        callback = client.wait("callback")
        self.assertEqual(callback.event, RANGE_START)
        answer = self.mms.ForceTeardown(
            mm_service_pb2.ForceTeardownRequest(
                name=f"{self.world}/mms/m0", kind=kind), timeout=RPC_SECONDS)
        return client, munmap, callback, answer

    def answer_release(self, client):
        released, _ = client.serve("callback", lambda c: c.event == RELEASE)
        self.assertEqual(released.mm_users, 0)
        client.ack(released, dropped_range=True)

    def wait_for_exit(self, task):
        ended = self.tasks.WaitTask(task_service_pb2.WaitTaskRequest(
            name=f"{self.world}/tasks/{task}"), timeout=RPC_SECONDS)
        self.assertEqual(ended.task.state,
                         task_service_pb2.Task.STATE_EXITED)
        self.assertEqual(self.get_mm().exit_phase,
                         resources_pb2.Mm.EXIT_PHASE_DEAD)

    def test_kill_ends_the_owner_once_the_callback_is_answered(self):
        client, munmap, callback, answer = self.tear_down_in_callback(
            step_pb2.TEARDOWN_KIND_KILL)
        self.assertEqual(list(answer.tasks), ["owner"])
        self.assertEqual(list(answer.revoked_pins), [])
        client.ack(callback, dropped_range=True)
        self.answer_release(client)
        self.assertEqual(munmap.result().result.rc, 0)
        self.wait_for_exit("owner")
        self.assert_no_violation()

    def test_force_releases_while_the_callback_is_outstanding(self):
        client, munmap, callback, answer = self.tear_down_in_callback(
            step_pb2.TEARDOWN_KIND_FORCE)
        self.assertEqual(list(answer.tasks), ["teardown"])
        self.assertTrue(answer.mm.forced)
        self.assertEqual([(pin.task, pin.count) for pin in answer.revoked_pins],
                         [("owner", 1)])
        # exit_mmap() runs although the owner still stands in its munmap().
        self.answer_release(client)
        self.assertEqual(self.get_task("owner").state,
                         task_service_pb2.Task.STATE_BLOCKED)
        # Its grace period has to wait for the owner's walk, though.
        client.ack(callback, dropped_range=True)
        self.wait_for_exit("teardown")
        munmap.result()
        # Whatever was found is said to have come after a forced teardown.
        self.assertEqual([str(violation) for violation in self.violations()
                          if not violation.forced], [])


class LostClientTest(FlowTest):

    def test_client_killed_in_a_callback_leaves_freed_memory(self):
        self.create_world(
            lost_client_policy=resources_pb2.LOST_CLIENT_POLICY_FREE)
        other = AttachedClient(self.channel, self.world, client="other")
        self.addCleanup(other.close)
        script = pathlib.Path(__file__).with_name("mortal_client.py")
        with subprocess.Popen(
                [sys.executable, str(script), self.server.address, self.world,
                 "n0", "m0"], stdout=subprocess.PIPE, text=True) as mortal:
            self.addCleanup(mortal.kill)
            self.assertEqual(mortal.stdout.readline(), "registered\n")
            munmap = self.start_step(MUNMAP)
            self.assertEqual(mortal.stdout.readline(), "in callback\n")
            mortal.kill()
        # The start was never answered, and the walk at the end of the range
        # meets what is not there any more.
        for checker in ("no_deadlock", "no_use_after_free"):
            violation = other.wait("violation")
            self.assertEqual(violation.checker, checker)
            self.assertIn("n0", violation.objects)
        munmap.result()

    def test_client_that_does_not_answer_hangs_nobody(self):
        self.create_world(ack_deadline={"nanos": 50_000_000})
        client = self.attach_registered()
        munmap = self.start_step(MUNMAP)
        callback = client.wait("callback")
        gone = client.wait("callback_gone")
        self.assertEqual(
            (gone.callback_number, gone.cause),
            (callback.callback_number, gone.CAUSE_DEADLINE))
        violation = client.wait("violation")
        self.assertEqual(violation.checker, "no_deadlock")
        self.assertIn("n0", violation.objects)
        client.ack(callback)
        self.assertEqual(client.wait("error").reason,
                         "CALLBACK_NOT_OUTSTANDING")
        # Whether the end was answered in time is not the point.
        munmap.result()


if __name__ == "__main__":
    unittest.main(verbosity=2)
