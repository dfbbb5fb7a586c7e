"""A legacy and a modern client at work while the server restarts, is busy, loses sessions and changes its era.

Both bridges share a login whose access token lives five seconds. Every call has an argument of its own, which the
server counts. A reply is compared with the faults that the server has had since the bridge last worked in peace.
"""

import asyncio
import itertools
import json
import logging
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import META, Client, home, save_login, started, stored_login
from faults.invariants import check_answers
from faults.rows import LEGACY, MODERN
from stress.soaked import CHANGED, DIALECTS, LIFETIME, LISTS, URI, Soaked
from stress.strict import seeded
from thoroughness import seconds

log = logging.getLogger(__name__)

_SECONDS = seconds(1200, 30)
_SAMPLES = 20  # of memory; the first fifth is warm-up
_AT_ONCE = 6  # requests of each client
_MEMORY = 16 << 20  # bytes by which a bridge may grow, a sixth of what a leak of 1 KiB per request would cost
_FILES = 2 * _AT_ONCE  # file descriptors: connections that are kept for the next request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(_SECONDS + 300),
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="memory and files are read from /proc"),
]

RESTART, BUSY, LOST, ERA = "restart", "busy", "lost sessions", "change of era"
_SESSION_WORDS = {-32000, -32001, -32600, -32603, -32015}
TRUE_OF = {
    RESTART: {-32011, -32012, *_SESSION_WORDS},
    BUSY: {-32013},
    LOST: {-32013, *_SESSION_WORDS},
    ERA: set(),
}
"""The errors that a call may end with after each fault of the server."""


class User:
    """`settled` is the number of the server's faults that this user has seen the end of: a call worked in peace."""

    def __init__(self, client: Client, server: Soaked, operator: "Operator", chance: random.Random, era: str) -> None:
        self.client = client
        self.settled = 0
        # How each request ended.
        self.ends: Counter[str] = Counter()
        # What is wrong with them.
        self.lies: list[Any] = []
        # Of each call: its argument and its error.
        self.failed: dict[int, Any] = {}
        self._server = server
        self._operator = operator
        self._chance = chance
        self._modern = era == MODERN

    async def open(self) -> None:
        if self._modern:
            await self.client.request("discover", "server/discover")
            assert "result" in await self.client.answer("discover")
            wanted = {"toolsListChanged": True, "resourceSubscriptions": [URI]}
            await self.client.request("listen", "subscriptions/listen", {"notifications": wanted})
        else:
            await self.client.initialize()
            await self.client.request("subscribe", "resources/subscribe", {"uri": URI})
            assert (await self.client.answer("subscribe"))["result"] == {}

    async def work(self) -> None:
        while not self._operator.done:
            await self._operator.working.wait()
            await asyncio.sleep(self._chance.uniform(0, 0.3))
            kind = self._chance.choices((self._count, self._slow, self._list, self._ping, self._tell), (8, 2, 4, 1, 1))
            await kind[0]()

    async def _count(self) -> None:
        await self._call("count", {}, cancelled=self._chance.random() < 0.05)

    async def _slow(self) -> None:
        await self._call("slow", {}, cancelled=self._chance.random() < 0.3)

    async def _list(self) -> None:
        method = self._chance.choice(list(LISTS))
        reply = await self._ask(method, {"uri": URI} if method == "resources/read" else {})
        if method.endswith("/list") and "error" in reply:
            self.lies.append((method, reply))

    async def _ping(self) -> None:
        if not self._modern:
            await self._ask("ping", {})

    async def _tell(self) -> None:
        if not self._modern:
            await self.client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})

    async def _call(self, tool: str, meta: Any, *, cancelled: bool) -> None:
        step = next(self._operator.numbers)
        meta = {**(META if self._modern else {}), "progressToken": f"token {step}"}
        params = {"name": tool, "arguments": {"step": step}, "_meta": meta}
        if cancelled:
            await self.client.request(step, "tools/call", params)
            await asyncio.sleep(self._chance.uniform(0, 0.8))
            await self.client.cancel(step)
            self.ends["cancelled"] += 1
            return
        reply = await self._ask("tools/call", params, step)
        if "error" in reply:
            self.failed[step] = reply["error"]
        elif reply["result"]["content"][0]["text"] != str(step):
            self.lies.append(("the result of another call", step, reply))

    async def _ask(self, method: str, params: Any, id_: Any = None) -> Any:
        id_ = f"n{next(self._operator.numbers)}" if id_ is None else id_
        before, peace = self.settled, self._operator.peace
        await self.client.request(id_, method, params)
        reply = await self.client.answer(id_)
        faults = set(self._operator.faults[before:])
        if "result" in reply:
            self.ends["answered"] += 1
            if method == "tools/call" and peace is not None and peace == self._operator.peace:
                self.settled = max(self.settled, peace)
            return reply
        code = reply["error"]["code"]
        self.ends[f"{method} {code}"] += 1
        if not any(code in TRUE_OF[fault] for fault in faults):
            self.lies.append((method, sorted(faults), reply))
        return reply


class Operator:
    """Makes the faults, one after the other or two at once; `faults` are all that there were.

    `peace` is their number while none is under way, else None.
    """

    def __init__(self, server: Soaked, chance: random.Random) -> None:
        self.numbers = itertools.count(1)
        self.faults: list[str] = []
        self.peace: int | None = 0
        self.working = asyncio.Event()
        self.done = False
        self._server = server
        self._chance = chance
        self._bag: list[str] = []

    async def trouble(self) -> None:
        kind = self._next()
        self.peace = None
        self.faults.append(kind)
        match kind:
            case "restart":
                await self._server.restart(self._chance.uniform(0, 2.5))
            case "busy":
                await self._busy()
            case "lost sessions":
                self._server.lose_sessions(self._chance.choice(list(DIALECTS)))
            case "change of era":
                self._server.change_era()

    async def _busy(self) -> None:
        self._server.busy = self._chance.choice([(), (b"Retry-After: 1",), (b"Retry-After: 2",)])
        await asyncio.sleep(self._chance.uniform(0, 3))
        self._server.busy = None

    def _next(self) -> str:
        if not self._bag:
            self._bag = [RESTART, BUSY, LOST, LOST, ERA]
            self._chance.shuffle(self._bag)
        return self._bag.pop()

    async def quarter(self, until: float, users: list[User]) -> None:
        """Make trouble until the time `until`. After each fault every user must come to work in peace."""
        while time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(0, 2))
            if self._chance.random() < 0.3:
                self._server.notify(self._chance.choice(CHANGED))
            if self._chance.random() < 0.1:
                self._server.end_streams()
            await self.trouble()
            if self._chance.random() < 0.3:
                await self.trouble()
            self.peace = len(self.faults)
            for user in users:
                await user.client.until(lambda user=user: user.settled == len(self.faults))


def files(client: Client) -> int:
    return sum(1 for _ in Path(f"/proc/{client.process.pid}/fd").iterdir())


async def heard(server: Soaked, client: Client) -> None:
    """The server's notifications reach the client."""
    before = len(client.lines)

    def come() -> bool:
        return set(CHANGED) <= {json.loads(line).get("method") for line in client.lines[before:]}

    async def tell() -> None:
        while True:
            for method in CHANGED:
                server.notify(method)
            await asyncio.sleep(0.5)

    telling = asyncio.create_task(tell())
    await client.until(come)
    telling.cancel()


def check_progress(lines: list[bytes]) -> None:
    """Progress of a call only grows, and ends with its reply."""
    last: dict[str, float] = {}
    for message in map(json.loads, lines):
        if message.get("method") == "notifications/progress":
            token, progress = message["params"]["progressToken"], message["params"]["progress"]
            assert progress > last.get(token, 0), message
            last[token] = progress
        elif "method" not in message and isinstance(message["id"], int):
            last[f"token {message['id']}"] = float("inf")


def check_truth(server: Soaked, user: User) -> None:
    """What the bridge says of a failed call is what the server knows of it."""
    for step, error in user.failed.items():
        data = error.get("data") or {}
        sent = data.get("sent", "no")  # the server's own errors are refusals
        assert server.executed[step] <= (sent != "no"), (step, error)


def test_a_long_day_loses_nothing_and_does_nothing_twice(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, __name__)
    samples: list[list[tuple[int, int]]] = []

    async def story(chance: random.Random) -> None:
        async with Soaked(chance) as server:
            home(tmp_path, server.url, auth='{ kind = "browser" }')
            id_, tokens = server.login()
            await save_login(tmp_path, server.grants.issuer, id_, tokens.access, tokens.refresh, lifetime=LIFETIME)
            async with started(tmp_path) as legacy, started(tmp_path, modern=True) as modern:
                operator = Operator(server, chance)
                users = [
                    User(client, server, operator, chance, era) for client, era in ((legacy, LEGACY), (modern, MODERN))
                ]
                for user in users:
                    await user.open()
                await day(server, operator, users)
                for user in users:
                    await heard(server, user.client)
                await modern.cancel("listen")
                assert [await user.client.close() for user in users] == [0, 0]
            judge(server, users)
            stored = await stored_login(tmp_path)
            assert (server.reused, stored.ended, stored.in_doubt) == (0, "", False)

    async def day(server: Soaked, operator: Operator, users: list[User]) -> None:
        began = time.monotonic()
        for number in range(1, _SAMPLES + 1):
            operator.done = False
            operator.working.set()
            workers = [asyncio.create_task(user.work()) for user in users for _ in range(_AT_ONCE)]
            await operator.quarter(began + _SECONDS * number / _SAMPLES, users)
            operator.done = True
            await asyncio.gather(*workers)
            samples.append([(user.client.resident, files(user.client)) for user in users])
            log.info("after %d s: %s, %s", time.monotonic() - began, samples[-1], dict(server.facts))

    def judge(server: Soaked, users: list[User]) -> None:
        for user in users:
            log.info("%s\n%s", dict(user.ends), user.client.stderr.decode()[-3000:])
        log.info("executed %d, refreshes %d, %s", len(server.executed), server.redeemed, dict(server.facts))
        assert [user.lies for user in users] == [[], []]
        for user in users:
            check_answers(user.client.sent, map(json.loads, user.client.lines))
            check_progress(user.client.lines)
            check_truth(server, user)
            assert b"fault of the bridge" not in user.client.stderr
        twice = [step for step, count in server.executed.items() if count > 1]
        assert twice == []
        for before, after in zip(samples[_SAMPLES // 5], samples[-1], strict=True):
            assert after[0] <= before[0] + _MEMORY, samples
            assert after[1] <= before[1] + _FILES, samples

    with seeded() as seed:
        log.info("seed %d", seed)
        asyncio.run(story(random.Random(seed)))
