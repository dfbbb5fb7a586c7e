"""The browser gets one argument and inherits nothing; for a URL that must not be opened it is not started."""

import asyncio
import json
import os
import sys

import pytest
from installed import wait_for
from peers.desktop_portal import desktop_session

from mcp_auth_bridge.errors import ConfigError, UrlRefused
from mcp_auth_bridge.shell.browser import opener as opener_module
from mcp_auth_bridge.shell.browser.login_window import PATIENCE, LoginWindow
from mcp_auth_bridge.shell.browser.opener import child_environment, open_url
from mcp_auth_bridge.urls import Purpose, gate, shell_safe

# The browser goes on after the bridge has ended, which does not wait for it.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

RECORDER = """
import json, os, sys
note = {"argv": sys.argv[2:], "environ": dict(os.environ), "leader": os.getsid(0) == os.getpid()}
note["streams"] = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
note["files"] = sorted(int(name) for name in os.listdir("/proc/self/fd"))
with open(sys.argv[1], "w") as pipe:
    json.dump(note, pipe)
"""


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A call opens a URL with a browser that notes how it was started, waits for its end and returns the notes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.chdir(tmp_path)

    def start(url):
        assert open_url(url, (sys.executable, "-c", RECORDER, str(pipe)))
        return json.loads(pipe.read_text())

    return start


def test_where_there_is_no_opener_the_portal_is_asked(monkeypatch):
    with desktop_session() as session:
        monkeypatch.setenv("PATH", "")
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", session.address)
        for variable in ("DISPLAY", "WAYLAND_DISPLAY", "TERMUX_VERSION"):
            monkeypatch.delenv(variable, raising=False)
        assert open_url("http://127.0.0.1:5/open/$x", ())
        with pytest.raises(UrlRefused):
            open_url("file:///etc/passwd", ())
        wait_for(lambda: session.opened)
        assert session.opened == ["http://127.0.0.1:5/open/%24x"]


CANARY = "canary"
PAYLOADS = [
    f"$(touch$IFS{CANARY})",
    f"`touch$IFS{CANARY}`",
    f";touch%20{CANARY};",
    f"&touch%20{CANARY}&",
    f"|touch${{IFS}}{CANARY}",
    f"&&touch%09{CANARY}",
    "%action",
    "%s%d%n",
    "'--renderer-cmd-prefix=x'",
    "!history",
    "*?[a-z]~",
    "%0d%0aSet-Cookie:a=b",
    "#fragment",
    "(%22x%22)",
]


@pytest.mark.parametrize("place", ["https://as.example/a{}", "https://as.example/a?x={}", "http://127.0.0.1:1/{}"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_url_is_one_argument_or_nothing_is_started(record, tmp_path, place, payload):
    url = place.format(payload)
    if any(char in url for char in '<>"\\^`{|} '):
        with pytest.raises(UrlRefused):
            open_url(url, (sys.executable, "-c", RECORDER, "nowhere"))
    else:
        (address,) = record(url)["argv"]
        assert address == shell_safe(gate(url, Purpose.AUTHORIZATION))
    assert not (tmp_path / CANARY).exists()


def test_the_child_inherits_only_the_desktops_variables(record, monkeypatch):
    for name in ("ACME_KEY", "SSLKEYLOGFILE", "LD_PRELOAD_X", "BROWSER", "PYTHONPATH", "MCP_AUTH_BRIDGE_HOME"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("DISPLAY", ":7")
    seen = record("https://as.example/")
    assert seen["environ"]["DISPLAY"] == ":7"
    assert "secret" not in seen["environ"].values()
    assert set(seen["environ"]) - {"LC_CTYPE"} <= opener_module._INHERITED
    assert seen["streams"] == ["/dev/null"] * 3
    assert seen["leader"]
    assert set(seen["files"]) <= {0, 1, 2, 3}  # the last is the one that lists them


def test_the_allow_list_ignores_case_and_lets_nothing_else_through():
    given = {
        "Path": "/p:node_modules/.bin::.:/q",
        "home": "h",
        "AWS_SECRET_ACCESS_KEY": "s",
        "DISPLAY": ":0",
        "XDG_SESSION_ID": "1",
        "HOMER": "x",
    }
    assert child_environment(given) == {"Path": "/p:/q", "home": "h", "DISPLAY": ":0"}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt://as.example/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "file://host/share",
        "\\\\host\\share",
        "//as.example/",
        "ms-msdt:/id",
        "ms-settings:x",
        "vscode://x/y",
        "search-ms:query=x",
        "mailto:a@b",
        "ftp://as.example/",
        "about:blank",
        "chrome://settings",
        "view-source:https://as.example/",
        "blob:https://as.example/x",
        "ws://as.example/",
        "https:as.example",
        "https:///x",
        "https//as.example",
        "http://as.example/",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://0.0.0.0/",
        "http://169.254.169.254/",
        "https://login.example@evil.example/",
        "https://login.example:x@evil.example/",
        "https://as.example:0/",
        "https://as.example:99999/",
        "https://as.example:x/",
        "https://as.ex\u0430mple/",
        "https://as.example/\u202e",
        " https://as.example/",
        "https://as.example/\n",
        "https://as.example/a b",
        "https://as.example/\x1b[2J",
        "-https://as.example/",
        "--renderer-cmd-prefix=x",
        "%action",
        "",
    ],
)
def test_a_url_that_must_not_be_opened_starts_nothing(tmp_path, url):
    with pytest.raises(UrlRefused):
        open_url(url, ("touch", str(tmp_path / CANARY)))
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_cannot_be_started_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be started: No such file") as raised:
        open_url("https://as.example/?state=s", (str(tmp_path / "firefox"),))
    assert "browser_command" in raised.value.hint
    assert "state" not in raised.value.message


def test_without_a_desktop_nothing_is_started_and_the_variable_browser_is_not_read(monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "WSL_INTEROP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'bus'}")  # not the developer's
    monkeypatch.setenv("BROWSER", f"touch {tmp_path / CANARY} %s")
    assert open_url("https://as.example/", ()) is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("opened", "told"),
    [(True, "sign in at as.example in your browser"), (False, "open this URL to sign in at as.example")],
)
def test_the_user_is_told_the_host_and_the_whole_url_whether_or_not_a_browser_was_found(capsys, opened, told):
    url = "https://as.example/authorize?state=S&x=" + "y" * 500
    seen = []

    class Loopback:
        async def listen(self, port, host, path):
            return f"http://{host}:{port}{path}"

        def create_entrance(self, url):
            return f"entrance to {url}"

        async def wait_for_callback(self, state, seconds):
            return {"state": state, "patience": seconds}

    def opener(text):
        seen.append(text)
        return opened

    async def story():
        window = LoginWindow(Loopback(), opener)
        assert await window.listen(7, "127.0.0.1", "/callback") == "http://127.0.0.1:7/callback"
        return await window.authorize(url, "S")

    assert asyncio.run(story()) == {"state": "S", "patience": PATIENCE}
    said = capsys.readouterr()
    assert seen == [f"entrance to {url}"]
    assert f"\n{url}\n" in said.err
    assert f"{told}; waiting for 5 minutes" in said.err
    assert said.out == ""
    assert "mcp-auth-bridge: " in said.err


def test_a_pasted_address_counts_as_a_callback(capsys):
    class Loopback:
        def create_entrance(self, url):
            return "http://127.0.0.1:1/open/0"

        async def wait_for_callback(self, state, seconds):
            await asyncio.Event().wait()

    async def typed():
        for line in ("", "nonsense", "http://127.0.0.1:1/callback?state=other&code=X"):
            yield line
        yield " http://127.0.0.1:1/callback?state=S&code=C%20D \n"

    async def story():
        window = LoginWindow(Loopback(), lambda _: False, typed())
        return await window.authorize("https://as.example/a'", "S")

    assert asyncio.run(story()) == {"state": "S", "code": "C D"}
    said = capsys.readouterr().err
    assert "\nhttps://as.example/a%27\n" in said
    assert said.count("does not belong to this login") == 2


def test_a_callback_ends_the_wait_for_a_pasted_address():
    class Loopback:
        def create_entrance(self, url):
            return "http://127.0.0.1:1/open/0"

        async def wait_for_callback(self, state, seconds):
            return {"state": state, "code": "C"}

    async def nothing():
        for line in ():
            yield line

    async def story():
        window = LoginWindow(Loopback(), lambda _: True, nothing())
        return await window.authorize("https://as.example/a", "S")

    assert asyncio.run(story()) == {"state": "S", "code": "C"}
