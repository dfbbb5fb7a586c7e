"""Why the MCP server may have refused a login, in words that say what to change."""

import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.errors import AccessDenied, LoginRequired, quoted
from mcp_auth_bridge.oauth.session import Session


class LoginDiagnosis(msgspec.Struct, frozen=True):
    """For the server `name`; `login_command` is what a person runs when something has changed.

    `settings` are those of today (`auth_settings.digest`): a login that was made with others may have been denied more.
    """

    name: str
    login_command: str
    settings: str = ""

    def suspected(self, session: Session, refused: Refusal, now: float) -> str:
        """What looks wrong with the refused token; `now` is Unix seconds."""
        # Imported here because only a diagnosis looks inside a token (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.claims import suspicions

        return suspicions(session, refused.challenge.scopes if refused.challenge else (), now)

    def new_token_refused(self, session: Session, refused: Refusal, now: float) -> LoginRequired:
        return LoginRequired(
            f"{self.name} rejected even a freshly issued token ({refused}): {self.suspected(session, refused, now)}",
            f"see resource, audience, token and scopes under auth for this server, then run: {self.login_command}",
        )

    def not_to_be_had(self, session: Session, wanted: str) -> AccessDenied | None:
        """The error where another login would not bring the scopes in `wanted` either; None where it may.

        A scope that the authorization server has just denied would be asked for again and again (MCP, "Scope
        Minimization": failures are remembered). They are remembered by the session, until the next login or another
        configuration.
        """
        scopes = set(wanted.split())
        if scopes <= set(session.scope.split()):
            return AccessDenied(
                f"{self.name} refuses this although the login has the scopes that it names",
                "the account may lack the permission; another login will not change that",
            )
        if session.settings == self.settings and scopes <= _all_asked_for(session):
            return AccessDenied(
                f"{self.name} wants a permission that its authorization server was asked for and did not grant:"
                f" {quoted(wanted)}",
                f"when the account has that permission, run: {self.login_command}",
            )
        return None


def _all_asked_for(session: Session) -> set[str]:
    return {*session.scope.split(), *session.asked.split(), *session.denied.split()}
