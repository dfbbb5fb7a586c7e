"""A refusal of the credentials as a JSON-RPC error with the code 401: it counts as the HTTP status does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted
from presented_tokens import Tokens, tokens_of
from remoting import (
    ACCEPTED,
    ANSWER,
    CALL,
    END,
    NOTE,
    OPENED,
    OPENING,
    STREAM,
    collect,
    connected,
    event,
    header,
    heads,
    one,
    reply,
    story,
)

from mcp_auth_bridge.errors import AccessDenied, LoginRequired
from mcp_auth_bridge.oauth.challenge import parse_challenges
from mcp_auth_bridge.relay.http_semantics import Unauthorized, refusal_in_reply
from mcp_auth_bridge.shell.transports.probe import Stranger, ask_for_challenge

CHALLENGE = 'Bearer realm="files"'
DATA = {"www_authenticate": CHALLENGE, "supported_methods": ["bearer", "api_key"]}
INITIALIZED = b'{"jsonrpc":"2.0","id":0,"result":{}}'


def refusal(request_id=1, **more):
    error = {"code": 401, "message": "Authentication required", "data": DATA, **more}
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode()


SHAPES = {
    "json": reply(b"200 OK", body=refusal()),
    "json without an id": reply(b"200 OK", body=refusal(None)),
    "stream": STREAM + event(refusal()) + END,
    "stream with a priming event": STREAM + event(event_id=b"1") + event(refusal(), event_id=b"2") + END,
    "HTTP 400": reply(b"400 Bad Request", body=refusal()),
}


@pytest.mark.parametrize("shape", SHAPES)
@story
async def test_other_credentials_are_sent_once_for_a_refusal_in_any_shape(shape):
    tokens = Tokens("t1", "t2")
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        server.play(one(SHAPES[shape]), one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert tokens_of(server) == [b"Bearer t1", b"Bearer t2"]
        [refused] = tokens.refusals
        assert (refused.status, refused.sent["authorization"], refused.again) == (401, "Bearer t1", False)
        assert refused.challenge == parse_challenges([CHALLENGE])[0]
        assert "Authentication required" in refused.words
        assert str(refused) == "JSON-RPC 401, saying “Authentication required”"


@pytest.mark.parametrize("first", ["status", "message"])
@pytest.mark.parametrize("second", ["status", "message"])
@story
async def test_after_a_second_refusal_in_any_shape_nothing_more_is_sent(first, second):
    shapes = {"status": reply(b"401 No"), "message": SHAPES["stream"]}
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2", "t3")) as remote:
        server.play(one(shapes[first]), one(shapes[second]))
        with pytest.raises(LoginRequired, match="two tokens in a row") as caught:
            await collect(remote.post(CALL, {}))
        assert caught.value.retry_safe
        assert len(server.requests) == 2


@story
async def test_the_explanation_of_the_credentials_is_the_error():
    why = AccessDenied("the key is not known there")
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2", explanation=why)) as remote:
        server.play(*[one(SHAPES["json"])] * 2)
        with pytest.raises(AccessDenied, match="not known there"):
            await collect(remote.post(CALL, {}))


@story
async def test_a_notification_that_is_refused_in_a_message_is_sent_once_more():
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        server.play(one(reply(b"200 OK", body=refusal(None))), one(ACCEPTED))
        assert await collect(remote.post(OPENED, {})) == []
        assert tokens_of(server) == [b"Bearer t1", b"Bearer t2"]


@story
async def test_the_session_is_that_of_the_accepted_initialize():
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        refused = reply(b"200 OK", b"Mcp-Session-Id: s1", body=refusal(0))
        server.play(one(refused), one(reply(b"200 OK", b"Mcp-Session-Id: s2", body=INITIALIZED)), one(ACCEPTED))
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        await collect(remote.post(OPENED, {}))
        assert [header(request, b"mcp-session-id") for request in server.requests] == [None, None, b"s2"]


@story
async def test_an_initialize_that_is_refused_in_a_message_is_sent_once_more_before_the_older_transport_is_tried():
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        server.play(one(reply(b"400 Bad Request", body=refusal(0))), one(reply(b"200 OK", body=INITIALIZED)))
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        assert heads(server) == ["POST /mcp", "POST /mcp"]
        assert tokens_of(server) == [b"Bearer t1", b"Bearer t2"]


@pytest.mark.parametrize("shape", ["status", "message"])
@story
async def test_after_a_redirect_the_retry_goes_to_its_target(shape):
    refused = {"status": reply(b"401 No"), "message": SHAPES["json"]}[shape]
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        moved = reply(b"307 T", b"Location: /b")
        server.play(one(moved), one(refused), one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert heads(server) == ["POST /mcp", "POST /b", "POST /b"]
        assert tokens_of(server) == [b"Bearer t1", b"Bearer t1", b"Bearer t2"]


@story
async def test_a_refusal_that_follows_another_message_is_the_reply():
    """The method was running: sending the request again could do its work twice."""
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        server.play(one(STREAM + event(NOTE) + event(refusal()) + END))
        assert await collect(remote.post(CALL, {})) == [NOTE, refusal()]


@story
async def test_a_login_finds_the_challenge_in_a_message():
    metadata = 'Bearer resource_metadata="https://mcp.example/meta"'
    asked = refusal("mcp-auth-bridge/tools/list/0", data={"www_authenticate": metadata})
    opened = b'{"jsonrpc":"2.0","id":"mcp-auth-bridge/initialize/0","result":{"capabilities":{"tools":{}}}}'
    stranger = Stranger()
    async with Scripted() as server, connected(server, credentials=stranger) as remote:
        server.play(one(reply(b"200 OK", body=opened)), one(ACCEPTED), one(reply(b"200 OK", body=asked)))
        found = await ask_for_challenge(remote.remote, stranger)
        assert found.resource_metadata == "https://mcp.example/meta"


@pytest.mark.parametrize(
    "said",
    [
        {"jsonrpc": "2.0", "id": 1, "result": {"code": 401}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32001, "message": "401", "data": DATA}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": "401", "message": "", "data": DATA}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 403, "message": "401"}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 401, "message": "x" * 70000}},
    ],
)
@story
async def test_other_replies_pass_unchanged(said):
    raw = json.dumps(said).encode()
    async with Scripted() as server, connected(server, credentials=Tokens("t1")) as remote:
        server.play(one(reply(b"200 OK", body=raw)))
        assert await collect(remote.post(CALL, {})) == [raw]


@story
async def test_over_the_transport_of_2024_11_05_the_refusal_comes_on_the_stream():
    posted = Gate(), Gate(), Gate()

    def opens(gate):
        async def step(reader, writer):
            gate.open.set()

        return step

    said = [INITIALIZED, refusal(), ANSWER]
    replies = [step for gate, message in zip(posted, said, strict=True) for step in (gate, event(message))]
    stream = [REQUEST, STREAM + event(b"/messages", kind=b"endpoint"), *replies, DRAIN]
    posts = [step for gate in posted for step in (REQUEST, ACCEPTED, opens(gate))]
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        server.play([REQUEST, reply(b"405 No"), *stream], posts)
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert heads(server)[-2:] == ["POST /messages", "POST /messages"]
        assert tokens_of(server)[-2:] == [b"Bearer t1", b"Bearer t2"]
        server.play([CUT])


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (DATA, (CHALLENGE,)),
        ({"www_authenticate": [CHALLENGE, "ApiKey"]}, (CHALLENGE, "ApiKey")),
        ({"www_authenticate": 7}, ()),
        ({}, ()),
        ("Bearer", ()),
        (None, ()),
    ],
)
def test_the_challenge_is_read_from_the_data_of_the_error(data, fields):
    said = refusal(data=data)
    assert refusal_in_reply(said) == Unauthorized(401, fields, said.decode(), "JSON-RPC")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(401) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "error", "data"]), inner),
    max_leaves=8,
)


@given(_json)
def test_a_message_is_a_refusal_if_and_only_if_the_code_of_its_error_is_401(value):
    error = value.get("error") if isinstance(value, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    expected = code == 401 and not isinstance(code, bool)
    assert (refusal_in_reply(json.dumps(value).encode()) is not None) == expected


@given(st.binary(max_size=40))
def test_bytes_that_are_not_a_message_are_not_a_refusal(noise):
    assert refusal_in_reply(b'{"error":{"code":401' + noise) is None or noise.strip().endswith(b"}")
