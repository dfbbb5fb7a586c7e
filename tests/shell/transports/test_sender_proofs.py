"""Proofs of possession (RFC 9449 sections 7 and 9): a server on loopback verifies each one and gives nonces."""

import asyncio
import base64
import os

import pytest
from bound_session import session
from peers.proofs import digest, thumbprint, verified
from peers.scripted import CUT, REQUEST, Scripted
from playing import play
from remoting import ANSWER, CALL, OPENED, OPENING, collect, connected, heads, one, reply, story

from mcp_auth_bridge.credentials.token_headers import TokenHeaders
from mcp_auth_bridge.errors import AccessDenied, LoginRequired, UpstreamFailed
from mcp_auth_bridge.oauth.dpop import load_key, new_key
from mcp_auth_bridge.secret import Secret

KEY = play(new_key(), [("entropy 40", bytes(range(40)))])


class Guard:
    """The checks of a protected server (RFC 9449 section 4.3). Each response has a new nonce; the last `kept` count.

    `token` is the one that is honoured; `seen` are the methods of the requests that it let in.
    """

    def __init__(self, token="AT-0", kept=1):
        self.token, self.kept = token, kept
        self.nonces, self.identifiers, self.seen, self.refusals = [], set(), [], []

    async def __call__(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode().split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            await reader.readexactly(int(headers.get("content-length", 0)))
            method = lines[0].split()[0]
            writer.write(self._answer(method, self._fault(method, headers)))
            await writer.drain()

    def _answer(self, method, fault):
        self.nonces.append(base64.urlsafe_b64encode(os.urandom(12)).decode())
        nonce = f"DPoP-Nonce: {self.nonces[-1]}".encode()
        if fault:
            self.refusals.append(fault)
            return reply(b"401 No", nonce, f'WWW-Authenticate: DPoP algs="ES256", error="{fault}"'.encode())
        self.seen.append(method)
        if method != "POST":
            return reply(b"405 No" if method == "GET" else b"200 OK", nonce)
        return reply(b"200 OK", nonce, b"Mcp-Session-Id: s1", body=ANSWER)

    def _fault(self, method, headers):
        scheme, _, token = headers["authorization"].partition(" ")
        header, claims = verified(headers.get("dpop", ""))
        assert claims["jti"] not in self.identifiers, "a proof is never sent twice"
        self.identifiers.add(claims["jti"])
        assert (scheme, thumbprint(header["jwk"])) == ("DPoP", load_key(KEY).thumbprint)
        assert (claims["htm"], claims["htu"]) == (method, f"http://{headers['host']}/mcp")
        assert claims["ath"] == digest(token.encode())
        if claims.get("nonce") not in self.nonces[-self.kept :]:
            return "use_dpop_nonce"
        return "" if token == self.token else "invalid_token"


class Bound:
    """The credentials of a bound session, which has another access token after each refusal."""

    def __init__(self, key=KEY):
        self._presenter = TokenHeaders(lambda: 1e9, os.urandom)
        self._key = key
        self.refused = []

    async def headers(self, target, refused=None):
        if refused is not None:
            self.refused.append(refused.status)
        access = Secret(f"AT-{len(self.refused)}")
        return self._presenter.headers(session(dpop_key=self._key, access=access), target)


def served(guard):
    return Scripted(forever=[guard])


@story
async def test_a_missing_nonce_costs_one_more_request_once_and_no_refresh():
    guard, bound = Guard(), Bound()
    async with served(guard) as server, connected(server, credentials=bound) as remote:
        for _ in range(5):
            assert await collect(remote.post(CALL, {})) == [ANSWER]
    assert guard.refusals == ["use_dpop_nonce"]
    assert guard.seen == ["POST"] * 5
    assert bound.refused == []


@story
async def test_get_and_delete_have_proofs_of_their_own():
    guard, bound = Guard(), Bound()
    async with served(guard) as server, connected(server, credentials=bound) as remote:
        await collect(remote.post(OPENING, {}))
        await collect(remote.post(OPENED, {}))
        with pytest.raises(UpstreamFailed, match="405"):
            await collect(remote.listen({"mcp-protocol-version": "2025-11-25"}))
        await remote.close()
    assert guard.seen == ["POST", "POST", "GET", "DELETE"]
    assert bound.refused == []


@story
async def test_an_outdated_nonce_is_not_taken_for_a_refused_token():
    guard, bound = Guard(), Bound()
    async with served(guard) as server, connected(server, credentials=bound) as remote:
        await collect(remote.post(CALL, {}))
        guard.nonces.append("rotated behind our back")
        await collect(remote.post(CALL, {}))
    assert guard.refusals == ["use_dpop_nonce"] * 2
    assert bound.refused == []


@story
async def test_many_requests_at_once_are_each_asked_for_the_nonce_at_most_once():
    guard, bound = Guard(kept=64), Bound()
    async with served(guard) as server, connected(server, credentials=bound) as remote:
        answers = await asyncio.gather(*[collect(remote.post(CALL, {})) for _ in range(16)])
    assert answers == [[ANSWER]] * 16
    assert len(guard.refusals) <= 16
    assert bound.refused == []


@story
async def test_a_token_that_is_refused_with_the_right_nonce_is_replaced_once():
    guard, bound = Guard(token="AT-1"), Bound()
    async with served(guard) as server, connected(server, credentials=bound) as remote:
        assert await collect(remote.post(CALL, {})) == [ANSWER]
    assert guard.refusals == ["use_dpop_nonce", "invalid_token"]
    assert bound.refused == [401]


@story
async def test_a_fresh_token_that_is_refused_with_its_proof_needs_a_login():
    guard, bound = Guard(token="none"), Bound()
    async with served(guard) as server, connected(server, credentials=bound) as remote:
        with pytest.raises(LoginRequired, match="two tokens in a row"):
            await collect(remote.post(CALL, {}))
    assert bound.refused == [401, 401]  # the second time for the explanation


@story
async def test_a_refused_proof_points_to_the_clock_and_not_to_the_token():
    bound = Bound()
    async with Scripted() as server, connected(server, credentials=bound) as remote:
        server.play(one(reply(b"401 No", b'WWW-Authenticate: DPoP error="invalid_dpop_proof"')))
        with pytest.raises(AccessDenied, match="refuses the proof") as raised:
            await collect(remote.post(CALL, {}))
        assert len(server.requests) == 1
    assert "clock" in raised.value.hint
    assert raised.value.retry_safe
    assert bound.refused == []


NONCE = b'WWW-Authenticate: DPoP error="use_dpop_nonce"'


@pytest.mark.parametrize(
    ("given", "times"),
    [
        ([b""], 1),
        ([b'a"b'], 1),
        ([b"N"], 2),
        ([b"1", b"2", b"3", b"4", b"5"], 5),
    ],
)
@story
async def test_a_server_that_always_wants_another_nonce_is_asked_a_limited_number_of_times(given, times):
    bound = Bound()
    async with Scripted() as server, connected(server, credentials=bound) as remote:
        nonces = (given * times)[:times]
        server.play(*[one(reply(b"401 No", NONCE, b"DPoP-Nonce: " + nonce)) for nonce in nonces])
        with pytest.raises(AccessDenied, match="a nonce"):
            await collect(remote.post(CALL, {}))
        assert heads(server) == ["POST /mcp"] * times
    assert bound.refused == []


@story
async def test_a_nonce_that_another_request_has_spent_is_replaced_by_a_newer_one():
    bound = Bound()
    async with Scripted() as server, connected(server, credentials=bound) as remote:
        refusals = [one(reply(b"401 No", NONCE, b"DPoP-Nonce: " + nonce)) for nonce in (b"1", b"2", b"3")]
        server.play(*refusals, one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
    assert bound.refused == []


@story
async def test_a_nonce_demand_without_a_proof_sent_is_a_refusal_of_the_token():
    bearer = Bound(key=None)
    async with Scripted() as server, connected(server, credentials=bearer) as remote:
        server.play([REQUEST, reply(b"401 No", NONCE, b"DPoP-Nonce: N"), CUT], one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
    assert bearer.refused == [401]
