"""The clients of a long day, and the operator who makes it hard for the server that they use.

A reply is compared with the faults that the server has had since the client's bridge last worked in peace.
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
from typing import Any

from faults.bridge import INITIALIZED, META, Client
from faults.rows import MODERN
from stress.soaked import CHANGED, DIALECTS, LISTS, NO_INPUT, URI, Soaked

log = logging.getLogger(__name__)

RESTART, BUSY, LOST, ERA = "restart", "busy", "lost sessions", "change of era"
_OF_LOST = {-32013, -32000, -32001, -32600, -32603, -32015, NO_INPUT}
TRUE_OF = {
    RESTART: {-32011, -32012, *_OF_LOST},
    BUSY: {-32013, NO_INPUT},
    LOST: _OF_LOST,
    ERA: {NO_INPUT},
}
"""The errors that a request may end with after each fault of the server."""
_PARKED = {-32602, -32013, -32015}
"""Those of a retry whose call is gone with the server's session or its era."""
_REPEATED = {-32012}
"""Those of a request that may have been sent more than once, because it only reads: its last error is not all."""


ACCEPTED = {"action": "accept", "content": {}}
CAPABILITIES = {"elicitation": {"form": {}}}
_META = {**META, "io.modelcontextprotocol/clientCapabilities": CAPABILITIES}


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
            await self.client.request("discover", "server/discover", {"_meta": _META})
            assert "result" in await self.client.answer("discover")
        else:
            opening = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "raw", "version": "1"}}
            await self.client.request("init", "initialize", {**opening, "capabilities": CAPABILITIES})
            await self.client.answer("init")
            await self.client.send(INITIALIZED)
            await self.client.request("subscribe", "resources/subscribe", {"uri": URI})
            assert (await self.client.answer("subscribe"))["result"] == {}

    async def listen(self) -> None:
        """Listen, and again whenever the server ends that, as one does that is replaced by one of the other era."""
        wanted = {"toolsListChanged": True, "resourceSubscriptions": [URI]}
        while self._modern:
            id_ = f"listen {next(self._operator.numbers)}"
            await self.client.request(id_, "subscriptions/listen", {"_meta": _META, "notifications": wanted})
            self.listening = id_
            while id_ not in self.client.answers:  # noqa: ASYNC110 - `until` gives up after a minute
                await asyncio.sleep(0.1)
            self.ends["listened"] += 1
            if "result" not in self.client.answers[id_]:
                self._lie(("not listened", self.client.answers[id_]))

    async def give_input(self) -> None:
        """Accept whatever a call asks this user for."""
        seen = 0
        while True:
            await asyncio.sleep(0.1)
            lines, seen = self.client.lines[seen:], len(self.client.lines)
            for message in map(json.loads, lines):
                if message.get("method") == "elicitation/create":
                    self.ends["asked"] += 1
                    await self.client.send({"jsonrpc": "2.0", "id": message["id"], "result": ACCEPTED})

    async def work(self) -> None:
        while not self._operator.done:
            await asyncio.sleep(self._chance.uniform(0, 0.3))
            work = (self._count, self._slow, self._ask, self._list, self._ping, self._tell)
            (kind,) = self._chance.choices(work, (8, 2, 2, 4, 1, 1))
            await kind()

    async def _count(self) -> None:
        await self._call("count", cancelled=self._chance.random() < 0.05)

    async def _slow(self) -> None:
        await self._call("slow", cancelled=self._chance.random() < 0.3)

    async def _ask(self) -> None:
        await self._call("ask", cancelled=self._chance.random() < 0.1)

    async def _list(self) -> None:
        method = self._chance.choice(list(LISTS))
        reply = await self._reply(method, {"uri": URI} if method == "resources/read" else {})
        if method.endswith("/list") and "error" in reply:
            self._lie((method, reply))

    async def _ping(self) -> None:
        if not self._modern:
            await self._reply("ping", {})

    async def _tell(self) -> None:
        if not self._modern:
            await self.client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})

    async def _call(self, tool: str, *, cancelled: bool) -> None:
        step = next(self._operator.numbers)
        meta = {**(_META if self._modern else {}), "progressToken": f"token {step}"}
        params = {"name": tool, "arguments": {"step": step}, "_meta": meta}
        if cancelled:
            await self.client.request(step, "tools/call", params)
            await asyncio.sleep(self._chance.uniform(0, 0.8))
            await self.client.cancel(step)
            self.ends["cancelled"] += 1
            return
        before = self.settled
        reply = await self._reply("tools/call", params, step)
        while reply.get("result", {}).get("resultType") == "input_required":
            self.ends["asked"] += 1
            await asyncio.sleep(self._chance.uniform(0, 0.5))
            result = reply["result"]
            given = {"inputResponses": dict.fromkeys(result["inputRequests"], ACCEPTED)}
            retry = {**params, **given, "requestState": result["requestState"]}
            reply = await self._reply("tools/call", retry, before=before)
        self.errors[step] = reply.get("error")
        if "result" in reply and reply["result"]["content"][0]["text"] != str(step):
            self._lie(("the result of another call", step, reply))

    def _lie(self, lie: Any) -> None:
        self.lies.append(lie)
        log.info("%s", lie)

    async def _reply(self, method: str, params: Any, id_: Any = None, before: int | None = None) -> Any:
        """The reply to a request. `before` is what was settled when the first request of several was made."""
        id_ = f"n{next(self._operator.numbers)}" if id_ is None else id_
        is_retry = before is not None
        before, peace = self.settled if before is None else before, self._operator.peace
        await self.client.request(id_, method, {**({"_meta": _META} if self._modern else {}), **params})
        reply = await self.client.answer(id_)
        faults = set(self._operator.faults[before:])
        if "result" in reply:
            self.ends["answered"] += 1
            if method == "tools/call" and peace is not None and peace == self._operator.peace:
                self.settled = max(self.settled, peace)
            return reply
        code = reply["error"]["code"]
        self.ends[f"{method} {code}"] += 1
        more = _PARKED if is_retry else _REPEATED if method != "tools/call" else set()
        if not any(code in TRUE_OF[fault] | more for fault in faults):
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


@asynccontextmanager
async def listening(users: list[User]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for user in users for work in (user.listen(), user.give_input())]
    yield
    for task in tasks:
        task.cancel()
    for user in users:
        if user.listening:
            await user.client.cancel(user.listening)
    await asyncio.gather(*tasks, return_exceptions=True)
