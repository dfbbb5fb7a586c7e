"""One client and its requests to the demo's authorization server, without HTTP."""

import asyncio
import base64
import hashlib
import itertools
import os
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from mcp_auth_bridge.demo.grants import Grants
from mcp_auth_bridge.demo.server import serving
from mcp_auth_bridge.errors import OAuthRefused

ISSUER = "http://127.0.0.1:4711"


RESOURCE = f"{ISSUER}/mcp"


REDIRECT = "http://127.0.0.1:5000/callback"


VERIFIER = "a-verifier-of-forty-three-characters-or-more-1234"


CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


REGISTRATION = {
    "client_name": "a client",
    "redirect_uris": [REDIRECT],
    "grant_types": ["authorization_code", "refresh_token"],
}


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def counting(start=0):
    """Entropy that is the same in every history: the nth value is n."""
    numbers = itertools.count(start)
    return lambda size: next(numbers).to_bytes(size, "big")


class Story:
    """One client and its requests to one authorization server."""

    def __init__(self, **registration):
        self.clock = Clock()
        self.grants = Grants(ISSUER, RESOURCE, self.clock, counting(), lifetime=5)
        self.client = self.grants.register(REGISTRATION | registration)

    def parameters(self, **changes):
        wanted = {
            "client_id": self.client.id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "resource": RESOURCE,
            "scope": "tools offline_access",
            "state": "a state",
        } | changes
        return {name: value for name, value in wanted.items() if value is not None}

    def ask(self, **changes):
        parameters = self.parameters(**changes)
        return self.grants.open_request(self.grants.find_client(parameters), parameters)[0]

    def code(self, **changes):
        location = self.grants.decide(self.ask(**changes), allowed=True)
        return parse_qs(urlsplit(location).query)["code"][0]

    def redeem(self, code, **changes):
        form = {
            "client_id": self.client.id,
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": REDIRECT,
            "resource": RESOURCE,
        } | changes
        return self.grants.issue_tokens({name: value for name, value in form.items() if value is not None})

    def login(self, **changes):
        return self.redeem(self.code(**changes))

    def refresh(self, token, **changes):
        form = {
            "client_id": self.client.id,
            "grant_type": "refresh_token",
            "refresh_token": token.reveal(),
            "resource": RESOURCE,
        } | changes
        return self.grants.issue_tokens({name: value for name, value in form.items() if value is not None})


def refusal(function, *arguments, **changes):
    with pytest.raises(OAuthRefused) as caught:
        function(*arguments, **changes)
    return caught.value.error


def at_the_servers(visit):
    async def go():
        async with serving(time.time, os.urandom, 5) as grants, httpx2.AsyncClient(trust_env=False) as http:
            return await visit(grants, http)

    return asyncio.run(go())
