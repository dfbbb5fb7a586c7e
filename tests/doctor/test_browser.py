"""What a login would do to get the user to its page: said in words, and nothing is opened."""

import sys

import anyio
import pytest
from commanding import context_of
from stored_login import BROWSER

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.doctor import browser as browser_module
from mcp_auth_bridge.doctor.browser import browser
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.subject import Subject

URL = "https://mcp.acme.example/mcp"


def said(tmp_path, auth=BROWSER, more="", environ=None):
    context = context_of(tmp_path, URL, auth, environ, more)
    found = anyio.run(browser, Evidence(Subject(context, Bridge(context.config.profiles["acme"], context))))
    return found.outcome, found.says


@pytest.fixture
def desktop(monkeypatch):
    """A desktop with this opener."""

    def begin(*opener, platform="linux"):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(browser_module, "no_tab_reason", lambda environ, command: "")
        monkeypatch.setattr(browser_module, "desktop_opener", lambda environ: opener)

    return begin


def test_where_no_browser_opens_the_reason_is_told_and_what_happens_instead(tmp_path):
    assert said(tmp_path, environ={"SSH_TTY": "/dev/pts/0"}) == (
        Outcome.OK,
        "a browser cannot be opened from an SSH session, so a login shows its address, to be opened in any browser",
    )


def test_the_program_that_opens_the_browser_is_named(tmp_path, desktop):
    assert (
        said(tmp_path, more='browser_command = ["/opt/firefox", "--new-tab"]')[1]
        == "a login opens it with /opt/firefox"
    )
    desktop("/usr/bin/xdg-open")
    assert said(tmp_path)[1] == "a login opens it with /usr/bin/xdg-open"
    desktop()
    assert said(tmp_path)[1] == "a login opens it with the desktop portal"
    desktop(platform="win32")
    assert said(tmp_path)[1] == "a login opens it with Windows"


def test_a_server_whose_tool_calls_open_nothing_is_told(tmp_path, desktop):
    desktop("/usr/bin/xdg-open")
    _, says = said(tmp_path, more='login = "never"')
    assert says == 'a login opens it with /usr/bin/xdg-open; a tool call opens none, because of login = "never"'


def test_a_token_needs_no_browser_and_without_a_server_any_login_may_come(tmp_path, desktop):
    assert said(tmp_path, '{ kind = "none" }') == (Outcome.SKIP, "acme needs no login in a browser")
    desktop("/usr/bin/xdg-open")
    alone = Evidence(Subject(context_of(tmp_path, URL)))
    assert anyio.run(browser, alone).says == "a login opens it with /usr/bin/xdg-open"
