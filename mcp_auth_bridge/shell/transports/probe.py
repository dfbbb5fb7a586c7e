"""One short session with the MCP server: the proof that a login works, and results worth remembering."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.errors import BridgeError, LoginRequired, OutcomeUnknown, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.era import (
    ERA,
    Era,
    is_modern,
    may_mean_other_era,
    refused_initialize_error,
    remembered_as,
)
from mcp_auth_bridge.relay.http_semantics import version_headers
from mcp_auth_bridge.relay.mcp_headers import standard_headers
from mcp_auth_bridge.relay.own_handshake import DISCOVER, INITIALIZE, INITIALIZED, META
from mcp_auth_bridge.relay.revision_fallback import with_older_revision
from mcp_auth_bridge.shell.transports.remainder import GRACE
from mcp_auth_bridge.shell.transports.remote import Remote

_PATIENCE = 60.0
"""Seconds for the reply to an opening: as long as `relay/legacy_session.py` waits for a session."""

_TOOLS = replies.request("tools/list", {})
_PING = replies.request("ping", {})
_MODERN_TOOLS = replies.request("tools/list", {"_meta": META})


class Stranger:
    """The credentials of a client that has none. Keeps the refusal, or notes that the client `is_served` without.

    `failure` is a response that may be a refusal too: 400 or 403, without a challenge.
    """

    def __init__(self) -> None:
        self.refusal: Refusal | None = None
        self.failure: UpstreamFailed | None = None
        self.is_served = False

    @property
    def challenge(self) -> Challenge | None:
        return self.refusal.challenge if self.refusal else None

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - nothing to prove
        if refused is None:
            return {}
        self.refusal = refused
        raise LoginRequired("the server asks for credentials")


async def ask_for_challenge(remote: Remote, stranger: Stranger) -> Challenge | None:
    """The server's challenge to `stranger`, which `remote` uses as its credentials; None if the server sends none.

    Many servers open a session without credentials and ask for them only afterwards. If there is no MCP server at all
    this raises, before the user is sent to a browser for nothing; some gateways answer strangers with 400 or 403.
    """
    try:
        await prove(remote)
        stranger.is_served = True
    except LoginRequired:
        await remote.close()
    except UpstreamFailed as failed:
        if failed.status not in (400, 403):
            raise
        stranger.failure = failed
    except TheirProtocolError:
        pass  # an MCP server, if an odd one: its metadata decides
    return stranger.challenge


async def prove(remote: Remote) -> Mapping[str, bytes]:
    """Open a session, make one request in it and end it. Returns the raw results by method; raises any `BridgeError`.

    The request matters: some servers ask for credentials only after `initialize`. A server that refuses `initialize` is
    asked in the era without sessions. If it refuses that as well, its first refusal is raised.
    """
    try:
        opened = await _initialize(remote)
    except TheirProtocolError as error:
        if not may_mean_other_era(error):
            raise
        return await _prove_modern(remote, error)
    result = result_of(opened)
    if result is not None:
        return await _prove_session(remote, result)
    return await _prove_modern(remote, refused_initialize_error(opened))


async def _initialize(remote: Remote) -> Message:
    """The reply to `initialize` in the newest revision that the server does not refuse."""
    opening = INITIALIZE
    while True:
        outcome: Message | UpstreamFailed
        try:
            outcome = await _open(remote, opening, {})
        except UpstreamFailed as failed:
            outcome = failed
        if (lower := with_older_revision(opening, outcome)) is not None:
            opening = lower
        elif isinstance(outcome, UpstreamFailed):
            raise outcome
        else:
            return outcome


async def _prove_session(remote: Remote, opened: bytes) -> Mapping[str, bytes]:
    welcome = replies.members(opened)
    capabilities = welcome.get("capabilities")
    headers = version_headers(welcome.get("protocolVersion"))
    await _notify(remote, INITIALIZED, headers)
    request = _TOOLS if isinstance(capabilities, dict) and "tools" in capabilities else _PING
    listed = result_of(await _ask(remote, request, headers))
    await remote.close()
    complete = request is _TOOLS and listed is not None and "nextCursor" not in replies.members(listed)
    return {"initialize": opened, **({"tools/list": listed} if complete and listed is not None else {})}


async def _notify(remote: Remote, notification: Message, headers: Mapping[str, str]) -> None:
    """Send `notification`. Once it is accepted, it may be answered with a stream that stays open."""
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as patience:

            def accepted() -> None:
                if patience.when() is None:
                    patience.reschedule(loop.time() + GRACE)

            await remote.post(notification, headers, _pass_over, accepted)


async def _prove_modern(remote: Remote, refused: BridgeError) -> Mapping[str, bytes]:
    """The same with a server that has `refused` to open a session. Raises `refused` if it knows no other era either."""
    try:
        discovery = await _open(remote, DISCOVER, standard_headers(DISCOVER))
    except TheirProtocolError as error:
        if not may_mean_other_era(error):
            raise
        raise refused from None
    discovered = result_of(discovery)
    if discovered is None or not is_modern(discovery):
        raise refused
    await _ask(remote, _MODERN_TOOLS, standard_headers(_MODERN_TOOLS))
    return {"server/discover": discovered, ERA: remembered_as(Era.MODERN)}


async def _open(remote: Remote, opening: Message, headers: Mapping[str, str]) -> Message:
    """As `_ask`, for a server that may be silent: a login must not wait for it for ever."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _ask(remote, opening, headers)
    except TimeoutError:
        silence = f"the server did not answer {opening.method} within {_PATIENCE:g} seconds"
        raise OutcomeUnknown(silence, "check that it speaks MCP") from None


async def _pass_over(message: Message) -> None:
    """A notification has no reply, and the messages that come in return do not count."""


class _Answered(Exception):
    """Ends the reading of a response: the `reply` has come."""

    def __init__(self, reply: Message) -> None:
        super().__init__()
        self.reply = reply


async def _ask(remote: Remote, request: Message, headers: Mapping[str, str]) -> Message:
    async def take(message: Message) -> None:
        if message.kind is Kind.REPLY and message.key == request.key:
            raise _Answered(message)

    try:
        await remote.post(request, headers, take)
    except _Answered as answered:
        return answered.reply
    raise TheirProtocolError(f"the server did not answer {request.method}")
