"""Runs a flow (`effects.py`): performs each effect that it yields and sends the result back into it.

A `BridgeError` of an effect is thrown into the flow, which may catch it. The steps that need the user go to a
`LoginSteps`; where no user is present, as in a process that an IDE has started, `HeadlessLogin` refuses them.
"""

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


class LoginSteps(Protocol):
    """The steps of a login that need the user. Each method performs the effect of its name and raises as that does."""

    async def listen(self, port: int, host: str, path: str) -> str:
        """Perform `effects.Listen`: bind the loopback callback and return its redirect URI."""

    async def authorize(self, url: str, state: str) -> Mapping[str, str]:
        """Perform `effects.Authorize`: send the user to `url` and return the parameters of the callback."""

    async def show(self, code: str, url: str) -> None:
        """Perform `effects.Show`: tell the user to enter or confirm `code` at `url`."""

    async def agree(self, question: str, answer: str) -> None:
        """Perform `effects.Agree`: ask the user the `question`. The option `answer` says yes in advance."""


class HeadlessLogin:
    """Refuses every step with `LoginRequired`: a process that runs inside an IDE opens nothing by itself."""

    async def listen(self, port: int, host: str, path: str) -> str:  # noqa: ARG002 - refused in any case
        raise _user_needed_error()

    async def authorize(self, url: str, state: str) -> Mapping[str, str]:  # noqa: ARG002 - refused in any case
        raise _user_needed_error()

    async def show(self, code: str, url: str) -> None:  # noqa: ARG002 - refused in any case
        raise _user_needed_error()

    async def agree(self, question: str, answer: str) -> None:  # noqa: ARG002 - refused in any case
        raise _user_needed_error()


def _user_needed_error() -> LoginRequired:
    return LoginRequired("only a user can complete this login")


class Fetcher(Protocol):
    async def fetch(self, effect: Fetch) -> Response:
        """Perform `effects.Fetch`. Raises as that does."""


async def run_flow(flow: Flow[R], fetcher: Fetcher, steps: LoginSteps) -> R:
    """Perform the effects of `flow` one after the other and return its result. Raises what the flow does not catch.

    A cancellation closes the flow, so that its `finally` blocks run.
    """
    try:
        effect = next(flow)
        while True:
            try:
                result = await _perform(effect, fetcher, steps)
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


async def _perform(effect: Effect[Any], fetcher: Fetcher, steps: LoginSteps) -> object:
    result: object = None
    match effect:
        case Fetch():
            result = await fetcher.fetch(effect)
        case Listen(port=port, host=host, path=path):
            result = await steps.listen(port, host, path)
            debug_log.event("login.listens", port=port, host=host, path=path)
        case Authorize(url=url, state=state):
            debug_log.event("login.asks", url=url.partition("?")[0])
            with debug_log.timed("login.answered"):
                result = await steps.authorize(url, state)
        case Show(code=code, url=url):
            debug_log.event("login.asks", url=url.partition("?")[0])
            await steps.show(code, url)
        case Agree(question=question, answer=answer):
            await steps.agree(question, answer)
        case Sleep(seconds=seconds):
            await asyncio.sleep(seconds)
        case _:
            result = _perform_locally(effect)
    return result


def _perform_locally(effect: Effect[Any]) -> object:
    """Perform an effect that needs neither the network nor the user and takes no time."""
    match effect:
        case Tell(sentence=sentence):
            terminal.say(sentence)
            return None
        case Now():
            return time.time()
        case Entropy(size=size):
            return os.urandom(size)
    raise TypeError(f"not an effect: {type(effect).__name__}")


async def run_flow_headless(network: Network, flow: Flow[R]) -> R:
    """Run `flow` without a user, over connections of its own, and return its result. Raises any `BridgeError`."""
    http = OAuthHttp(network)
    try:
        return await run_flow(flow, http, HeadlessLogin())
    finally:
        await http.aclose()
