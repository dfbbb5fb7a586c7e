"""The check of the browser: what a login would do to get the user to its page. Nothing is opened."""

import os
import sys
from functools import partial

from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, ok, skip
from mcp_auth_bridge.shell.browser.desktop import desktop_opener, no_tab_reason
from mcp_auth_bridge.shell.process.threads import run_in_background


async def browser(evidence: Evidence) -> Finding:
    """Whether a login opens a browser here, and with which program."""
    bridge, environ = evidence.subject.bridge, evidence.subject.context.environ
    if bridge is not None and not isinstance(bridge.profile.auth, LoginSettings):
        return skip(f"{bridge.profile.label} needs no login in a browser")
    command = () if bridge is None else bridge.profile.browser_command
    seldom = ""
    if bridge is not None and bridge.profile.login == "never":
        seldom = '; a tool call opens none, because of login = "never"'
    obstacle = await run_in_background(partial(no_tab_reason, environ, command))
    if obstacle:
        return ok(f"{obstacle}, so a login shows its address, to be opened in any browser{seldom}")
    return ok(f"a login opens it with {_opener(command)}{seldom}")


def _opener(command: tuple[str, ...]) -> str:
    if not command and sys.platform == "win32":
        return "Windows"
    argv = command or desktop_opener(os.environ)
    return argv[0] if argv else "the desktop portal"
