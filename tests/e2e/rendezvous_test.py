#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: two remote clients force unregister and exit into either order.

Method: a driver and an operator, each on a thread with a connection of its
own. They meet at a barrier, one of them stands at a hold, the other waits for
that and goes first. Who called release() says in which order it was. Nothing
sleeps, nothing is tried again.

$MMFAULT_TEST_ROUNDS is how often each order is forced.
"""

import concurrent.futures
import os
import unittest

import grpc

from attached_client import RPC_SECONDS, AttachedClient
from server_process import ServerProcess

# pylint: disable=wrong-import-order,wrong-import-position
from mmfault.v1 import fault_service_pb2, fault_service_pb2_grpc
from mmfault.v1 import mm_service_pb2, mm_service_pb2_grpc
from mmfault.v1 import resources_pb2
from mmfault.v1 import world_service_pb2, world_service_pb2_grpc

ROUNDS = int(os.environ.get("MMFAULT_TEST_ROUNDS", "20"))
RELEASE = resources_pb2.CALLBACK_EVENT_RELEASE
EXIT_ENTER = "mm/exit_mmap/enter"
UNREGISTER_ENTER = "notifier/unregister/enter"
MM = {"vma": [{"start": 0x100000, "end": 0x104000, "anonymous": {}}]}


class Party:
    """A connection of its own, and what both sides do alike."""

    def __init__(self, server, name):
        self.channel = grpc.insecure_channel(
            server.address, [("grpc.use_local_subchannel_pool", 1)])
        self.name = name
        self.faults = fault_service_pb2_grpc.FaultServiceStub(self.channel)
        self.mms = mm_service_pb2_grpc.MmServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def meet(self, world, barrier):
        answer = self.faults.ArriveAtBarrier(
            fault_service_pb2.ArriveAtBarrierRequest(
                name=f"{world}/barriers/{barrier}", parties=2,
                party=self.name), timeout=RPC_SECONDS)
        assert answer.opened

    def hold_at(self, world, point):
        self.faults.ArmFault(fault_service_pb2.ArmFaultRequest(
            parent=world, fault={"rules": [{"point": point,
                                            "trigger": "1*hold"}]}),
            timeout=RPC_SECONDS)

    def wait_for(self, world, point):
        hit = self.faults.WaitForHit(fault_service_pb2.WaitForHitRequest(
            parent=world, point=point), timeout=RPC_SECONDS)
        assert hit.reached and hit.hold.point == point, hit

    def resume(self, world):
        self.faults.ResumeHold(fault_service_pb2.ResumeHoldRequest(
            name=f"{world}/holds/-"), timeout=RPC_SECONDS)

    def start_exit(self, world):
        return self.mms.RunStep.future(mm_service_pb2.RunStepRequest(
            parent=world, task="process", step={"mmput": {"mm": "m0"}}),
            timeout=RPC_SECONDS)


def serve(client, tag):
    """Answers callbacks until the call ends; the tasks of its releases."""
    releases = []
    while True:
        message = client.next_of("callback", "result")
        if message.WhichOneof("message") == "result":
            assert message.result.tag == tag, message
            assert message.result.result.rc == 0, message
            return releases
        if message.callback.event == RELEASE:
            releases.append(message.callback.task)
        client.ack(message.callback, dropped_range=True)


class Driver(Party):
    """Answers for n0 and unregisters it."""

    def attach(self, world):
        client = AttachedClient(self.channel, world, client="driver")
        client.bind("n0")
        tag = client.call({"register": {"notifier": "n0", "mm": "m0"}},
                          task="driver")
        assert client.result(tag).rc == 0
        return client

    def unregister_first(self, world):
        client = self.attach(world)
        self.meet(world, "registered")
        self.wait_for(world, EXIT_ENTER)
        releases = serve(client, client.call(
            {"unregister": {"notifier": "n0"}}, task="driver"))
        self.meet(world, "unregistered")
        client.close()
        return releases

    def exit_first(self, world):
        client = self.attach(world)
        self.hold_at(world, UNREGISTER_ENTER)
        self.meet(world, "registered")
        releases = serve(client, client.call(
            {"unregister": {"notifier": "n0"}}, task="driver"))
        client.close()
        return releases


class Operator(Party):
    """Ends the process whose mm it is."""

    def unregister_first(self, world):
        self.meet(world, "registered")
        self.hold_at(world, EXIT_ENTER)
        exit_call = self.start_exit(world)
        self.meet(world, "unregistered")
        self.resume(world)
        assert exit_call.result().result.rc == 0

    def exit_first(self, world):
        self.meet(world, "registered")
        self.wait_for(world, UNREGISTER_ENTER)
        assert self.start_exit(world).result().result.rc == 0
        self.resume(world)


class RendezvousTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(ServerProcess.start())
        cls.driver = Driver(cls.server, "driver")
        cls.addClassCleanup(cls.driver.close)
        cls.operator = Operator(cls.server, "operator")
        cls.addClassCleanup(cls.operator.close)
        cls.worlds = world_service_pb2_grpc.WorldServiceStub(
            cls.operator.channel)

    def create_world(self, seed):
        world = self.worlds.CreateWorld(world_service_pb2.CreateWorldRequest(
            settings={"protocol": "6.1", "seed": seed}),
            timeout=RPC_SECONDS).world.name
        self.operator.mms.CreateMm(mm_service_pb2.CreateMmRequest(
            parent=world, mm_id="m0", mm=MM), timeout=RPC_SECONDS)
        return world

    def violations(self, world):
        return list(self.worlds.ListViolations(
            world_service_pb2.ListViolationsRequest(parent=world),
            timeout=RPC_SECONDS).violations)

    def orders(self, order):
        """Forces an order in worlds of all seeds; who called release()."""
        found = []
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            for seed in range(1, ROUNDS + 1):
                world = self.create_world(seed)
                driver = threads.submit(getattr(self.driver, order), world)
                operator = threads.submit(getattr(self.operator, order), world)
                operator.result()
                found.append(driver.result())
                self.assertEqual(self.violations(world), [])
                self.worlds.DeleteWorld(world_service_pb2.DeleteWorldRequest(
                    name=world), timeout=RPC_SECONDS)
        return found

    def test_unregister_before_release(self):
        self.assertEqual(self.orders("unregister_first"),
                         [["driver"]] * ROUNDS)

    def test_release_before_unregister(self):
        self.assertEqual(self.orders("exit_first"), [["process"]] * ROUNDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
