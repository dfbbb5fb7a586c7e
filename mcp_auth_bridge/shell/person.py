"""The person in front of this machine: a browser that goes to a URL, a loopback port that it comes back to."""

from collections.abc import Callable, Mapping

from mcp_auth_bridge.shell import terminal
from mcp_auth_bridge.shell.loopback import Loopback
from mcp_auth_bridge.urls import Purpose, gate

PATIENCE = 300.0
"""Seconds for a login in the browser."""


class BrowserPerson:
    """`open_url` returns whether it found a browser; the URL is printed in any case, because finding is not showing."""

    def __init__(self, loopback: Loopback, open_url: Callable[[str], bool]) -> None:
        self._loopback = loopback
        self._open_url = open_url

    async def listen(self, port: int) -> str:
        return await self._loopback.listen(port)

    async def authorize(self, url: str, state: str) -> Mapping[str, str]:
        host = gate(url, Purpose.AUTHORIZATION).authority
        opened = self._open_url(url)
        where = "in your browser" if opened else "at this URL"
        terminal.say(f"sign in at {host} {where}; waiting for {PATIENCE / 60:g} minutes")
        terminal.print_url(url)
        return await self._loopback.callback(state, PATIENCE)
