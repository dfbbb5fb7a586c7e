"""Runs a flow: one `match` over effects. Errors of the world are thrown into the flow, where they may be caught."""

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from mcp_auth_bridge.effects import (
    Agree,
    Authorize,
    Effect,
    Entropy,
    Fetch,
    Flow,
    Listen,
    Now,
    Response,
    Show,
    Sleep,
    Tell,
)
from mcp_auth_bridge.errors import BridgeError, LoginRequired
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp

R = TypeVar("R")


class Person(Protocol):
    """Whoever can go to a URL and come back to a loopback callback."""

    async def listen(self, port: int, host: str, path: str) -> str: ...

    async def authorize(self, url: str, state: str) -> Mapping[str, str]: ...

    async def show(self, code: str, url: str) -> None: ...

    async def agree(self, question: str, answer: str) -> None: ...


class Unattended:
    """A process without a person: what runs inside an IDE never opens anything by itself."""

    async def listen(self, port: int, host: str, path: str) -> str:  # noqa: ARG002 - nobody listens anywhere
        raise LoginRequired("only a person can do this login")

    async def authorize(self, url: str, state: str) -> Mapping[str, str]:  # noqa: ARG002 - nobody goes anywhere
        raise LoginRequired("only a person can do this login")

    async def show(self, code: str, url: str) -> None:  # noqa: ARG002 - nobody looks
        raise LoginRequired("only a person can do this login")

    async def agree(self, question: str, answer: str) -> None:  # noqa: ARG002 - nobody says yes
        raise LoginRequired("only a person can do this login")


class Fetcher(Protocol):
    async def fetch(self, effect: Fetch) -> Response: ...


async def drive(flow: Flow[R], fetcher: Fetcher, person: Person) -> R:
    """Perform the effects of `flow` one after the other and return its result."""
    try:
        effect = next(flow)
        while True:
            try:
                result = await _perform(effect, fetcher, person)
            except BridgeError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as end:
        value: R = end.value
        return value
    except asyncio.CancelledError:
        flow.close()
        raise


async def _perform(effect: Effect[Any], fetcher: Fetcher, person: Person) -> object:
    result: object = None
    match effect:
        case Fetch():
            result = await fetcher.fetch(effect)
        case Listen(port=port, host=host, path=path):
            result = await person.listen(port, host, path)
            debug_log.event("login.listens", port=port, host=host, path=path)
        case Authorize(url=url, state=state):
            debug_log.event("login.asks", url=url.partition("?")[0])
            with debug_log.timed("login.answered"):
                result = await person.authorize(url, state)
        case Show(code=code, url=url):
            debug_log.event("login.asks", url=url.partition("?")[0])
            await person.show(code, url)
        case Agree(question=question, answer=answer):
            await person.agree(question, answer)
        case Sleep(seconds=seconds):
            await asyncio.sleep(seconds)
        case _:
            result = _of_the_machine(effect)
    return result


def _of_the_machine(effect: Effect[Any]) -> object:
    """What takes no time and needs neither a server nor an answer."""
    match effect:
        case Tell(sentence=sentence):
            terminal.say(sentence)
            return None
        case Now():
            return time.time()
        case Entropy(size=size):
            return os.urandom(size)
    raise TypeError(f"no effect: {type(effect).__name__}")


async def run_alone(network: Network, flow: Flow[R]) -> R:
    """The result of `flow`, over connections of its own. Raises any `BridgeError`."""
    http = OAuthHttp(network)
    try:
        return await drive(flow, http, Unattended())
    finally:
        await http.aclose()
