"""A protected MCP server and its strict authorization server on one port, in the test's event loop.

The demo's `Grants` decide: every refresh token works once, and a second use revokes the whole family. Here they are
slow.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

from faults.server import Exchange, FaultServer, head, plain, sound

from mcp_auth_bridge.demo.grants import Grants, TokenPair
from mcp_auth_bridge.demo.rules import error_members
from mcp_auth_bridge.errors import OAuthRefused
from mcp_auth_bridge.secret import Secret

VERIFIER = "a verifier of at least forty-three characters, as RFC 7636 wants"
REDIRECT = "http://127.0.0.1:1/callback"


@contextlib.contextmanager
def seeded() -> Iterator[int]:
    """A random seed for one test, which a failure reports."""
    seed = random.randrange(1 << 32)
    try:
        yield seed
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


class Strict(FaultServer):
    """`delay()` is the duration of a token request in seconds: half before the tokens change, half after.

    `asked` counts token requests and `answered` their responses, `redeemed` valid redemptions and `reused` those of a
    spent token, which revoked the family.
    """

    def __init__(self, delay: Callable[[], float], *, lifetime: int = 3600) -> None:
        super().__init__()
        self.delay = delay
        self.asked = self.answered = self.redeemed = self.reused = 0
        self.current = ""
        self._lifetime = lifetime
        self._used: set[str] = set()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        origin = f"http://127.0.0.1:{self.port}"
        self.grants = Grants(origin, self.url, time.time, os.urandom, self._lifetime)
        return self

    def login(self) -> tuple[str, TokenPair]:
        """The result of a user's login: the client's id and its first tokens."""
        client = self.grants.register(
            {"redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"]}
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": client.id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "scope": "tools offline_access",
            "resource": self.url,
        }
        ticket, _ = self.grants.open_request(client, asked)
        code = parse_qs(urlsplit(self.grants.decide(ticket, allowed=True)).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, **asked}
        tokens = self.grants.issue_tokens(form)
        self.current = tokens.access.reveal()
        return client.id, tokens

    def expire(self) -> None:
        """From now on refuse the newest access token too."""
        self.current = ""

    def refuse(self, token: Secret) -> None:
        """From now on refuse `token`; a newer one, whose response may be on its way, stays good."""
        if self.current == token.reveal():
            self.expire()

    def _script(self, exchange: Exchange) -> Any:
        if exchange.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = dict(parse_qsl(exchange.body.decode()))
            return [lambda _, writer: self._answer(form, writer)]
        token = exchange.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.current or token != self.current or self.grants.access(Secret(token)) is None:
            return [head(401, b"WWW-Authenticate: Bearer")]
        return [sound(exchange, "legacy")]

    async def _answer(self, form: dict[str, str], writer: Any) -> None:
        self.asked += 1
        delay = self.delay() / 2
        await asyncio.sleep(delay)
        answer = self._redeem(form)
        await asyncio.sleep(delay)
        writer.write(answer)
        self.answered += 1

    def _redeem(self, form: dict[str, str]) -> bytes:
        presented = form["refresh_token"]
        try:
            tokens = self.grants.issue_tokens(form)
        except OAuthRefused as refusal:
            self.reused += presented in self._used
            return plain(json.dumps(error_members(refusal)).encode(), refusal.status)
        self.redeemed += 1
        self._used.add(presented)
        self.current = tokens.access.reveal()
        return _tokens(tokens)


def _tokens(tokens: TokenPair) -> bytes:
    document = {
        "access_token": tokens.access.reveal(),
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh.reveal(),
    }
    return plain(json.dumps(document).encode())
