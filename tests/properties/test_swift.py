"""Whatever a server answers, the way without a task gives the client what the ordinary way gives it."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers.scripted import CUT
from remoting import ANSWER, CALL, NOTE, OPENED
from swift_calls import outcome

from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.shell.transports import heartbeat

ERROR = b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":"no"}}'
MESSAGES = st.sampled_from(
    [
        ANSWER,
        ANSWER,
        ANSWER,
        NOTE,
        b'{"jsonrpc":"2.0","id":"s","method":"ping"}',
        b'{"jsonrpc":"2.0","id":2,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"code":401}}',
        b'{"jsonrpc":"2.0","id":1,"\\u0065rror":{"code":401,"message":"no"}}',
        ERROR % (b"1", -32603),
        ERROR % (b"1", 401),
        ERROR % (b"null", -32603),
        ERROR % (b"null", 401),
        ERROR % (b"7", -32600),
        b"[%b,%b]" % (NOTE, ANSWER),
        b"{}",
        b"not JSON",
        b"",
    ]
)


@pytest.fixture(autouse=True, scope="module")
def all_signs():
    """Each sign of life is passed on."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(heartbeat, "PAUSE", 0.0)
        yield


@st.composite
def streams(draw):
    events = []
    for message in draw(st.lists(MESSAGES, max_size=4)):
        id_ = draw(st.sampled_from([b"", b"", b"id: 1\n", b"id: 2\n", b"event: other\n", b": comment\n\n"]))
        events.append(id_ + b"data: " + message + b"\n\n")
    return b"".join(events) + draw(st.sampled_from([b"", b"", b"data: ", b"\n" * 70]))


KINDS = st.sampled_from([b"application/json", b"text/event-stream", b"text/event-stream", b"text/html", b""])
STATUSES = st.sampled_from([b"200 OK"] * 8 + [b"202 Accepted", b"204 No", b"400 Bad", b"401 No", b"404 No", b"500 No"])


@st.composite
def answers(draw):
    """The bytes of a response, in pieces, and then the end of the connection."""
    status, kind = draw(STATUSES), draw(KINDS)
    body = draw(streams() if kind == b"text/event-stream" else MESSAGES)
    framing = draw(st.sampled_from(["length", "chunked", "chunks", "end", "too long"]))
    lines = [b"HTTP/1.1 " + status, *draw(st.sampled_from([[], [], [b"Set-Cookie: a=b"], [b"Content-Encoding: gzip"]]))]
    if kind:
        lines.append(b"Content-Type: " + kind)
    if framing in ("length", "too long"):
        lines.append(b"Content-Length: %d" % (len(body) + (framing == "too long")))
    elif framing != "end":
        lines.append(b"Transfer-Encoding: chunked")
        at = draw(st.integers(0, len(body))) if framing == "chunks" else 0
        parts = [part for part in (body[:at], body[at:]) if part]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    raw = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if draw(st.integers(0, 3)) == 0:
        raw = raw[: draw(st.integers(0, len(raw)))]
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=3)))
    return [piece for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True) if (piece := raw[begin:end])]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answers(), st.sampled_from([CALL, CALL, OPENED, peek(b'{"jsonrpc":"2.0","id":"s","result":{}}')]))
def test_a_call_without_a_task_comes_to_what_a_call_in_a_task_comes_to(pieces, message):
    async def both():
        ordinary = await outcome([*pieces, CUT], message, swift=False)
        assert await outcome([*pieces, CUT], message, swift=True) == ordinary

    asyncio.run(both())
