"""Why an authorization server refuses a machine, in words that say which line or secret to change.

No person can log in here, and nothing is tried a second time: not the same assertion, and no other grant (MCP,
"Workload Identity Federation").
"""

from collections.abc import Sequence

from mcp_auth_bridge.errors import (
    BridgeError,
    ConfigError,
    CredentialRefused,
    NotAToken,
    OAuthRefused,
    TokenExpired,
    WrongAudience,
    quoted,
)
from mcp_auth_bridge.oauth.authorization_server import Server
from mcp_auth_bridge.oauth.claims import ago, numeric_date, unverified
from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken

_OF_TOKENS = ("invalid_grant", "invalid_token")
_OF_SETTINGS = ("invalid_scope", "invalid_target")


def explained(
    refused: OAuthRefused, party: ConfiguredClient, server: Server, tokens: Sequence[SubjectToken], now: float
) -> BridgeError:
    """The error for a refused token request of the `party` at the `server`, in which `tokens` vouched.

    `now` is Unix seconds. What is nobody's configuration stays as it is.
    """
    origin = server.token_endpoint.origin
    match refused.error:
        case "invalid_client":
            text = f"{origin} does not accept {_client(party)} (invalid_client){refused.said}"
            return ConfigError(text, _check_client(party))
        case "unauthorized_client" | "unsupported_grant_type":
            hint = "its operator has to allow this grant, or set another kind under auth for this server"
            return ConfigError(
                f"{origin} does not offer this grant to {_client(party)} ({refused.error}){refused.said}", hint
            )
        case error if error in _OF_SETTINGS:
            return ConfigError(refused.message, refused.hint)
        case error if error in _OF_TOKENS and tokens:
            return _of_tokens(refused, server, tokens, now)
    return refused


def _client(party: ConfiguredClient) -> str:
    return f"the client {quoted(party.client.id, 100)}" if party.client.id else "a request without a client"


def _check_client(party: ConfiguredClient) -> str:
    if not party.client.id:
        return "set client_id, and a client_secret or private_key, under auth for this server"
    if not party.place:
        return "check client_id under auth for this server; it may need a client_secret or private_key"
    of_key = ", key_id and assertion_audience" if party.client.signing is not None else " and auth_method"
    return f"check client_id{of_key} under auth for this server, and what comes from {party.place}"


def _of_tokens(refused: OAuthRefused, server: Server, tokens: Sequence[SubjectToken], now: float) -> CredentialRefused:
    """What is wrong with the first token that looks wrong, else with the first one."""
    verdicts = [(token, *_verdict(token, server, now)) for token in tokens]
    token, kind, words = next((each for each in verdicts if each[1] is not CredentialRefused), verdicts[0])
    text = f"{server.token_endpoint.origin} refuses {token.what} ({refused.error}{refused.said}): {words}"
    return kind(text, f"replace it: {token.place}", facts={"status": refused.status, "error": refused.error})


def _verdict(token: SubjectToken, server: Server, now: float) -> tuple[type[CredentialRefused], str]:
    claims = unverified(token.value.reveal())
    if not (claims or token.type):
        return NotAToken, "it is no JWT, which an assertion is"
    if not claims:
        return CredentialRefused, "it is opaque, so it cannot be seen why"
    expires, named = numeric_date(claims.get("exp")), claims.get("aud")
    if expires is not None and expires <= now:
        return TokenExpired, f"it expired {ago(expires, now)}"
    audiences = [each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str)]
    expected = (server.issuer.rstrip("/"), str(server.token_endpoint).rstrip("/"))
    if not token.type and not any(each.rstrip("/") in expected for each in audiences):
        # RFC 7523 section 3: an assertion names this server. A subject token was made for whom it will.
        return WrongAudience, f"its aud is {quoted(' '.join(audiences), 100)}, not {quoted(server.issuer, 100)}"
    return CredentialRefused, f"its issuer is {quoted(str(claims.get('iss', '')), 100)}, its exp and aud look right"
