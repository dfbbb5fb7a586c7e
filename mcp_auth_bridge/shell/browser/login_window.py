"""The user's side of a login: shows the URL, opens the browser, and waits for the callback.

The browser may run on another machine than the bridge; then the user pastes the address where it ended.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from mcp_auth_bridge.errors import LoginRequired
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.console import activity, terminal
from mcp_auth_bridge.shell.process.threads import run_in_background
from mcp_auth_bridge.urls import Purpose, gate, shell_safe

PATIENCE = 300.0
"""Seconds for a login in the browser."""

_REMINDED = 60.0
"""Seconds until a message explains what an error page may mean: few servers redirect such an error to us."""

_ABOUT_THE_CLIENT = "if the browser shows an error about the client, stop this command and add --fresh to it"


class LoginWindow:
    """Performs the steps of a login that need the user (`run_flow.LoginSteps`).

    `open_url` gets an address on our loopback, never the authorization URL, and returns whether it found a browser. The
    authorization URL is printed in any case, because a browser that was found may not show it. `pasted` are the lines
    that the user types: if the browser runs on another machine, its loopback is not ours, and the user copies the
    address where it ends. It is None if the user is not asked for that. `command` is the command line of this login.
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
        address = shell_safe(endpoint)
        opened = self._open_url(self._loopback.create_entrance(address))
        sentence = "sign in at {} in your browser" if opened else "open this URL to sign in at {}"
        terminal.say(f"{sentence.format(endpoint.authority)}; waiting for {PATIENCE / 60:g} minutes")
        terminal.print_url(address)
        reminder = asyncio.get_running_loop().call_later(_REMINDED, terminal.say, _ABOUT_THE_CLIENT)
        try:
            return await self._wait_for_parameters(state)
        finally:
            reminder.cancel()

    async def _wait_for_parameters(self, state: str) -> Mapping[str, str]:
        callback = asyncio.ensure_future(self._loopback.wait_for_callback(state, PATIENCE))
        if self._pasted is None:
            with activity.waiting("waiting for the browser", PATIENCE):
                return await callback
        with activity.paused():  # the user pastes there
            return await self._first_of(callback, self._pasted, state)

    async def _first_of(
        self, callback: "asyncio.Future[Mapping[str, str]]", lines: AsyncIterator[str], state: str
    ) -> Mapping[str, str]:
        terminal.say("if the browser ends at an error page, paste the address of that page here, and press Enter")
        pasted = asyncio.ensure_future(_read_pasted_parameters(lines, state))
        done, _ = await asyncio.wait((callback, pasted), return_when=asyncio.FIRST_COMPLETED)
        for other in {callback, pasted} - done:
            other.cancel()
        return done.pop().result()

    async def show(self, code: str, url: str) -> None:
        terminal.say(f"on any device, go to this address and confirm the code {code}")
        terminal.print_url(shell_safe(gate(url, Purpose.DEVICE)))

    async def agree(self, question: str, answer: str) -> None:
        if terminal.is_interactive() and sys.stderr is not None and sys.stderr.isatty():
            with activity.paused():
                terminal.say(f"{question}; is that right? [y/N]")
                if (await read_typed_line()).strip().lower() in ("y", "yes"):
                    return
        raise LoginRequired(question, f"if that is right, run: {self._command} {answer}")


async def read_typed_line() -> str:
    """Read one line without a buffer, so that later input stays for the next reader, such as `--paste`.

    Returns "" if the user types nothing for `PATIENCE` seconds.
    """
    typed = run_in_background(lambda: os.read(0, 4096))
    try:
        return (await asyncio.wait_for(typed, PATIENCE)).decode(errors="replace")
    except (TimeoutError, OSError):
        return ""


async def _read_pasted_parameters(lines: AsyncIterator[str], state: str) -> Mapping[str, str]:
    """The parameters of the first pasted address that carries the `state` of this login.

    It never returns if the `lines` end before that: the callback may still come.
    """
    async for line in lines:
        pairs = parse_qsl(urlsplit(line.strip()).query, keep_blank_values=True)
        parameters = dict(pairs)
        if parameters.get("state") == state and len(parameters) == len(pairs):
            return parameters
        if line.strip():
            terminal.say("that address does not belong to this login; paste the whole of it, up to its end")
    never: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    return await never
