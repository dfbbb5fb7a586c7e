"""OAuth credentials by script, with a simulated store, clock and authorization server."""

import asyncio
import os
from contextlib import asynccontextmanager

from playing import answer, plain, play

from mcp_auth_bridge.credentials import services
from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.diagnosis import LoginDiagnosis
from mcp_auth_bridge.credentials.oauth import OAuthCredentials
from mcp_auth_bridge.credentials.redemption import InProcessRedemption
from mcp_auth_bridge.credentials.refresh import RefreshRenewal
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.errors import OutcomeUnknown, StoreError, Unreachable
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.stores.memory import MemoryStore
from mcp_auth_bridge.urls import Purpose, gate

KEY = "session acme"

DOWN = Unreachable("https://as.example refuses connections")
UNKNOWN = OutcomeUnknown("https://as.example did not answer within 90 seconds")
NO_CLIENT = answer({"error": "invalid_client"}, 401)
BAD_REQUEST = answer({"error": "invalid_request"}, 400)
BLOCKED = answer(b"<html>", 403, "text/html")
"""What `World.reply` may be."""


TARGET = Target("POST", gate("https://mcp.example/mcp", Purpose.SERVER))


def session(number=0, *, life=3600.0, at=1000.0, **more):
    return Session(
        **{
            "resource": "https://mcp.example/mcp",
            "issuer": "https://as.example",
            "token_endpoint": "https://as.example/token",
            "client": Client(issuer="https://as.example", id="abc"),
            "access": Secret(f"AT-{number}"),
            "refresh": Secret(f"RT-{number}"),
            "obtained_at": at,
            "expires_at": at + life,
            **more,
        }
    )


class FaultyStore(MemoryStore):
    full = damaged = False

    def load(self, key):
        if self.damaged:
            raise StoreError("the record is damaged")
        return super().load(key)

    def save(self, key, secret, expected):
        if self.full:
            raise StoreError("there is no space left")
        return super().save(key, secret, expected)


class World:
    """One machine: a store, a kernel lock, a clock, and a strict authorization server that rotates refresh tokens.

    `reply`, while set, replaces the server's responses; `gate` holds every response back until it is set.
    """

    def __init__(self, stored=None):
        self.store = FaultyStore()
        self.now = 1000.0
        self.valid = "RT-0"
        self.count = 0
        self.life = 3600
        self.reply = None
        self.gate = None
        self.asked = asyncio.Event()
        self.presented = []
        self.warned = []
        self.opened = 0
        self.behind = 0.0
        self._locked = asyncio.Lock()
        self.turn = asyncio.Lock  # one of its own for each: processes do not wait for each other
        if stored is not None:
            self.log_in(stored)

    def process(self):
        lent = self.lent()
        kept = StoredSession(KEY, lent)
        rotation = RefreshRenewal(
            LoginDiagnosis("acme", "mcp-auth-bridge login acme"), kept, lent, InProcessRedemption(kept, lent)
        )
        return OAuthCredentials(kept, rotation, lent)

    def lent(self):
        return services.Services(
            open_store=self._open,
            lock=self._lock,
            turn=self.turn,
            drive=self._drive,
            now=lambda: self.now,
            ticks=lambda: self.now + self.behind,
            warn=self.warned.append,
            entropy=os.urandom,
        )

    def set_clock_back(self, seconds):
        self.now -= seconds
        self.behind += seconds

    def log_in(self, new):
        record = MemoryStore.load(self.store, KEY)
        MemoryStore.save(self.store, KEY, dump(new), record.generation if record else None)
        self.valid = new.refresh.reveal() if new.refresh else ""

    def log_out(self):
        self.store.delete(KEY, self.store.load(KEY).generation)

    @property
    def stored(self):
        return load_session(self.store.load(KEY).secret)

    async def _open(self):
        self.opened += 1
        return self.store

    @asynccontextmanager
    async def _lock(self):
        async with self._locked:
            yield

    async def _drive(self, flow):
        assert self._locked.locked(), "a refresh happens under the kernel's lock"
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        return play(flow, [("POST https://as.example/token", self._answer)])

    def _answer(self, fetch):
        token = plain(fetch.form)["refresh_token"]
        self.presented.append(token)
        if self.reply is not None:
            return self.reply
        if token != self.valid:
            self.valid = ""  # reuse: the whole family is revoked
            return answer({"error": "invalid_grant"}, 400)
        self.count += 1
        self.valid = f"RT-{self.count}"
        tokens = {"access_token": f"AT-{self.count}", "refresh_token": self.valid, "expires_in": self.life}
        return answer(tokens, at=self.now)


def bearer(number):
    return {"authorization": f"Bearer AT-{number}"}


def refused(sent, status=401, **parameters):
    return Refusal(status, Challenge("bearer", parameters), sent)


def again(sent):
    return Refusal(401, Challenge("bearer", {}), sent, again=True)


async def meanwhile():
    """Let background tasks proceed."""
    for _ in range(50):
        await asyncio.sleep(0)


def told(story):
    """Run an async test; it fails if a refresh is still running when it ends."""

    def run():
        asyncio.run(story())

    run.__name__ = getattr(story, "__name__", "story")
    return run
