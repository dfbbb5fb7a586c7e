"""The MCP SDK's own authorization server with storage in memory, in code that runs on its versions 1 and 2.

Its handlers decide everything; dicts replace the storage that it leaves to its user. Every authorization request is
granted. The client `by-hand` exists from the start, with a secret for HTTP Basic. Besides ledger.py's counters,
`/__control` lists the clients, the number of revoked tokens and the number of living refresh tokens.
"""

import secrets
from typing import Any

from ledger import App, Ledger
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl, AnyUrl

SCOPE = "mcp"
BY_HAND = {
    "client_id": "by-hand",
    "client_secret": "s3cret/+",
    "token_endpoint_auth_method": "client_secret_basic",
    "redirect_uris": ["http://127.0.0.1:4711/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": SCOPE,
}


class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Dicts for the storage that the SDK leaves to its user."""

    def __init__(self) -> None:
        self.clients = {"by-hand": OAuthClientInformationFull.model_validate(BY_HAND)}
        self.codes: dict[str, AuthorizationCode] = {}
        self.refreshes: dict[str, RefreshToken] = {}
        self.accesses: dict[str, AccessToken] = {}
        self.revoked = 0

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        assert client_info.client_id is not None
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = AuthorizationCode(
            code=secrets.token_hex(16),
            client_id=str(client.client_id),
            scopes=params.scopes or [],
            expires_at=2e9,
            code_challenge=params.code_challenge,
            redirect_uri=AnyUrl(str(params.redirect_uri)),
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._issue(str(client.client_id), authorization_code.scopes)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return self.refreshes.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refreshes[refresh_token.token]
        return self._issue(str(client.client_id), scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.accesses.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.revoked += 1
        self.accesses.pop(token.token, None)
        self.refreshes.pop(token.token, None)

    def _issue(self, client: str, scopes: list[str]) -> OAuthToken:
        access = AccessToken(token=secrets.token_hex(16), client_id=client, scopes=scopes, expires_at=None)
        refresh = RefreshToken(token=secrets.token_hex(16), client_id=client, scopes=scopes)
        self.accesses[access.token], self.refreshes[refresh.token] = access, refresh
        scope = " ".join(scopes) or None
        return OAuthToken(access_token=access.token, refresh_token=refresh.token, expires_in=3600, scope=scope)

    def end_grants(self) -> None:
        self.accesses.clear()
        self.refreshes.clear()

    def report(self) -> dict[str, Any]:
        methods = {name: client.token_endpoint_auth_method for name, client in self.clients.items()}
        return {"clients": methods, "revoked": self.revoked, "live": len(self.refreshes)}


def settings(origin: str, path: str = "/mcp") -> AuthSettings:
    return AuthSettings(
        issuer_url=AnyHttpUrl(origin),
        resource_server_url=AnyHttpUrl(f"{origin}{path}"),
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=[SCOPE], default_scopes=[SCOPE]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=[SCOPE],
    )


def observed(app: App, provider: Provider) -> Ledger:
    actions = {
        "refuseTokens": provider.accesses.clear,
        "revokeAll": provider.end_grants,
        "forgetClients": provider.clients.clear,
    }
    return Ledger(app, actions, report=provider.report)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
