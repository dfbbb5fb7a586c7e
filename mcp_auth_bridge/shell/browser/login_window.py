"""The person in front of this machine, or in front of another one: how a URL gets to them, and what comes back."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from mcp_auth_bridge.errors import LoginRequired
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.process.threads import in_background
from mcp_auth_bridge.urls import Purpose, for_person, gate

PATIENCE = 300.0
"""Seconds for a login in the browser."""

_REMINDED = 60.0
"""Seconds after which a person hears what an error page may mean: few servers send it to the callback."""

_ABOUT_THE_CLIENT = "if the browser shows an error about the client, stop this command and add --fresh to it"


class LoginWindow:
    """`open_url` gets an address on our loopback, never the authorization URL, and returns whether it found a browser.

    The authorization URL is printed in any case, because finding a browser is not showing it. `pasted` are lines of the
    person's: where the browser runs on another machine, its loopback is not ours, and the address that it ends at has
    to be carried over by hand. None where nobody is asked for that. `command` is what they run for this login.
    """

    def __init__(
        self,
        loopback: Loopback,
        open_url: Callable[[str], bool],
        pasted: AsyncIterator[str] | None = None,
        *,
        command: str = "mcp-auth-bridge login",
    ) -> None:
        self._loopback = loopback
        self._open_url = open_url
        self._pasted = pasted
        self._command = command

    async def listen(self, port: int, host: str, path: str) -> str:
        return await self._loopback.listen(port, host, path)

    async def authorize(self, url: str, state: str) -> Mapping[str, str]:
        endpoint = gate(url, Purpose.AUTHORIZATION)
        address = for_person(endpoint)
        opened = self._open_url(self._loopback.entrance(address))
        told = "sign in at {} in your browser" if opened else "open this URL to sign in at {}"
        terminal.say(f"{told.format(endpoint.authority)}; waiting for {PATIENCE / 60:g} minutes")
        terminal.print_url(address)
        reminder = asyncio.get_running_loop().call_later(_REMINDED, terminal.say, _ABOUT_THE_CLIENT)
        try:
            return await self._answer(state)
        finally:
            reminder.cancel()

    async def _answer(self, state: str) -> Mapping[str, str]:
        callback = asyncio.ensure_future(self._loopback.callback(state, PATIENCE))
        if self._pasted is None:
            return await callback
        terminal.say("if the browser ends at an error page, paste the address of that page here, and press Enter")
        carried = asyncio.ensure_future(_carried_over(self._pasted, state))
        done, _ = await asyncio.wait((callback, carried), return_when=asyncio.FIRST_COMPLETED)
        for other in {callback, carried} - done:
            other.cancel()
        return done.pop().result()

    async def show(self, code: str, url: str) -> None:
        terminal.say(f"on any device, go to this address and confirm the code {code}")
        terminal.print_url(for_person(gate(url, Purpose.DEVICE)))

    async def agree(self, question: str, answer: str) -> None:
        if terminal.is_interactive() and sys.stderr is not None and sys.stderr.isatty():
            terminal.say(f"{question}; is that right? [y/N]")
            if (await typed_line()).strip().lower() in ("y", "yes"):
                return
        raise LoginRequired(question, f"if that is right, run: {self._command} {answer}")


async def typed_line() -> str:
    """One line, read where it is typed: what comes after it is somebody else's to read."""
    typed = in_background(lambda: os.read(0, 4096))
    try:
        return (await asyncio.wait_for(typed, PATIENCE)).decode(errors="replace")
    except (TimeoutError, OSError):
        return ""


async def _carried_over(lines: AsyncIterator[str], state: str) -> Mapping[str, str]:
    """The parameters of the first pasted address that belongs to this login."""
    async for line in lines:
        pairs = parse_qsl(urlsplit(line.strip()).query, keep_blank_values=True)
        parameters = dict(pairs)
        if parameters.get("state") == state and len(parameters) == len(pairs):
            return parameters
        if line.strip():
            terminal.say("that address does not belong to this login; paste the whole of it, up to its end")
    nobody_types: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    return await nobody_types  # the callback decides
