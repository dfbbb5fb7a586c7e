"""Calls on the way without a task and on the ordinary one, against a scripted server: what comes of each."""

import asyncio
import re
from functools import partial

from peers.scripted import REQUEST, Scripted
from remoting import CALL, connected, reply

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.envelope import peek

CALL_NUMBER = 7
WARM = peek(b'{"jsonrpc":"2.0","id":"warm","method":"ping"}')
WARMING = [REQUEST, reply(b"200 OK", body=b'{"jsonrpc":"2.0","id":"warm","result":{}}')]
AWAY = [REQUEST, b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"]


class Course:
    """What a relay sees of one call. `heard` are the raw messages, `over` is done at the end of the call."""

    def __init__(self, *, congested=False):
        self.is_congested = lambda: congested
        self.heard = []
        self.signs = 0
        self.over = asyncio.get_running_loop().create_future()
        self.task = None

    def alive(self, call):
        self.signs += 1

    def arrived(self, call, messages):
        self.heard += [message.raw for message in messages]
        self.over.set_result(None)

    async def deliver(self, call, message):
        self.heard.append(message.raw)

    def goes_on(self, call, work):
        self.task = asyncio.ensure_future(self._until_over(work))
        return self.task

    async def _until_over(self, work):
        try:
            await work()
        except BridgeError as error:
            self.over.set_exception(error)
        else:
            self.over.set_result(None)


async def warmed(remote):
    """Leave a connection that is idle."""
    await remote.remote.post(WARM, {}, partial(Course().deliver, CALL_NUMBER))


def at_once(remote, course, message=CALL, headers=None):
    return remote.remote.at_once(CALL_NUMBER, message, headers or {}, course)


async def outcome(steps, message, *, swift):
    """The messages, the error, and how often a request was sent, if `steps` answer `message`."""
    async with Scripted(forever=AWAY) as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, *steps])
        await warmed(remote)
        course, error = Course(), ""
        try:
            if swift:
                assert at_once(remote, course, message) is not None
                await course.over
            else:
                await remote.remote.post(
                    message, {}, partial(course.deliver, CALL_NUMBER), partial(course.alive, CALL_NUMBER)
                )
        except BridgeError as raised:
            words = re.sub(r":\d+", ":PORT", f"{raised.message} {raised.hint}")
            error = f"{type(raised).__name__}: {words}"
        return course.heard, error, len(server.requests), bool(course.signs)
