"""The invariants of every history under any fault, checked on the client's messages and the server's exchanges."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from faults.server import Exchange

REPEATABLE = frozenset(
    {"completion/complete", "ping", "prompts/get", "prompts/list", "resources/list", "resources/read"}
    | {"resources/templates/list", "server/discover", "tasks/get", "tasks/list", "tools/list"}
)
_LINE_ENDS = ("\x85", "\u2028", "\u2029")


def check(sent: Sequence[Any], lines: Sequence[bytes], tap: Sequence[Exchange]) -> None:
    """`sent` are the client's messages, `lines` the bridge's, `tap` the server's exchanges."""
    received = [_message(line) for line in lines]
    check_answers(sent, received)
    errors = [message for message in received if _is_ours(message)]
    for message in errors:
        check_error(message)
    check_sends(tap)
    check_notifications(sent, tap)
    check_truth(errors, tap)


def check_answers(sent: Iterable[Any], received: Iterable[Any]) -> None:
    """Every request gets exactly one reply, or at most one if it was cancelled; nothing else gets a reply."""
    asked = Counter(_key(message["id"]) for message in sent if "method" in message and "id" in message)
    cancelled = {_key(message["params"]["requestId"]) for message in sent if _is_cancellation(message)}
    answered = Counter(
        _key(message["id"]) for message in received if "method" not in message and message["id"] is not None
    )
    for key in asked | answered:
        least = 0 if key in cancelled else asked[key]
        assert least <= answered[key] <= asked[key], f"{key}: asked {asked[key]}, answered {answered[key]} times"


def check_sends(tap: Iterable[Exchange]) -> None:
    """Only read-only requests are sent again after they may have been processed, and a repetition is identical."""
    sends = defaultdict(list)
    for exchange in tap:
        if exchange.id is not None and exchange.method not in ("", "initialize"):  # a session begins with that
            sends[exchange.method, _key(exchange.id)].append(exchange)
    for (method, key), exchanges in sends.items():
        unknown = sum(not exchange.refused for exchange in exchanges)
        assert unknown <= (3 if method in REPEATABLE else 1), f"{method} {key} was sent {len(exchanges)} times"
        assert len({exchange.body for exchange in exchanges}) == 1, f"{method} {key} changed on the way"


def check_notifications(sent: Iterable[Any], tap: Iterable[Exchange]) -> None:
    """A notification reaches the server at most as often as the client sent it, except after refusals.

    The bridge may cancel once what the server got, at its deadline, by the id by which the server knows the request.
    """
    told = Counter(_key(message) for message in sent if _is_notification(message))
    given = Counter(_key(x.message) for x in tap if x.message and _is_notification(x.message) and not x.refused)
    known = {_key(exchange.id) for exchange in tap if exchange.method and exchange.id is not None}
    cancelled = Counter(_cancelled(x.message) for x in tap if x.message and _is_cancellation(x.message))
    for key, times in cancelled.items():
        asked = sum(_is_cancellation(message) and _cancelled(message) == key for message in sent)
        assert times <= asked + (key in known), f"{key} was cancelled {asked} times, and at the server {times} times"
    for key, times in given.items():
        assert times <= told[key] or _is_cancellation(json.loads(key)), (
            f"the client sent {key} {told[key]} times and the server got it {times} times"
        )


def check_error(message: Any) -> None:
    """The bridge's own error has the data that a program needs for its decisions."""
    data = message["error"]["data"]
    assert data["bridge"] is True
    assert isinstance(data["code"], str)
    assert data["sent"] in ("no", "yes", "partial")
    assert data["retry_safe"] is (data["sent"] == "no")


def check_truth(errors: Iterable[Any], tap: Sequence[Exchange]) -> None:
    """An error may say "not processed" only if the request was never sent, or was refused each time."""
    for message in errors:
        data = message["error"]["data"]
        if data["sent"] == "no" and data["code"] != "invalid_request":  # that code may refer to a second use of the id
            sends = [exchange for exchange in tap if exchange.method and exchange.id == message["id"]]
            assert all(exchange.refused for exchange in sends), message


def _message(line: bytes) -> Any:
    assert line.endswith(b"\n")
    text = line.decode()
    assert not any(end in text for end in _LINE_ENDS)
    message = json.loads(text)
    assert isinstance(message, dict)
    assert message["jsonrpc"] == "2.0"
    return message


def _is_ours(message: Any) -> bool:
    return "error" in message and message["error"]["message"].startswith("mcp-auth-bridge: ")


def _is_notification(message: Any) -> bool:
    # Each new session begins with `notifications/initialized`.
    return "id" not in message and message.get("method", "notifications/initialized") != "notifications/initialized"


def _is_cancellation(message: Any) -> bool:
    return message.get("method") == "notifications/cancelled"


def _cancelled(message: Any) -> str:
    return _key(message["params"]["requestId"])


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
