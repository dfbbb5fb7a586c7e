"""A session of the bridge's own client with a server, for commands that make some requests and end."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.errors import BridgeError, LimitExceeded, TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.shell.own_client import OwnClient, Progress

_FAREWELL = 1.0
"""Seconds for ending the session on the server."""

_REFRESH = 10.0
"""Seconds to wait for the response to a refresh when the user interrupts the command: the old token is spent."""

_MOST_PAGES = 1000

_TOO_MANY = "contact the server's operator: the list has no end, or is too long for any client"

_LARGEST_LIST = 8 * 1024 * 1024
"""Bytes of all pages together. A tool takes one to five thousand, and ten times as many once it is decoded."""


class Tool(msgspec.Struct, frozen=True):
    """A tool in the server's list. `raw` is its JSON as the server wrote it, `about` the same decoded (Any: JSON)."""

    raw: bytes
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        name = self.about.get("name")
        return name if isinstance(name, str) else ""

    @property
    def schema(self) -> Mapping[str, Any]:
        schema = self.about.get("inputSchema")
        return schema if isinstance(schema, dict) else {}


class _Page(msgspec.Struct, rename="camel"):
    tools: list[msgspec.Raw]
    next_cursor: Any = None  # Any: only the server knows what it means


@contextlib.asynccontextmanager
async def closing(bridge: Bridge) -> AsyncIterator[None]:
    """At the end, however it comes, wait for a refresh that is under way and close the connections of `bridge`."""
    _treat_signals_like_ctrl_c()
    try:
        yield
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REFRESH):
                await bridge.settle()
        await bridge.pool.aclose()


def _treat_signals_like_ctrl_c() -> None:
    """Let `timeout` and a closed terminal end the command as cleanly as Ctrl-C, which asyncio handles itself."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        # Windows has neither these handlers nor SIGHUP; and a signal that `nohup` ignores stays ignored.
        with contextlib.suppress(NotImplementedError, AttributeError):
            if signal.getsignal(number := getattr(signal, name)) is not signal.SIG_IGN:
                loop.add_signal_handler(number, signal.raise_signal, signal.SIGINT)


@contextlib.asynccontextmanager
async def open_session(bridge: Bridge, progress: Progress) -> AsyncIterator[OwnClient]:
    """A client in an open session with the server. `progress` is called with progress notifications.

    Raises any `BridgeError`.
    """
    async with closing(bridge):
        client = await _open(bridge, progress)
        try:
            yield client
        finally:
            await client.close()
            with contextlib.suppress(TimeoutError, BridgeError):  # the command ends even if the server does not answer
                async with asyncio.timeout(_FAREWELL):
                    await bridge.remote.close()


async def _open(bridge: Bridge, progress: Progress) -> OwnClient:
    client = OwnClient(relay_stack.build_own_relay(bridge.profile), bridge.remote, bridge.server_cache, progress)
    try:
        await client.open()
    except BaseException:
        await client.close()
        raise
    return client


async def list_tools(client: OwnClient) -> list[Tool]:
    """All tools, page by page. Raises `LimitExceeded` for a list that is too long or has no end."""
    size = 0
    tools: list[Tool] = []
    cursors: list[Any] = []  # Any: as in _Page
    for _ in range(_MOST_PAGES):
        params = {"cursor": cursors[-1]} if cursors else {}
        result = await client.request("tools/list", params)
        size += len(result)
        if size > _LARGEST_LIST:
            raise LimitExceeded(f"the server's list of tools is larger than {_LARGEST_LIST} bytes", _TOO_MANY)
        page = _decode_page(result)
        tools += [Tool(bytes(raw), replies.members(bytes(raw))) for raw in page.tools]
        if page.next_cursor is None:
            return tools
        if page.next_cursor in cursors:
            raise TheirProtocolError("the server's list of tools repeats itself instead of continuing")
        cursors.append(page.next_cursor)
    raise LimitExceeded(f"the server's list of tools has more than {_MOST_PAGES} pages", _TOO_MANY)


def _decode_page(result: bytes) -> _Page:
    try:
        return msgspec.json.decode(result, type=_Page)
    except msgspec.DecodeError:
        raise TheirProtocolError("the server's tools/list result is malformed") from None
