"""The keys of the table `auth`, by kind."""

from collections.abc import Mapping

from mcp_auth_bridge.config.auth import BearerSettings, HeaderSettings
from mcp_auth_bridge.config.login import BrowserSettings, LoginSettings
from mcp_auth_bridge.config.machine import (
    EnterpriseSettings,
    JwtBearerSettings,
    MachineSettings,
    RegisteredClientSettings,
    TokenExchangeSettings,
)
from mcp_auth_bridge.reference.key_text import KeyText

_SCOPES = KeyText("The scopes to ask for, in place of those that the server names.", '["read", "write"]')
_RESOURCE = KeyText(
    'The identifier of the resource (RFC 8707), in place of the one in the server\'s metadata; "none": none is sent.',
    '"urn:acme:mcp:files"',
)
_AUDIENCE = KeyText(
    'The resource as Auth0 reads it; "none": it is not sent even to Auth0.', '"https://api.acme.example"'
)
_TYPE = '"id_token"'
_TYPES = "access_token, id_token, jwt, refresh_token, saml1, saml2, or a URN"

_LOGIN = {
    "scopes": _SCOPES,
    "offline_access": KeyText(
        "Whether that scope is asked for, if the authorization server lists it, so that the login lasts.", '"never"'
    ),
    "resource": _RESOURCE,
    "audience": _AUDIENCE,
    "token": KeyText("The token that the server wants: some behind Cognito want the ID token.", '"id"'),
    "account": KeyText("The only account that may sign in.", '"mia@acme.example"'),
    "client_id": KeyText("A client that you registered at `issuer` yourself; used only there.", '"my-client"'),
    "client_secret": KeyText("The secret of that client.", '"env:ACME_CLIENT_SECRET"', is_reference=True),
    "auth_method": KeyText(
        "How the client authenticates at the token endpoint. Without it, the bridge finds out.", '"client_secret_post"'
    ),
    "issuer": KeyText("The authorization server, if the server does not name one.", '"https://login.acme.example"'),
    "authorization_endpoint": KeyText(
        "Where the browser is sent, if the issuer publishes no metadata.", '"https://login.acme.example/authorize"'
    ),
    "token_endpoint": KeyText(
        "Where tokens are requested. With it, the issuer's metadata are not looked up.",
        '"https://login.acme.example/token"',
    ),
    "registration_endpoint": KeyText(
        "Where the bridge registers, if the issuer publishes no metadata.", '"https://login.acme.example/register"'
    ),
    "revocation_endpoint": KeyText(
        "Where `logout` revokes, if the issuer publishes no metadata.", '"https://login.acme.example/revoke"'
    ),
    "device_authorization_endpoint": KeyText(
        "Where a login with a code begins, if the issuer publishes no metadata.", '"https://login.acme.example/device"'
    ),
    "pkce": KeyText("That the authorization server supports PKCE, although its metadata do not say so.", '"S256"'),
    "trusted_issuer": KeyText(
        "An issuer that the metadata may name, although another one was asked.", '"https://auth.acme.example"'
    ),
    "resource_metadata": KeyText(
        "The URL of the protected resource metadata, in place of the server's.", '"https://mcp.acme.example/meta.json"'
    ),
    "client_metadata_url": KeyText(
        "Where you publish a client ID metadata document for the bridge (docs/client-metadata.json).",
        '"https://bridge.acme.example/client-metadata.json"',
    ),
    "client_name": KeyText(
        "The name to register under, if the authorization server accepts only certain names.", '"Claude Code"'
    ),
}

_BROWSER = {
    "authorize_params": KeyText("Parameters to send with the authorization request.", '{ prompt = "select_account" }'),
    "callback_port": KeyText("The port of the redirect URI; 0 for any.", "33418"),
    "callback_host": KeyText("The host of the redirect URI, as it is registered.", '"localhost"'),
    "callback_path": KeyText("The path of the redirect URI, as it is registered.", '"/oauth/callback"'),
}

_CLIENT = {
    "issuer": KeyText("The authorization server. Secrets are sent to it alone.", '"https://login.example.org"'),
    "token_endpoint": KeyText(
        "Where tokens are requested, if the issuer has no metadata.", '"https://login.example.org/oauth/token"'
    ),
    "client_id": KeyText("The identifier of the client there.", '"nightly-reports"'),
    "client_secret": KeyText("The secret of the client.", '"env:CLIENT_SECRET"', is_reference=True),
    "auth_method": KeyText("How the secret is sent. Without it, the bridge finds out.", '"client_secret_post"'),
    "private_key": KeyText(
        "The key that signs the client's assertions, in PEM or as a JWK, in place of a secret.",
        '"file:/run/secrets/reports-key.pem"',
        is_reference=True,
    ),
    "algorithm": KeyText("The signature algorithm. Without it, one that fits the key and the server.", '"PS256"'),
    "key_id": KeyText("The `kid` of the key, if the server requires one.", '"2026-07"'),
    "assertion_audience": KeyText(
        "The `aud` of these assertions. Without it, the issuer.", '"https://login.example.org/oauth/token"'
    ),
}

_EXCHANGE = {
    "subject_token": KeyText("The token to exchange.", '"env:USER_TOKEN"', is_reference=True),
    "subject_token_type": KeyText(f"Its type: {_TYPES}.", _TYPE),
    "actor_token": KeyText("The token of the acting party.", '"file:/run/secrets/agent-token"', is_reference=True),
    "actor_token_type": KeyText(f"Its type: {_TYPES}.", _TYPE),
    "requested_token_type": KeyText("The type to ask for. Without it, the server chooses.", '"access_token"'),
}

_ENTERPRISE = {
    "identity_assertion": KeyText(
        "The identity provider's statement about the user.", '"command:acme-sso id-token"', is_reference=True
    ),
    "identity_assertion_type": KeyText("Its type: id_token, saml2 or refresh_token.", '"saml2"'),
    "idp": KeyText(
        "The identity provider, and the client there: the keys of a client, as above.",
        '{ issuer = "https://sso.acme.example", client_id = "agents", client_secret = "env:SSO_SECRET" }',
    ),
}

AUTH_KEYS: Mapping[type, Mapping[str, KeyText]] = {
    LoginSettings: _LOGIN,
    BrowserSettings: _BROWSER,
    BearerSettings: {
        "token": KeyText("The token.", '"env:ACME_TOKEN"', is_reference=True),
        "resource": KeyText("The `aud` that the token should have, if it is not the URL.", '"urn:tickets:mcp"'),
    },
    HeaderSettings: {
        "headers": KeyText("The headers that are the credentials.", '{ "X-API-Key" = "env:KEY" }', is_reference=True),
    },
    RegisteredClientSettings: _CLIENT,
    MachineSettings: {"scopes": _SCOPES, "resource": _RESOURCE, "audience": _AUDIENCE},
    JwtBearerSettings: {
        "assertion": KeyText(
            "The JWT that the platform issues and renews.", '"file:/var/run/secrets/tokens/mcp"', is_reference=True
        )
    },
    TokenExchangeSettings: _EXCHANGE,
    EnterpriseSettings: _ENTERPRISE,
}
"""The keys by the type that declares them; a kind has those of the types that it inherits from too."""
