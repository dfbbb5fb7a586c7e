"""Why an authorization server refuses a machine's token request: the error names the setting or secret to change.

No user can log in here, and nothing is tried a second time: neither the same assertion nor another grant (MCP,
"Workload Identity Federation").
"""

from collections.abc import Sequence

from mcp_auth_bridge.errors import BridgeError, ConfigError, CredentialRefused, OAuthRefused, quoted
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken
from mcp_auth_bridge.oauth.token_diagnosis import diagnose_subject_token

_TOKEN_ERRORS = ("invalid_grant", "invalid_token")
_SETTING_ERRORS = ("invalid_scope", "invalid_target")


def machine_refusal_error(
    refused: OAuthRefused,
    registration: ConfiguredClient,
    server: AuthorizationServer,
    tokens: Sequence[SubjectToken],
    now: float,
) -> BridgeError:
    """The error for a token request that `server` refused to the client of `registration`.

    `tokens` are those that the request held; `now` is the Unix time in seconds. A refusal that no configuration can
    change stays as it is.
    """
    origin = server.token_endpoint.origin
    match refused.error:
        case "invalid_client":
            text = f"{origin} does not accept {_client_in_words(registration)} (invalid_client){refused.said}"
            return ConfigError(text, _check_client_hint(registration))
        case "unauthorized_client" | "unsupported_grant_type":
            hint = "its operator has to allow this grant, or set another kind under auth for this server"
            text = f"{origin} does not offer this grant to {_client_in_words(registration)}"
            return ConfigError(f"{text} ({refused.error}){refused.said}", hint)
        case error if error in _SETTING_ERRORS:
            return ConfigError(refused.message, refused.hint)
        case error if error in _TOKEN_ERRORS and tokens:
            return _subject_token_error(refused, server, tokens, now)
    return refused


def _client_in_words(registration: ConfiguredClient) -> str:
    return (
        f"the client {quoted(registration.client.id, 100)}" if registration.client.id else "a request without a client"
    )


def _check_client_hint(registration: ConfiguredClient) -> str:
    if not registration.client.id:
        return "set client_id, and a client_secret or private_key, under auth for this server"
    if not registration.place:
        return "check client_id under auth for this server; it may need a client_secret or private_key"
    of_key = ", key_id and assertion_audience" if registration.client.signing is not None else " and auth_method"
    return f"check client_id{of_key} under auth for this server, and the value from {registration.place}"


def _subject_token_error(
    refused: OAuthRefused, server: AuthorizationServer, tokens: Sequence[SubjectToken], now: float
) -> CredentialRefused:
    """The error for the first of the `tokens` that looks wrong, else for the first one."""
    diagnoses = [(token, diagnose_subject_token(token, server, now)) for token in tokens]
    token, found = next((each for each in diagnoses if each[1].kind is not CredentialRefused), diagnoses[0])
    text = f"{server.token_endpoint.origin} refuses {token.what} ({refused.error}{refused.said}): {found.reason}"
    return found.kind(text, f"replace it: {token.place}", facts={"status": refused.status, "error": refused.error})
