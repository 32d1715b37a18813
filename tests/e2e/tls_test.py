#!/usr/bin/python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Aim: with a client CA, only clients that it signed get in.

Method: a throw-away CA made by openssl, python3-grpcio as the client. Exits
with 77 (skipped) when there is no openssl.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import grpc

from server_process import ServerProcess, run_mmfaultd

# pylint: disable=wrong-import-order,wrong-import-position
from health.v1 import health_pb2, health_pb2_grpc

RPC_SECONDS = 30


def openssl(*arguments, folder):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True,
                   capture_output=True)


def make_key_pair(folder, name, ca=None):
    """NAME.key and NAME.pem: self-signed, or signed by `ca`."""
    openssl("req", "-x509" if ca is None else "-new", "-newkey", "ec",
            "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", f"{name}.key",
            "-out", f"{name}.pem" if ca is None else f"{name}.csr",
            folder=folder)
    if ca is not None:
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem",
                "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2",
                "-copy_extensions", "copy", "-out", f"{name}.pem",
                folder=folder)


class TlsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        make_key_pair(cls.folder, "ca")
        make_key_pair(cls.folder, "server", ca="ca")
        make_key_pair(cls.folder, "client", ca="ca")
        make_key_pair(cls.folder, "stranger")
        cls.socket = f"unix:{cls.folder}/socket"
        cls.server = ServerProcess.start(
            "--tls-cert", cls.path("server.pem"),
            "--tls-key", cls.path("server.key"),
            "--tls-client-ca", cls.path("ca.pem"),
            listen=["0.0.0.0:0", cls.socket])
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def check(self, credentials):
        """The health RPC over TLS; raises grpc.RpcError when not let in."""
        port = self.server.address.rsplit(":", 1)[1]
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            return health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=RPC_SECONDS).status

    def test_signed_client_is_served(self):
        credentials = grpc.ssl_channel_credentials(
            self.read("ca.pem"), self.read("client.key"),
            self.read("client.pem"))
        self.assertEqual(self.check(credentials),
                         health_pb2.HealthCheckResponse.SERVING)

    def assert_refused(self, credentials):
        with self.assertRaises(grpc.RpcError) as caught:
            self.check(credentials)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_stranger_is_refused(self):
        self.assert_refused(grpc.ssl_channel_credentials(
            self.read("ca.pem"), self.read("stranger.key"),
            self.read("stranger.pem")))

    def test_client_without_a_certificate_is_refused(self):
        self.assert_refused(grpc.ssl_channel_credentials(self.read("ca.pem")))

    def test_unix_socket_stays_plaintext(self):
        self.assertEqual(
            run_mmfaultd("--health-check", self.socket).returncode, 0)


if __name__ == "__main__":
    if shutil.which("openssl") is None:
        print("SKIPPED: openssl is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
