"""The part of a login's plan that the settings of the server decide, without a secret."""

from mcp_auth_bridge.config.login import ENDPOINTS, BrowserSettings, LoginSettings
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.providers import ProviderOverrides
from mcp_auth_bridge.oauth.registration import CLIENT_NAME, RegistrationSettings
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.urls import Url


def configured_plan(url: Url, auth: LoginSettings, asked: Challenge | None, last: Session | None) -> LoginPlan:
    """The plan for a login to the MCP server at `url` without a client and a way to reach the user.

    `asked` is the MCP server's challenge, `last` is the session before this login.
    """
    browser = auth if isinstance(auth, BrowserSettings) else BrowserSettings()
    return LoginPlan(
        url=url,
        challenge=asked,
        resource=auth.resource,
        scopes=auth.scopes,
        registration=RegistrationSettings(auth.client_name or CLIENT_NAME, auth.auth_method),
        offline=auth.offline_access == "auto",
        port=browser.callback_port,
        host=browser.callback_host,
        path=browser.callback_path,
        issuer=auth.issuer,
        server_metadata=_configured_metadata(auth),
        trusted_issuer=auth.trusted_issuer,
        resource_metadata=auth.resource_metadata,
        last=last,
        metadata_url=auth.client_metadata_url,
        ways=ProviderOverrides(
            audience=auth.audience,
            token=auth.token,
            account=auth.account,
            pkce=auth.pkce,
            parameters=browser.authorize_params,
        ),
    )


def _configured_metadata(auth: LoginSettings) -> ServerMetadata | None:
    """The authorization server's metadata as the configuration gives them. It need not name PKCE's method."""
    if not auth.token_endpoint:
        return None
    named = {key: text for key in ENDPOINTS if (text := getattr(auth, key))}
    return ServerMetadata(issuer=auth.issuer, code_challenge_methods_supported=["S256"], **named)
