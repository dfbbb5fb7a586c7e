"""The authorization server that `login` would use, or its error: a login's discovery, run on the same documents."""

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.configured_plan import configured_plan
from mcp_auth_bridge.config.auth import Auth
from mcp_auth_bridge.config.login import BrowserSettings, DeviceSettings, LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.doctor.archive import Archive
from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.configured import ConfiguredClient, server_at_endpoint, server_at_issuer
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.login import find_server, trust_of
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.shell.run_flow import HeadlessLogin, run_flow


class Question(msgspec.Struct, frozen=True):
    """A question that a login would ask, and the options of `login` that answer it in advance."""

    text: str
    options: str


class DiscoveryResult(msgspec.Struct, frozen=True):
    """The decision of a login. There is a server or an error."""

    server: AuthorizationServer | None = None
    error: BridgeError | None = None
    # What the user has to agree to on the way there.
    questions: tuple[Question, ...] = ()


class _Agreeing(HeadlessLogin):
    """Agrees to everything, and notes it: the examination goes on where a login waits for the user."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    async def agree(self, question: str, answer: str) -> None:
        self.questions.append(Question(question, answer))


def trust_in(bridge: Bridge, last: Session | None) -> Trust:
    """Which servers a login through `bridge` trusts. `last` is the stored login."""
    auth = bridge.profile.auth
    if isinstance(auth, MachineSettings):
        return Trust(server=bridge.profile.url, issuer=auth.issuer)
    return trust_of(login_plan(bridge, None, last))


async def decide(
    bridge: Bridge, archive: Archive, challenge: Challenge | None, last: Session | None
) -> DiscoveryResult:
    """Decide as a login would. `challenge` is the MCP server's, `last` is the stored login. Raises nothing."""
    auth = bridge.profile.auth
    steps = _Agreeing()
    try:
        if isinstance(auth, MachineSettings):
            server = await run_flow(_machine_s_server(bridge, auth, challenge), archive, steps)
        else:
            server = await run_flow(find_server(login_plan(bridge, challenge, last)), archive, steps)
    except BridgeError as error:
        return DiscoveryResult(None, error, tuple(steps.questions))
    return DiscoveryResult(server, None, tuple(steps.questions))


def login_plan(bridge: Bridge, challenge: Challenge | None, last: Session | None) -> LoginPlan:
    """The plan of a login through `bridge`, without its client."""
    auth = login_settings(bridge.profile.auth)
    plan = configured_plan(bridge.profile.url, auth, challenge, last)
    return msgspec.structs.replace(plan, grant=device_code) if isinstance(auth, DeviceSettings) else plan


def login_settings(auth: Auth) -> LoginSettings:
    """The settings of a login, also where `auth` is of another kind: then those of a login that is not configured."""
    return auth if isinstance(auth, LoginSettings) else BrowserSettings()


def _machine_s_server(bridge: Bridge, auth: MachineSettings, challenge: Challenge | None) -> Flow[AuthorizationServer]:
    client = ConfiguredClient(
        issuer=auth.issuer,
        token_endpoint=auth.token_endpoint,
        client=Client(issuer=auth.issuer, id=auth.client_id, registered=False),
    )
    if auth.token_endpoint:
        return server_at_endpoint(client, bridge.profile.url, challenge, auth.resource)
    return (yield from server_at_issuer(client, bridge.profile.url, challenge, auth.resource))
