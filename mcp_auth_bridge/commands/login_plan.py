"""From a profile, a command line and the last session to the `LoginPlan` of a login, which is built once."""

from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.configured_plan import configured_plan
from mcp_auth_bridge.commands.step_up import scopes_to_add
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.plan import GrantFlow, LoginPlan
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret


class LoginManner(msgspec.Struct, frozen=True):
    """How one login is made: what a command line says of it, and how the user is reached."""

    # Opens a URL; returns whether it found a browser.
    open_url: Callable[[str], bool]
    # The lines that the user types, None if none are read.
    pasted: AsyncIterator[str] | None = None
    # How the authorization server is asked for tokens.
    grant: GrantFlow = authorization_code
    # Register the bridge anew instead of using an earlier registration.
    fresh: bool = False
    # The issuers and origins that the user trusts in advance (`oauth/trust.py`).
    agreed: tuple[str, ...] = ()
    # The headers that are stored with the login, None for those of the last one.
    headers: Mapping[str, Secret] | None = None


def choose_grant(*, device: bool) -> GrantFlow:
    """The grant of a login: by a redirect of this machine's browser, or on another `device` (RFC 8628)."""
    if not device:
        return authorization_code
    from mcp_auth_bridge.oauth.device import device_code

    return device_code


async def build_plan(
    bridge: Bridge, manner: LoginManner, clients: Mapping[str, Client], asked: Challenge | None, last: Session | None
) -> LoginPlan:
    """The plan for a login through `bridge`.

    `clients` are the bridge's registrations by issuer, `asked` is the MCP server's challenge, `last` is the session
    before this login. Raises `CredentialMissing` for a client's secret that is not where the configuration says.
    """
    auth = bridge.profile.auth
    assert isinstance(auth, LoginSettings), "the command checked it"  # noqa: S101 - a fact, not a check
    return msgspec.structs.replace(
        configured_plan(bridge.profile.url, auth, asked, last),
        step_up=scopes_to_add(last),
        configured=await configured_client(auth, bridge),
        clients=clients,
        fresh=manner.fresh,
        grant=manner.grant,
        agreed=manner.agreed,
    )


async def configured_client(auth: LoginSettings, bridge: Bridge) -> Client | None:
    """The client that the configuration names, None if it names none. Raises as `build_plan`."""
    if not auth.client_id:
        return None
    secret = await bridge.secrets.read(auth.client_secret, "the client_secret") if auth.client_secret else None
    method = auth.auth_method
    return Client(issuer=auth.issuer, id=auth.client_id, secret=secret, auth_method=method, registered=False)
