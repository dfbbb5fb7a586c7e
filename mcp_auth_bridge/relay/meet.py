"""Finds out which era the two sides share, then becomes the relay of that era.

A client shows its era with its first message: `initialize` opens a legacy session; a request whose `_meta` names a
version is modern. A dual-era client probes with `server/discover`, and is answered in the era of the remote: from
memory, else by asking the remote for a moment, else with "method not found", upon which it falls back to `initialize`.
Where the two share no era, the client gets one error that says so.
"""

from collections.abc import Iterable, Iterator, Mapping

from mcp_auth_bridge.errors import BridgeError, MethodUnknown, UpstreamFailed, WrongEra
from mcp_auth_bridge.relay import answers
from mcp_auth_bridge.relay.base import Action, Fail, Hangup, Kind, Message, Relay, Remember, ToClient, ToServer, Wake
from mcp_auth_bridge.relay.http_rules import SUPPORTED
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS, MODERN_VERSIONS, standard_headers, version_of
from mcp_auth_bridge.relay.peek import result_of

DISCOVER = "server/discover"
PATIENCE = 2.0
"""Seconds that the remote has for its answer to `server/discover`: Claude Code gives up after three."""

_TIMER = "discover"
_PROBE = -(2**40)  # no relay's own calls reach so far down


class Meet:
    """`memory` is what the remote said last time, by method; it tells the remote's era too."""

    def __init__(self, legacy: Relay, modern: Relay, memory: Mapping[str, bytes]) -> None:
        self._legacy = legacy
        self._modern = modern
        self._chosen: Relay | None = None
        self._remembered = memory.get(DISCOVER)
        self._is_legacy = "initialize" in memory and self._remembered is None
        self._probing: Message | None = None
        self._opening: Message | None = None
        self._proven = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if self._chosen is None:
            yield from self._first(message)
        elif self._chosen is self._modern and message.method == "initialize" and message.kind is Kind.REQUEST:
            yield Fail(message, WrongEra("this session speaks MCP 2026-07-28 already", supported=MODERN_VERSIONS))
        else:
            yield from self._seen(self._chosen.from_client(message))

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call == _PROBE:
            yield from self._probed(message)
        elif self._chosen is not None:
            self._proven = True
            yield from self._seen(self._chosen.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call == _PROBE:
            yield from self._fall_back()
        elif self._chosen is not None:
            if self._remembered is not None and not self._proven and isinstance(error, UpstreamFailed):
                self._remembered = None
                yield Remember(DISCOVER, b"")  # the remote may have changed its era: ask again next time
            yield from self._seen(self._chosen.ended(call, error))

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == _TIMER:
            if self._probing is not None:
                yield Hangup(_PROBE)
                yield from self._fall_back()
        elif self._chosen is not None:
            yield from self._seen(self._chosen.woke(timer))

    def _first(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.method == DISCOVER:
            yield from self._discover(message)
        elif message.kind is Kind.REQUEST and message.method != "initialize" and (version := version_of(message)):
            if self._is_legacy:
                # The client's own rule for this answer is to fall back to `initialize`.
                yield Fail(message, _legacy_only(version))
                return
            yield from self._become(self._modern, message)
        else:
            if self._probing is not None:
                yield Hangup(_PROBE)
                yield from self._fall_back()
            self._opening = message if message.method == "initialize" else None
            if message.method == "initialize":
                self._chosen = self._legacy
            yield from self._seen(self._legacy.from_client(message))

    def _become(self, relay: Relay, message: Message) -> Iterator[Action]:
        self._chosen = relay
        yield from self._seen(relay.from_client(message))

    def _discover(self, message: Message) -> Iterator[Action]:
        if self._probing is not None or self._is_legacy:
            yield Fail(message, _legacy_first())
        elif self._remembered:
            self._chosen = self._modern
            yield ToClient(answers.raw_result(message, self._remembered))
        else:
            self._probing = message
            yield Wake(_TIMER, PATIENCE)
            yield ToServer(_PROBE, message, standard_headers(message))

    def _probed(self, message: Message) -> Iterator[Action]:
        probing = self._probing
        if probing is None or message.kind is not Kind.RESPONSE or message.key != probing.key:
            return
        result = result_of(message)
        versions = answers.members(result).get("supportedVersions") if result is not None else None
        if result is None or not isinstance(versions, list) or not set(MODERN_VERSIONS) & set(versions):
            yield from self._fall_back()
            return
        self._probing = None
        self._chosen = self._modern
        yield Remember(DISCOVER, result)
        yield ToClient(message)

    def _fall_back(self) -> Iterator[Action]:
        if self._probing is not None:
            probing, self._probing = self._probing, None
            yield Fail(probing, _legacy_first())

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        """A remote that answers a legacy opening in modern words shares no era with this client."""
        for action in actions:
            if isinstance(action, ToClient) and self._answers_opening(action.message):
                opening, self._opening = self._opening, None
                if opening is not None and answers.error_code(action.message) in MODERN_ERRORS:
                    yield Fail(opening, WrongEra("this server speaks MCP 2026-07-28 only", supported=MODERN_VERSIONS))
                    continue
            yield action

    def _answers_opening(self, message: Message) -> bool:
        return self._opening is not None and message.kind is Kind.RESPONSE and message.key == self._opening.key


def _legacy_first() -> MethodUnknown:
    return MethodUnknown("the session starts with initialize")


def _legacy_only(version: str) -> WrongEra:
    return WrongEra("this server speaks earlier revisions of MCP", supported=SUPPORTED, requested=version)
