"""Finds out which era the two sides share, then becomes the relay of that era.

A client shows its era with its first message: `initialize` opens a legacy session; a request whose `_meta` names a
version is modern. A dual-era client probes with `server/discover`, and is answered in the era of the remote: from
memory, else by asking the remote for a moment, else with "method not found", upon which it falls back to `initialize`.
Where the two share no era, the client gets one error that says so.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mcp_auth_bridge.errors import BridgeError, MethodUnknown, UpstreamFailed, WrongEra
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    Action,
    Fail,
    Hangup,
    Kind,
    Message,
    Relay,
    Remember,
    ToClient,
    ToServer,
    Wake,
    decoded,
)
from mcp_auth_bridge.relay.call_numbers import PROBES, STREAM, CallNumbers
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.http_semantics import SUPPORTED
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS, MODERN_VERSIONS, standard_headers, version_of

DISCOVER = "server/discover"
PATIENCE = 2.0
"""Seconds that the remote has for its answer to `server/discover`: Claude Code gives up after three."""

_TIMER = "discover"


class Negotiation:
    """`memory` is what the remote said last time, by method; it tells the remote's era too."""

    def __init__(self, legacy: Relay, modern: Relay, memory: Mapping[str, bytes]) -> None:
        self._legacy = legacy
        self._modern = modern
        self._chosen: Relay | None = None
        self._remembered = memory.get(DISCOVER)
        # Believed once: a client that asks again after "method not found" cannot fall back.
        self._is_legacy = "initialize" in memory and self._remembered is None
        self._probing: Message | None = None
        self._probes = CallNumbers(PROBES)
        self._probe = STREAM
        self._opening: Message | None = None
        self._believing = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if self._probing is not None and _cancels(message, self._probing):
            self._probing = None
            yield Hangup(self._probe)
        elif self._chosen is None:
            yield from self._first(message)
        elif self._chosen is self._modern and message.method == "initialize" and message.kind is Kind.REQUEST:
            yield Fail(message, WrongEra("this session speaks MCP 2026-07-28 already", supported=MODERN_VERSIONS))
        else:
            yield from self._review(self._chosen.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call in PROBES:
            yield from self._probed(call, message)
        elif self._chosen is not None:
            if message.kind is Kind.REPLY:
                yield from self._doubt(failed=replies.error_code(message) not in {None, *MODERN_ERRORS})
            yield from self._review(self._chosen.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call in PROBES:
            if call == self._probe:
                yield from self._fall_back()
        elif self._chosen is not None:
            if isinstance(error, UpstreamFailed):
                yield from self._doubt(failed=True)
            yield from self._review(self._chosen.ended(call, error))

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == _TIMER:
            if self._probing is not None:
                yield Hangup(self._probe)
                yield from self._fall_back()
        elif self._chosen is not None:
            yield from self._review(self._chosen.woke(timer))

    def _doubt(self, *, failed: bool) -> Iterator[Action]:
        """The first answer of a remote that is modern by memory alone: if it failed, the next process asks again."""
        if self._believing:
            self._believing = False
            if failed:
                yield Remember(DISCOVER, b"")

    def _first(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.method == DISCOVER:
            yield from self._discover(message)
        elif message.kind is Kind.REQUEST and message.method != "initialize" and (version := version_of(message)):
            if self._is_legacy:
                # The client's own rule for this answer is to fall back to `initialize`.
                self._is_legacy = False
                yield Fail(message, _legacy_only(version))
                return
            self._chosen = self._modern
            yield from self._review(self._modern.from_client(message))
        else:
            if self._probing is not None:
                yield Hangup(self._probe)
                yield from self._fall_back()
            if message.kind is Kind.REQUEST and message.method == "initialize":
                self._opening, self._chosen = message, self._legacy
            yield from self._review(self._legacy.from_client(message))

    def _discover(self, message: Message) -> Iterator[Action]:
        if self._probing is not None or self._is_legacy:
            self._is_legacy = False
            yield Fail(message, _legacy_first())
        elif self._remembered:
            self._chosen, self._believing = self._modern, True
            yield ToClient(replies.raw_result(message, self._remembered))
        else:
            self._probing = message
            yield Wake(_TIMER, PATIENCE)
            self._probe = self._probes.take()
            yield ToServer(self._probe, message, standard_headers(message))

    def _probed(self, call: int, message: Message) -> Iterator[Action]:
        probing = self._probing
        if call != self._probe or probing is None:
            return
        if message.kind is not Kind.REPLY or message.key != probing.key:
            return
        result = result_of(message)
        if result is not None and _is_modern(replies.members(result).get("supportedVersions")):
            self._probing = None
            self._chosen = self._modern
            yield Remember(DISCOVER, result)
            yield ToClient(message)
        elif replies.error_code(message) in MODERN_ERRORS and _is_modern(_supported(message)):
            # A server of the modern era refuses this version or these headers: the client may know better ones.
            self._probing = None
            yield ToClient(message)
        else:
            yield from self._fall_back()

    def _fall_back(self) -> Iterator[Action]:
        if self._probing is not None:
            probing, self._probing = self._probing, None
            yield Fail(probing, _legacy_first())

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        """A remote that answers a legacy opening in modern words shares no era with this client."""
        for action in actions:
            if isinstance(action, ToClient) and self._answers_opening(action.message):
                opening, self._opening = self._opening, None
                if opening is not None and replies.error_code(action.message) in MODERN_ERRORS:
                    yield Fail(opening, WrongEra("this server speaks MCP 2026-07-28 only", supported=MODERN_VERSIONS))
                    continue
            yield action

    def _answers_opening(self, message: Message) -> bool:
        return self._opening is not None and message.kind is Kind.REPLY and message.key == self._opening.key


def _cancels(message: Message, request: Message) -> bool:
    named = message.kind is Kind.NOTIFICATION and message.method == "notifications/cancelled"
    return named and message.cancelled_key == request.key


def _supported(refusal: Message) -> Any:
    """The versions that a modern error names, MODERN_VERSIONS where it need not. Any: the server's word."""
    data = (decoded(refusal.raw) or {}).get("error", {}).get("data")
    return data.get("supported", MODERN_VERSIONS) if isinstance(data, dict) else MODERN_VERSIONS


def _is_modern(versions: Any) -> bool:
    """Any: the server's word."""
    return isinstance(versions, list | tuple) and any(version in MODERN_VERSIONS for version in versions)


def _legacy_first() -> MethodUnknown:
    return MethodUnknown("the session starts with initialize")


def _legacy_only(version: str) -> WrongEra:
    return WrongEra("this server speaks earlier revisions of MCP", supported=SUPPORTED, requested=version)
