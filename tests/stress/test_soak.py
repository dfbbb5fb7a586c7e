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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.bridge import META, Client, home, save_login, started, stored_login
from faults.invariants import check_answers
from faults.rows import MODERN
from stress.soaked import CHANGED, DIALECTS, LIFETIME, LISTS, URI, Soaked
from stress.strict import seeded
from thoroughness import seconds

log = logging.getLogger(__name__)

_SECONDS = seconds(1200, 30)
_SAMPLES = seconds(20, 5)  # of memory; the first fifth is warm-up
_AT_ONCE = 6  # requests of each client
_MEMORY = seconds(8, 4) << 20  # bytes by which a bridge may grow; in 20 minutes 1 KiB per request is twice as much
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
"""The errors that a request may end with after each fault of the server."""
_REPEATED = {-32012}
"""Those of a request that may have been sent more than once, because it only reads: its last error is not all."""


class User:
    """`settled` is the number of the server's faults that this user has seen the end of: a call worked in peace."""

    def __init__(self, client: Client, operator: "Operator", chance: random.Random) -> None:
        self.client = client
        self.settled = 0
        # How each request ended.
        self.ends: Counter[str] = Counter()
        # What is wrong with them.
        self.lies: list[Any] = []
        # The error of each call by its argument, None if it has a result.
        self.errors: dict[int, Any] = {}
        # The id of the newest subscription.
        self.listening = ""
        self._operator = operator
        self._chance = chance
        self._modern = client.modern

    async def open(self) -> None:
        if self._modern:
            await self.client.request("discover", "server/discover")
            assert "result" in await self.client.answer("discover")
        else:
            await self.client.initialize()
            await self.client.request("subscribe", "resources/subscribe", {"uri": URI})
            assert (await self.client.answer("subscribe"))["result"] == {}

    async def listen(self) -> None:
        """Listen, and again whenever the server ends that, as one does that is replaced by one of the other era."""
        wanted = {"toolsListChanged": True, "resourceSubscriptions": [URI]}
        while self._modern:
            id_ = f"listen {next(self._operator.numbers)}"
            await self.client.request(id_, "subscriptions/listen", {"notifications": wanted})
            self.listening = id_
            while id_ not in self.client.answers:  # noqa: ASYNC110 - `until` gives up after a minute
                await asyncio.sleep(0.1)
            self.ends["listened"] += 1
            if "result" not in self.client.answers[id_]:
                self._lie(("not listened", self.client.answers[id_]))

    async def work(self) -> None:
        while not self._operator.done:
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
            self._lie((method, reply))

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
        self.errors[step] = reply.get("error")
        if "result" in reply and reply["result"]["content"][0]["text"] != str(step):
            self._lie(("the result of another call", step, reply))

    def _lie(self, lie: Any) -> None:
        self.lies.append(lie)
        log.info("%s", lie)

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
        if not any(code in TRUE_OF[fault] | (_REPEATED if method != "tools/call" else set()) for fault in faults):
            self._lie((method, sorted(faults), reply))
        return reply


class Operator:
    """Makes the faults, one after the other or two at once; `faults` are all that there were.

    `peace` is their number while none is under way, else None.
    """

    def __init__(self, server: Soaked, chance: random.Random) -> None:
        self.numbers = itertools.count(1)
        self.faults: list[str] = []
        self.peace: int | None = 0
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
        kind = self._bag.pop()
        return ERA if kind == LOST and self._server.era == MODERN else kind

    async def shift(self, until: float, users: list[User]) -> None:
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


@asynccontextmanager
async def listening(users: list[User]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(user.listen()) for user in users]
    yield
    for user, task in zip(users, tasks, strict=True):
        task.cancel()
        if user.listening:
            await user.client.cancel(user.listening)
    await asyncio.gather(*tasks, return_exceptions=True)


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
    """What the bridge says of a call is what the server knows of it."""
    for step, error in user.errors.items():
        count = server.executed[step]
        if error is None:
            assert count == 1, step
        else:  # the server's own errors are refusals
            sent = (error.get("data") or {}).get("sent", "no")
            assert count <= (sent != "no"), (step, error)


def sample(users: list[User]) -> list[tuple[int, int]]:
    """The resident memory in bytes and the open files of each user's bridge, between two shifts."""
    return [(user.client.resident, files(user.client)) for user in users]


def check_samples(samples: list[list[tuple[int, int]]]) -> None:
    """Neither memory nor files grew after the warm-up."""
    for before, after in zip(samples[_SAMPLES // 5 - 1], samples[-1], strict=True):
        assert after[0] <= before[0] + _MEMORY, samples
        assert after[1] <= before[1] + _FILES, samples


async def day(server: Soaked, operator: Operator, users: list[User]) -> None:
    """`_SAMPLES` shifts, after each of which all requests are answered."""
    began, samples = time.monotonic(), []
    for number in range(1, _SAMPLES + 1):
        operator.done = False
        async with asyncio.TaskGroup() as group:
            for user in (user for user in users for _ in range(_AT_ONCE)):
                group.create_task(user.work())
            await operator.shift(began + _SECONDS * number / _SAMPLES, users)
            operator.done = True
        samples.append(sample(users))
        log.info("after %d s: %s, %s", time.monotonic() - began, samples[-1], dict(server.facts))
    check_samples(samples)


def check(server: Soaked, users: list[User]) -> None:
    log.info("executed %d, refreshes %d, %s", len(server.executed), server.redeemed, dict(server.facts))
    for user in users:
        log.info("%s\n%s", dict(user.ends), user.client.stderr.decode()[-3000:])
    assert [user.lies for user in users] == [[], []]
    for user in users:
        check_answers(user.client.sent, map(json.loads, user.client.lines))
        check_progress(user.client.lines)
        check_truth(server, user)
        assert b"fault of the bridge" not in user.client.stderr
    twice = [step for step, count in server.executed.items() if count > 1]
    assert twice == []


async def story(folder: Path, chance: random.Random) -> None:
    async with Soaked(chance) as server:
        home(folder, server.url, auth='{ kind = "browser" }')
        id_, tokens = server.login()
        await save_login(folder, server.grants.issuer, id_, tokens.access, tokens.refresh, lifetime=LIFETIME)
        async with started(folder) as legacy, started(folder, modern=True) as modern:
            operator = Operator(server, chance)
            users = [User(client, operator, chance) for client in (legacy, modern)]
            for user in users:
                await user.open()
            async with listening(users):
                await day(server, operator, users)
                for user in users:
                    await heard(server, user.client)
            assert [await user.client.close() for user in users] == [0, 0]
        check(server, users)
        async with started(folder) as client:  # the login is still good
            await client.initialize()
            await client.request(1, "tools/call", {"name": "count", "arguments": {"step": 0}})
            assert "result" in await client.answer(1)
        assert (server.reused, (await stored_login(folder)).ended) == (0, "")


def test_a_long_day_loses_nothing_and_does_nothing_twice(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, __name__)
    with seeded() as seed:
        log.info("seed %d", seed)
        asyncio.run(story(tmp_path, random.Random(seed)))
