"""The event loop of a command: asyncio's own, with name lookups that never delay the end of the process."""

import asyncio
import socket
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from mcp_auth_bridge.shell.process import uncaught
from mcp_auth_bridge.shell.process.threads import run_in_background

T = TypeVar("T")

if sys.platform == "win32":
    _Loop = asyncio.ProactorEventLoop
elif sys.platform == "linux":
    from mcp_auth_bridge.shell.process.epoll_selector import EpollSelector

    class _Loop(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            super().__init__(EpollSelector())
else:
    _Loop = asyncio.SelectorEventLoop


class Loop(_Loop):
    """Looks names up in daemon threads: asyncio's executor would delay the end, by up to a minute behind a dead VPN."""

    # The clock of asyncio's loops, without a function in Python around it: a call reads it nine times.
    time = staticmethod(time.monotonic)

    # Any: arguments and results are socket.getaddrinfo's own
    async def getaddrinfo(self, host: Any, port: Any, **wanted: Any) -> list[Any]:
        return await run_in_background(lambda: socket.getaddrinfo(host, port, **wanted))


def run(story: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on a `Loop`."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.get_loop().set_exception_handler(uncaught.report_in_loop)
        return runner.run(story)
