"""`mcp-auth-bridge token`: hand out the access token of a login, for programs that send requests themselves.

It never opens a browser.
"""

import json
import re
import time
from datetime import UTC, datetime

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands.client_session import closing
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.credentials.base import Target
from mcp_auth_bridge.credentials.oauth import OAuthCredentials
from mcp_auth_bridge.credentials.refresh_policy import why_ended
from mcp_auth_bridge.errors import ConfigError, LoginRequired, shell_quoted
from mcp_auth_bridge.oauth.claims import expiry
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.shell.console import terminal

VARIABLE = "MCP_TOKEN"

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORBIDDEN = re.compile(r"PATH$|LD_|DYLD_", re.IGNORECASE)  # a loader prints the name of a library that it cannot load


class Input(msgspec.Struct, frozen=True):
    """`command` is a program that gets the token in the environment `variable`; with () the token is printed."""

    server: ServerChoice
    as_json: bool = False
    command: tuple[str, ...] = ()
    variable: str = VARIABLE


class TokenDocument(msgspec.Struct, frozen=True):
    """The JSON output, in the style of a credential process. An unknown member is None or ""."""

    # As in RFC 6749 section 5.1: "Bearer" or "DPoP".
    token_type: str
    # The token itself.
    access_token: str
    # When it expires, as in RFC 3339.
    expires_at: str | None
    # The resource that it is for (RFC 8707).
    resource: str
    # The authorization server that issued it.
    issuer: str = ""
    # Its scopes, as in RFC 6749 section 3.3.
    scope: str = ""
    # The account that is signed in.
    account: str = ""


async def run(given: Input, context: Context) -> int:
    if not _VARIABLE_NAME.fullmatch(given.variable):
        raise ConfigError("--env needs the name of a variable", "letters, digits and _, as in --env MCP_TOKEN")
    if _FORBIDDEN.match(given.variable):
        raise ConfigError(
            f"--env {given.variable} changes how the program is loaded", "choose another, as in --env MCP_TOKEN"
        )
    bridge = await find_bridge(given.server, context)
    name = bridge.profile.name
    async with closing(bridge):
        token = await _obtain_token(bridge)
    if given.as_json:
        terminal.write_result(json.dumps(msgspec.to_builtins(token), indent=2).encode() + b"\n")
        return 0
    _check_bearer(token, name)
    if given.command:
        from mcp_auth_bridge.shell.process.exec_program import exec_program

        return exec_program(given.command, {**context.environ, given.variable: token.access_token})
    if terminal.stdout_is_terminal():
        until = f", until {token.expires_at}" if token.expires_at else ""
        terminal.say(f"anyone who has this token can act as you at {name}{until}")
    terminal.write_result(token.access_token.encode() + b"\n")
    return 0


async def _obtain_token(bridge: Bridge) -> TokenDocument:
    if isinstance(bridge.credentials, OAuthCredentials):
        session = await bridge.credentials.current()
        _check_grant(session, bridge)
        return _token_of(session)
    # A token that the bridge does not keep itself is read from the headers that it sends.
    headers = await bridge.credentials.headers(Target("POST", bridge.profile.url))
    named = {name.lower(): value for name, value in headers.items()}
    scheme, _, value = named.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise ConfigError(
            f"{bridge.profile.name} has no access token: its configuration gives it other credentials, or none",
            f"use it as it is: {bridge.command('tools')}",
        )
    return TokenDocument("Bearer", value, _format_time(expiry(value)), bridge.profile.url.resource)


def _check_grant(session: Session, bridge: Bridge) -> None:
    """Raise `LoginRequired` for a grant that has ended.

    Its token may still be good, but the program that gets it would not learn that no other one follows.
    """
    if session.ended:
        why = why_ended(session, time.time())
        raise LoginRequired(f"a login to {bridge.profile.name} is needed: {why}", f"run: {bridge.login_command}")


def _token_of(session: Session) -> TokenDocument:
    return TokenDocument(
        token_type="Bearer" if session.dpop_key is None else "DPoP",
        access_token=session.access.reveal(),
        expires_at=_format_time(session.expires_at),
        resource=session.resource,
        issuer=session.issuer,
        scope=session.scope,
        account=session.account,
    )


def _check_bearer(token: TokenDocument, name: str) -> None:
    if token.token_type != "Bearer":
        raise ConfigError(
            f"the token of {name} is bound to the bridge's key ({token.token_type}): no other program can use it",
            f"use: mcp-auth-bridge call {shell_quoted(name)},"
            f" or an MCP client with: mcp-auth-bridge run {shell_quoted(name)}",
        )


def _format_time(seconds: float | None) -> str | None:
    """Unix `seconds` in the format of RFC 3339, None for a year that it cannot write."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
