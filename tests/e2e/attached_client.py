# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""A client of NotifierService.Attach, as a third party would write it.

Nothing of ours but the protos. The stream is read by whoever waits for
something; what is not waited for is kept.

  client = AttachedClient(channel, "worlds/w")
  client.bind("n0")
  tag = client.call({"register": {"notifier": "n0", "mm": "m0"}})
  assert client.result(tag).rc == 0
"""

import collections
import itertools
import queue

# Imported for its effect: the stubs become importable.
import server_process  # noqa: F401  pylint: disable=unused-import

# pylint: disable=wrong-import-order,wrong-import-position
from mmfault.v1 import notifier_service_pb2 as pb
from mmfault.v1 import notifier_service_pb2_grpc as pb_grpc

RPC_SECONDS = 60


class AttachedClient:
    """One stream. Not thread-safe."""

    def __init__(self, channel, parent, client="third-party"):
        self._requests = queue.SimpleQueue()
        self._tags = itertools.count(1)
        self._kept = collections.deque()
        self._stream = pb_grpc.NotifierServiceStub(channel).Attach(
            iter(self._requests.get, None), timeout=RPC_SECONDS)
        self._send(hello={"parent": parent, "client": client,
                          "want_violations": True})
        self.welcome = self.wait("welcome")

    def _send(self, **message):
        self._requests.put(pb.AttachRequest(**message))

    def wait(self, kind, matches=lambda message: True):
        """The oldest message of this kind that was not waited for yet."""
        return getattr(self._next(lambda m: self._is(m, kind, matches)), kind)

    @staticmethod
    def _is(message, kind, matches):
        return (message.WhichOneof("message") == kind and
                matches(getattr(message, kind)))

    def next_of(self, *kinds):
        """The oldest message of these kinds, whole."""
        return self._next(lambda m: m.WhichOneof("message") in kinds)

    def bind(self, notifier):
        tag = next(self._tags)
        self._send(bind={"tag": tag, "notifier": notifier})
        return self.wait("bound", lambda bound: bound.tag == tag)

    def call(self, step, task=""):
        """Starts a step in a task of the world; returns its tag."""
        tag = next(self._tags)
        self._send(call={"tag": tag, "task": task, "step": step})
        return tag

    def result(self, tag):
        """Waits for a call's result, and answers no callback meanwhile."""
        return self.wait("result", lambda result: result.tag == tag).result

    def ack(self, callback, **fields):
        self._send(ack={"callback_number": callback.callback_number, **fields})

    def serve(self, kind, matches=lambda message: True):
        """As wait(), acknowledging every callback as a good driver would.

        Returns the message and the events of the callbacks.
        """
        events = []
        while True:
            message = self._next(lambda m: self._is(m, kind, matches) or
                                 m.WhichOneof("message") == "callback")
            if self._is(message, kind, matches):
                return getattr(message, kind), events
            events.append(message.callback.event)
            self.ack(message.callback, dropped_range=True)

    def _next(self, matches):
        for message in self._kept:
            if matches(message):
                self._kept.remove(message)
                return message
        for message in self._stream:
            if matches(message):
                return message
            self._kept.append(message)
        raise AssertionError("the stream ended")

    def close(self):
        """Half-closes, and reads the stream to its end."""
        self._requests.put(None)
        self._kept.extend(self._stream)
