#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: an operator can start, probe, inspect and stop the server.

Method: python3-grpcio against a real mmfaultd, with stubs of gRPC's own
services. Nothing sleeps: tests wait for the server's own words.
"""

import json
import os
import signal
import tempfile
import unittest

import grpc

from server_process import ServerProcess, run_mmfaultd

# pylint: disable=wrong-import-order,wrong-import-position
from channelz.v1 import channelz_pb2, channelz_pb2_grpc
from health.v1 import health_pb2, health_pb2_grpc
from reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

RPC_SECONDS = 30
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class ProbeTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.server = ServerProcess.start()
        cls.addClassCleanup(cls.server.kill)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.addClassCleanup(cls.channel.close)

    def test_health_says_serving(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        response = stub.Check(health_pb2.HealthCheckRequest(),
                              timeout=RPC_SECONDS)
        self.assertEqual(response.status, SERVING)

    def reflect(self, request):
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        responses = stub.ServerReflectionInfo(iter([request]),
                                              timeout=RPC_SECONDS)
        return next(responses)

    def test_reflection_lists_the_services(self):
        response = self.reflect(reflection_pb2.ServerReflectionRequest(
            list_services=""))
        names = {service.name
                 for service in response.list_services_response.service}
        self.assertLessEqual({"grpc.health.v1.Health",
                              "grpc.reflection.v1alpha.ServerReflection",
                              "grpc.channelz.v1.Channelz"}, names)

    def test_every_listed_service_has_a_descriptor(self):
        listed = self.reflect(reflection_pb2.ServerReflectionRequest(
            list_services=""))
        for service in listed.list_services_response.service:
            response = self.reflect(reflection_pb2.ServerReflectionRequest(
                file_containing_symbol=service.name))
            self.assertTrue(
                response.file_descriptor_response.file_descriptor_proto,
                f"{service.name}: {response.error_response.error_message}")

    def test_channelz_shows_the_server_and_its_calls(self):
        stub = channelz_pb2_grpc.ChannelzStub(self.channel)
        servers = stub.GetServers(channelz_pb2.GetServersRequest(),
                                  timeout=RPC_SECONDS).server
        self.assertEqual(len(servers), 1)
        self.assertGreaterEqual(servers[0].data.calls_started, 1)

    def test_health_check_flag(self):
        healthy = run_mmfaultd("--health-check", self.server.address)
        self.assertEqual((healthy.returncode, healthy.stdout), (0, "SERVING\n"))

    def test_taken_port_is_refused(self):
        second = run_mmfaultd("--listen", self.server.address)
        self.assertEqual(second.returncode, 125)
        self.assertIn("[LISTEN_FAILED]", second.stderr)
        self.assertIn(self.server.address, second.stderr)


class StartTest(unittest.TestCase):

    def test_wrong_usage_exits_with_64(self):
        for flags in (["--nonsense"], ["--listen", "localhost"],
                      ["--max-worlds", "0"], ["--tls-cert", "only-half"]):
            self.assertEqual(run_mmfaultd(*flags).returncode, 64, flags)

    def test_plaintext_off_loopback_is_refused(self):
        result = run_mmfaultd("--listen", "0.0.0.0:0")
        self.assertEqual(result.returncode, 64)
        self.assertIn("--allow-insecure-public", result.stderr)
        with ServerProcess.start("--allow-insecure-public",
                                 listen=["0.0.0.0:0"]) as server:
            self.assertEqual(server.stop(), 0)

    def test_health_check_of_nobody_exits_with_1(self):
        with tempfile.TemporaryDirectory() as folder:
            result = run_mmfaultd("--health-check", f"unix:{folder}/none")
        self.assertEqual(result.returncode, 1)
        self.assertIn("[HEALTH_CHECK_FAILED]", result.stderr)

    def test_port_file_has_every_address(self):
        with tempfile.TemporaryDirectory() as folder:
            port_file = os.path.join(folder, "ports")
            socket = f"unix:{folder}/socket"
            with ServerProcess.start("--port-file", port_file,
                                     listen=["127.0.0.1:0", socket]) as server:
                # The file comes after the announcements; a call that is
                # answered does not prove it, the end of the process does.
                self.assertEqual(
                    run_mmfaultd("--health-check", socket).returncode, 0)
                self.assertEqual(server.stop(), 0)
                with open(port_file, encoding="utf-8") as file:
                    self.assertEqual(file.read().splitlines(), server.addresses)

    def test_json_log_is_json(self):
        with ServerProcess.start("--log-json") as server:
            self.assertEqual(server.stop(), 0)
            lines = [json.loads(line) for line in server.log().splitlines()]
        self.assertIn(f"listening on {server.address}",
                      [line["message"] for line in lines])
        self.assertEqual({"time", "level", "message"}, set(lines[0]))


class DrainTest(unittest.TestCase):

    def watched_server(self, *flags):
        """A server and a health watch that has said SERVING."""
        server = ServerProcess.start(*flags)
        self.addCleanup(server.kill)
        self.channel = grpc.insecure_channel(server.address)
        self.addCleanup(self.channel.close)
        watch = health_pb2_grpc.HealthStub(self.channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=RPC_SECONDS)
        self.assertEqual(next(watch).status, SERVING)
        return server, watch

    def end_watch(self, watch):
        """Ends the call and its connection.

        An idle Python channel looks at its socket every 5 s only, and the
        server lets it answer the GOAWAY.
        """
        watch.cancel()
        self.channel.close()

    def test_sigterm_says_not_serving_then_exits_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server, watch = self.watched_server("--drain-seconds", "3600")
            server.signal(number)
            self.assertEqual(next(watch).status, NOT_SERVING)
            # The watch is a call in flight: the server waits for its end.
            self.end_watch(watch)
            self.assertEqual(server.wait(), 0)

    def test_new_connections_are_refused_while_draining(self):
        server, watch = self.watched_server("--drain-seconds", "3600")
        server.signal()
        self.assertEqual(next(watch).status, NOT_SERVING)
        # Health is turned off before the listener closes: ask until it has.
        while True:
            result = run_mmfaultd("--health-check", server.address)
            self.assertEqual(result.returncode, 1)
            if "[HEALTH_CHECK_FAILED]" in result.stderr:
                break
        self.end_watch(watch)
        self.assertEqual(server.wait(), 0)

    def test_deadline_cuts_what_does_not_finish(self):
        server, watch = self.watched_server("--drain-seconds", "0.05")
        server.signal()
        self.assertEqual(server.wait(), 0)
        with self.assertRaises(grpc.RpcError):
            for _ in watch:
                pass

    def test_second_signal_ends_it_at_once(self):
        server, watch = self.watched_server("--drain-seconds", "3600")
        server.signal()
        self.assertEqual(next(watch).status, NOT_SERVING)
        server.signal()
        self.assertEqual(server.wait(), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(verbosity=2)
