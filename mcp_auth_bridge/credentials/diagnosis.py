"""The errors for tokens and logins that the MCP server refuses: they name the likely reason and the remedy."""

import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import AccessDenied, CredentialRefused, LoginRequired, quoted, unclear
from mcp_auth_bridge.oauth.session import Session


class RefusedToken(msgspec.Struct, frozen=True):
    """A token that the MCP server refused, and that does not come from a login."""

    # The token itself.
    token: str
    # The server's name in the configuration.
    name: str
    # The token in words: "the token of acme".
    what: str
    # Where it comes from, in words.
    place: str
    # The value that its `aud` should have: the configured one, else the server's URL.
    resource: str


def token_refused_error(token: RefusedToken, refused: Refusal, now: float) -> CredentialRefused:
    """The error for a token that was refused although it is the newest one; `now` is in Unix seconds."""
    # Imported here because only a diagnosis looks inside a token (docs/architecture.md, "Cold start").
    from mcp_auth_bridge.oauth.token_diagnosis import ServerWords, diagnose_configured_token

    words = ServerWords(refused.description or refused.words, refused.said)
    found = diagnose_configured_token(token.token, token.resource, words, now)
    return found.kind(
        f"{token.name} refuses {token.what} ({refused}): {found.reason}",
        f"replace it: {token.place}",
        facts={"status": refused.status, **found.facts},
    )


class LoginDiagnosis(msgspec.Struct, frozen=True):
    """Explains refusals of the login to the server `name`.

    The hint is to run `login_command`. `settings` is the present digest of the settings (`config/auth.py`): a login
    with other settings may have been denied more scopes.
    """

    name: str
    login_command: str
    settings: str = ""

    def suspicions(self, session: Session, refused: Refusal, now: float) -> str:
        """Everything that looks wrong with the refused token, as a clause; `now` is in Unix seconds."""
        # Imported here because only a diagnosis looks inside a token (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.token_diagnosis import describe_suspicions

        return describe_suspicions(session, refused.scopes, now)

    def new_token_error(self, session: Session, refused: Refusal, now: float) -> LoginRequired:
        """The error for a token that the MCP server refuses although it was issued a moment ago."""
        rejected = LoginRequired(
            f"{self.name} rejected even a freshly issued token ({refused}): {self.suspicions(session, refused, now)}",
            f"see resource, audience, token and scopes under auth for this server, then run: {self.login_command}",
        )
        return unclear(rejected)

    def denied_scope_error(self, session: Session, wanted: str) -> AccessDenied | None:
        """The error if another login would not bring the scopes in `wanted` either; None if it may bring them.

        Without it, logins would ask again and again for a scope that the authorization server denies (MCP, "Scope
        Minimization": failures are remembered). The session remembers it until the next login or a change of the
        configuration.
        """
        scopes = set(wanted.split())
        if scopes <= set(session.scope.split()):
            return AccessDenied(
                f"{self.name} refuses this although the login has the scopes that it names",
                "the account may lack the permission; another login will not change that",
            )
        if session.settings == self.settings and scopes <= _scopes_asked_for(session):
            return AccessDenied(
                f"{self.name} wants a permission that its authorization server was asked for and did not grant:"
                f" {quoted(wanted)}",
                f"when the account has that permission, run: {self.login_command}",
            )
        return None


def _scopes_asked_for(session: Session) -> set[str]:
    """The scopes that this login or a later one asked for, granted or not."""
    return {*session.scope.split(), *session.asked.split(), *session.denied.split()}
