# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""A mmfaultd in a process of its own, on a free port, for a test.

  with ServerProcess.start("--max-worlds", "2") as server:
      channel = grpc.insecure_channel(server.address)

Importing this module also makes the generated stubs importable. The build
directory is $MMFAULT_BUILD_DIR, by default build/dev.
"""

import os
import pathlib
import selectors
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MMFAULT_BUILD_DIR", ROOT / "build/dev"))
MMFAULTD = BUILD / "server/main/mmfaultd"
sys.path.insert(0, str(BUILD / "python"))

# Sanitized servers on a busy machine take seconds.
START_SECONDS = 60
STOP_SECONDS = 60
ANNOUNCEMENT = "listening on "


class ServerProcess:
    """A running server; stop it, or leave the with-block, which kills it."""

    @classmethod
    def start(cls, *flags, listen=("127.0.0.1:0",)):
        """Starts it with these flags; returns once it serves."""
        command = [str(MMFAULTD)]
        for address in listen:
            command += ["--listen", address]
        return cls(command + list(flags), len(listen))

    def __init__(self, command, address_count):
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self.pid = self._process.pid
        self.addresses = []
        try:
            for _ in range(address_count):
                self.addresses.append(self._read_address())
        except BaseException:
            self.kill()
            raise
        self.address = self.addresses[0]

    def _read_address(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            # Text already buffered by an earlier readline does not wake
            # select(): each line is flushed by the server on its own, but two
            # may have been read at once.
            line = ""
            if self.addresses or selector.select(START_SECONDS):
                line = self._process.stdout.readline()
        if not line.startswith(ANNOUNCEMENT):
            raise AssertionError(f"no address, but {line!r}; log:\n{self.log()}")
        return line[len(ANNOUNCEMENT):].strip()

    def log(self):
        """What the server wrote to stderr so far."""
        self._log.seek(0)
        return self._log.read()

    def signal(self, number=signal.SIGTERM):
        os.kill(self.pid, number)

    def wait(self):
        """The exit code of a server that was told to stop."""
        code = self._process.wait(STOP_SECONDS)
        self._process.stdout.close()
        return code

    def stop(self):
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._log.close()


def run_mmfaultd(*flags):
    """Runs it to its end: a CompletedProcess with text output."""
    return subprocess.run([str(MMFAULTD), *flags], capture_output=True,
                          text=True, timeout=START_SECONDS, check=False)
