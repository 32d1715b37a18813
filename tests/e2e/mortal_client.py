# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""A client that is killed in the middle of a callback.

mortal_client.py ADDRESS WORLD NOTIFIER MM: registers, says "registered", and
says "in callback" when one arrives. It never answers and never ends by itself:
whoever started it kills it.
"""

import signal
import sys

import grpc

from attached_client import AttachedClient


def main(address, world, notifier, mm):
    with grpc.insecure_channel(address) as channel:
        client = AttachedClient(channel, world, client="mortal")
        client.bind(notifier)
        result = client.result(client.call(
            {"register": {"notifier": notifier, "mm": mm}}))
        assert result.rc == 0, result
        print("registered", flush=True)
        client.wait("callback")
        print("in callback", flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
