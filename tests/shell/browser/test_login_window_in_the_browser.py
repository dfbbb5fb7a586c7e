"""The user in front of a login: the browser comes back, or they paste the address at which it ended."""

import asyncio
import os

import pytest

from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.shell.browser import login_window
from mcp_auth_bridge.shell.browser.login_window import LoginWindow
from mcp_auth_bridge.shell.console import terminal

URL = "https://as.example/authorize?client_id=x&state=S"


@pytest.fixture
def said(monkeypatch):
    """Everything that is said, in order."""
    lines = []
    monkeypatch.setattr(terminal, "say", lines.append)
    monkeypatch.setattr(terminal, "print_url", lines.append)
    return lines


class Entrance:
    """A loopback whose callback comes when the test says so."""

    def __init__(self):
        self.callback = asyncio.Event()
        self.led_to = []

    async def listen(self, port, host, path):
        return f"http://{host}:{port}{path}"

    def create_entrance(self, address):
        self.led_to.append(address)
        return "http://127.0.0.1:4711/enter"

    async def wait_for_callback(self, state, timeout):  # noqa: ASYNC109 - the signature of `Loopback`
        await self.callback.wait()
        return {"state": state, "code": "from the browser"}


async def typed(*lines):
    for line in lines:
        yield line


def authorized(*, opens=True, lines=None, comes_back=True):
    opened = []

    async def story():
        loopback = Entrance()
        if comes_back:
            loopback.callback.set()
        pasted = None if lines is None else typed(*lines)
        window = LoginWindow(loopback, lambda url: opened.append(url) or opens, pasted)
        assert await window.listen(4711, "127.0.0.1", "/callback") == "http://127.0.0.1:4711/callback"
        return await window.authorize(URL, "S"), loopback.led_to

    return *asyncio.run(story()), opened


def test_the_browser_gets_an_address_on_the_loopback_and_the_user_sees_the_whole_url(said):
    parameters, led_to, opened = authorized()
    assert parameters["code"] == "from the browser"
    assert opened == ["http://127.0.0.1:4711/enter"]
    assert led_to == [URL]
    assert said == ["sign in at as.example in your browser; waiting for 5 minutes", URL]


def test_without_a_browser_the_user_is_asked_to_open_the_url(said):
    authorized(opens=False)
    assert said[0].startswith("open this URL to sign in at as.example")


def test_an_address_that_the_user_pastes_is_a_callback_too(said):
    parameters, *_ = authorized(lines=["http://127.0.0.1:4711/callback?state=S&code=C\r"], comes_back=False)
    assert parameters == {"state": "S", "code": "C"}
    assert "paste the address" in said[2]


def test_an_address_of_another_login_or_with_a_parameter_twice_is_not_taken(said):
    lines = ["", "http://x/?state=other&code=C", "http://x/?state=S&code=C&code=D", "http://x/?state=S&code=E"]
    parameters, *_ = authorized(lines=lines, comes_back=False)
    assert parameters["code"] == "E"
    assert sum("does not belong to this login" in line for line in said) == 2


def test_the_browser_may_still_come_back_when_the_user_has_closed_stdin(said):
    parameters, *_ = authorized(lines=[])
    assert parameters["code"] == "from the browser"


def test_a_device_code_is_shown_with_its_address(said):
    asyncio.run(LoginWindow(None, None).show("ABCD-EFGH", "https://as.example/device"))
    assert "ABCD-EFGH" in said[0]
    assert said[1] == "https://as.example/device"


def test_an_address_that_is_not_one_to_sign_in_at_is_not_shown(said):
    with pytest.raises(UrlRefused):
        asyncio.run(LoginWindow(Entrance(), None).authorize("file:///etc/passwd", "S"))
    assert said == []


def test_a_user_who_types_nothing_has_said_nothing(monkeypatch):
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    monkeypatch.setattr(login_window, "PATIENCE", 0.01)
    try:
        assert asyncio.run(login_window.read_typed_line()) == ""
    finally:
        os.close(writing)
        os.dup2(kept, 0)
        os.close(kept)
        os.close(reading)
