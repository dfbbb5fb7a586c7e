"""A server as the bridge's own client meets it: for commands that ask something and are gone again."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.errors import BridgeError, LimitExceeded, TheirProtocolError, WrongEra
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.shell.own_client import OwnClient, Progress

_FAREWELL = 1.0
"""Seconds for ending the session on the server."""

_ROTATION = 10.0
"""Seconds for a refresh whose answer is on its way when a person has had enough: the old token is spent."""

_MOST_PAGES = 1000

_TOO_MANY = "contact the server's operator: a list like that has no end, or is of no use to a client"

_LARGEST_LIST = 8 * 1024 * 1024
"""Bytes of all pages together. A tool takes one to five thousand, and ten times as many once it is decoded."""


class Tool(msgspec.Struct, frozen=True):
    """A tool as it was listed: `raw` is what the server wrote, `about` the same decoded. Any: its JSON."""

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
    next_cursor: Any = None  # Any: the server's business


@contextlib.asynccontextmanager
async def closing(bridge: Bridge) -> AsyncIterator[None]:
    """Whatever becomes of it: nothing of `bridge` is left open, and no rotation half done."""
    _treat_signals_like_ctrl_c()
    try:
        yield
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ROTATION):
                await bridge.settle()
        await bridge.pool.aclose()


def _treat_signals_like_ctrl_c() -> None:
    """`timeout` and a closed terminal leave time for a clean end, too: asyncio's own is for Ctrl-C alone."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        # Windows has neither these handlers nor SIGHUP; and what `nohup` ignores stays ignored.
        with contextlib.suppress(NotImplementedError, AttributeError):
            if signal.getsignal(number := getattr(signal, name)) is not signal.SIG_IGN:
                loop.add_signal_handler(number, signal.raise_signal, signal.SIGINT)


@contextlib.asynccontextmanager
async def open_session(bridge: Bridge, progress: Progress) -> AsyncIterator[OwnClient]:
    """A client in an open session with the server. Raises any `BridgeError`."""
    async with closing(bridge):
        client = await _open_in_either_era(bridge, progress)
        try:
            yield client
        finally:
            await client.close()
            with contextlib.suppress(TimeoutError, BridgeError):  # it ends with or without its server's consent
                async with asyncio.timeout(_FAREWELL):
                    await bridge.remote.close()


async def _open_in_either_era(bridge: Bridge, progress: Progress) -> OwnClient:
    try:
        return await _open(bridge, bridge.server_cache.load(), progress)
    except WrongEra:  # by what is remembered; the server may have been replaced since
        return await _open(bridge, {}, progress)


async def _open(bridge: Bridge, remembered: Mapping[str, bytes], progress: Progress) -> OwnClient:
    client = OwnClient(relay_stack.own(bridge.profile, remembered), bridge.remote, bridge.server_cache, progress)
    try:
        await client.open()
    except BaseException:
        await client.close()
        raise
    return client


async def list_tools(client: OwnClient) -> list[Tool]:
    """All tools, page by page. Raises `LimitExceeded` for a list that is too long, or has no end."""
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
            raise TheirProtocolError("the server's tool list repeats itself instead of continuing")
        cursors.append(page.next_cursor)
    raise LimitExceeded(f"the server's list of tools has more than {_MOST_PAGES} pages", _TOO_MANY)


def _decode_page(result: bytes) -> _Page:
    try:
        return msgspec.json.decode(result, type=_Page)
    except msgspec.DecodeError:
        raise TheirProtocolError("the server's list of tools is none") from None
