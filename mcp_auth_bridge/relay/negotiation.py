"""Finds out which era the client and the server share, then becomes the relay of that era.

A client shows its era with its first message: `initialize` opens a legacy session; a request that names a version in
its `_meta` is modern. A dual-era client probes with `server/discover` and is answered in the era of the server: from
memory, else by asking the server for a moment, else with "method not found", after which the client falls back to
`initialize`. If the two share no era, the client gets one error that says so.
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

DISCOVER_METHOD = "server/discover"
PATIENCE = 2.0
"""Seconds that the server has for its reply to `server/discover`: Claude Code gives up after three."""

_TIMER = "discover"


class Negotiation:
    """`legacy` and `modern` are the relays to choose from. `memory` holds the server's last results, by method."""

    def __init__(self, legacy: Relay, modern: Relay, memory: Mapping[str, bytes]) -> None:
        # The relay of the legacy era.
        self._legacy = legacy

        # The relay of the modern era.
        self._modern = modern

        # The one of the two that this relay has become.
        self._chosen: Relay | None = None

        # The server's last result of `server/discover`, raw JSON. Empty if it proved wrong.
        self._remembered = memory.get(DISCOVER_METHOD)

        # Whether memory says that the server is legacy. The relay relies on it once: a client that asks again after
        # "method not found" cannot fall back.
        self._is_legacy = "initialize" in memory and self._remembered is None

        # The client's `server/discover` while the server is asked.
        self._probing: Message | None = None

        # The numbers of the calls that ask it.
        self._probes = CallNumbers(PROBES)

        # The newest of those calls.
        self._probe = STREAM

        # The client's `initialize` that has not been answered.
        self._initialize: Message | None = None

        # Whether only memory says that the server is modern, and the server has not answered yet.
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
            yield from self._probe_answered(call, message)
        elif self._chosen is not None:
            if message.kind is Kind.REPLY:
                yield from self._doubt(failed=replies.error_code(message) not in {None, *MODERN_ERRORS})
            yield from self._review(self._chosen.from_server(call, message))

    def alive(self, call: int) -> Iterator[Action]:
        if self._chosen is not None:
            yield from self._review(self._chosen.alive(call))

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
        """Forget that the server is modern if only memory says so, and its first reply failed."""
        if self._believing:
            self._believing = False
            if failed:
                yield Remember(DISCOVER_METHOD, b"")

    def _first(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.method == DISCOVER_METHOD:
            yield from self._discover(message)
        elif message.kind is Kind.REQUEST and message.method != "initialize" and (version := version_of(message)):
            if self._is_legacy:
                # On this error the client falls back to `initialize` by its own rule.
                self._is_legacy = False
                yield Fail(message, _legacy_only_error(version))
                return
            self._chosen = self._modern
            yield from self._review(self._modern.from_client(message))
        else:
            if self._probing is not None:
                yield Hangup(self._probe)
                yield from self._fall_back()
            if message.kind is Kind.REQUEST and message.method == "initialize":
                self._initialize, self._chosen = message, self._legacy
            yield from self._review(self._legacy.from_client(message))

    def _discover(self, message: Message) -> Iterator[Action]:
        if self._probing is not None or self._is_legacy:
            self._is_legacy = False
            yield Fail(message, _initialize_first_error())
        elif self._remembered:
            self._chosen, self._believing = self._modern, True
            yield ToClient(replies.raw_result(message, self._remembered))
        else:
            self._probing = message
            yield Wake(_TIMER, PATIENCE)
            self._probe = self._probes.take()
            yield ToServer(self._probe, message, standard_headers(message))

    def _probe_answered(self, call: int, message: Message) -> Iterator[Action]:
        probing = self._probing
        if call != self._probe or probing is None:
            return
        if message.kind is not Kind.REPLY or message.key != probing.key:
            return
        result = result_of(message)
        if result is not None and _is_modern(replies.members(result).get("supportedVersions")):
            self._probing = None
            self._chosen = self._modern
            yield Remember(DISCOVER_METHOD, result)
            yield ToClient(message)
        elif replies.error_code(message) in MODERN_ERRORS and _is_modern(_supported(message)):
            # A modern server refuses this version or these headers, and the client may know others.
            self._probing = None
            yield ToClient(message)
        else:
            yield from self._fall_back()

    def _fall_back(self) -> Iterator[Action]:
        if self._probing is not None:
            probing, self._probing = self._probing, None
            yield Fail(probing, _initialize_first_error())

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        """Fail a legacy `initialize` that the server answers with a modern error: the two share no era."""
        for action in actions:
            if isinstance(action, ToClient) and self._answers_initialize(action.message):
                initialize, self._initialize = self._initialize, None
                if initialize is not None and replies.error_code(action.message) in MODERN_ERRORS:
                    yield Fail(initialize, _modern_only_error())
                    continue
            yield action

    def _answers_initialize(self, message: Message) -> bool:
        return self._initialize is not None and message.kind is Kind.REPLY and message.key == self._initialize.key


def _cancels(message: Message, request: Message) -> bool:
    named = message.kind is Kind.NOTIFICATION and message.method == "notifications/cancelled"
    return named and message.cancelled_key == request.key


def _supported(reply: Message) -> Any:
    """The versions that a modern error names, `MODERN_VERSIONS` if it names none. Any: any JSON."""
    data = (decoded(reply.raw) or {}).get("error", {}).get("data")
    return data.get("supported", MODERN_VERSIONS) if isinstance(data, dict) else MODERN_VERSIONS


def _is_modern(versions: Any) -> bool:
    """Whether a modern version is among the `versions`. Any: any JSON."""
    return isinstance(versions, list | tuple) and any(version in MODERN_VERSIONS for version in versions)


def _initialize_first_error() -> MethodUnknown:
    return MethodUnknown("the session starts with initialize")


def _modern_only_error() -> WrongEra:
    return WrongEra("this server speaks MCP 2026-07-28 only", supported=MODERN_VERSIONS)


def _legacy_only_error(version: str) -> WrongEra:
    return WrongEra("this server speaks earlier revisions of MCP", supported=SUPPORTED, requested=version)
