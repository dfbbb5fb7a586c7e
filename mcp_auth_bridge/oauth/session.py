"""The records that a store keeps between runs: a session with everything its refresh needs, and its client."""

from typing import Any

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.scopes import LONGEST, limit_scopes
from mcp_auth_bridge.secret import Secret

VERSION = 1

CLIENTS = "client "
"""The prefix of the keys under which a store keeps the newest registration at each issuer, for later logins."""

SHARED = "shared "
"""The prefix of the keys under which a store notes that another machine uses a registration: "shared ISSUER ID"."""

SESSIONS = "session "
"""The prefix of the keys under which a store keeps sessions: "session NAME URL"."""

MACHINES = "machine "
"""The prefix of the keys of machines' sessions: "machine NAME URL FINGERPRINT" (`app/machine_plan.py`)."""

_LEAD = 60.0
"""Seconds before its expiry at which an access token is due: golang/oauth2 takes 10, a slow network needs more."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key with which a client proves its identity (`oauth/assertions.py`)."""

    # The private key, in PEM or as a JWK.
    key: Secret
    # The signature algorithm, "" for the one that the key itself names.
    algorithm: str = ""
    # The `kid`, "" for the one that the key itself names.
    key_id: str = ""
    # The `aud` of assertions, "" for the issuer.
    audience: str = ""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """The client that the bridge is at one authorization server (RFC 7591)."""

    # The issuer of that authorization server (RFC 8414).
    issuer: str
    # The client_id, "" if a grant needs no client (RFC 7521 section 4.1).
    id: str
    # The client_secret, None for a public client.
    secret: Secret | None = None
    # The key of `private_key_jwt`.
    signing: SigningKey | None = None
    # A `token_endpoint_auth_method`, or a spelling of one (`oauth/client_auth.py`).
    auth_method: str = "none"
    # The methods to try after it, in this order; () once the server has accepted one, or if it is configured.
    other_methods: tuple[str, ...] = ()
    # The redirect URI of the registration, "" for none.
    redirect_uri: str = ""
    # Whether the bridge registered this client itself, so that it may also replace and end the registration.
    registered: bool = True
    # The registration's client configuration endpoint (RFC 7592), "" if that is not offered.
    management_uri: str = ""
    # The registration access token for it, None if that is not offered.
    management_token: Secret | None = None
    # When the secret expires, in Unix seconds; None if it does not.
    secret_expires_at: float | None = None
    # The scopes that the registration asked for and that its response names; "" if an earlier version stored it.
    scope: str = ""

    def allows(self, scopes: tuple[str, ...]) -> bool:
        """Whether a login may ask for `scopes`: many servers refuse scopes that the client did not register with."""
        return set(scopes) <= set(self.scope.split())

    def expired(self, now: float) -> bool:
        """Whether the registration has ended, because its secret has expired."""
        return self.secret_expires_at is not None and now >= self.secret_expires_at


class Strikes(msgspec.Struct, frozen=True, kw_only=True):
    """The refreshes in a row that were refused for a reason other than the grant, and the last one of them."""

    # How many in a row.
    count: int = 0
    # When the last one was refused, in Unix seconds.
    at: float = 0.0
    # Its OAuth error code, "" if the response had none.
    code: str = ""
    # Its HTTP status, 0 for none.
    status: int = 0
    # The server's own sentence, as the end of a message (`error_text.saying`).
    said: str = ""
    # Whether the server no longer knew the bridge's registration; if False, the refusal said nothing about the grant.
    of_client: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login, or a session that a machine obtained. Times are in Unix seconds."""

    # The format of the record.
    version: int = VERSION
    # The resource identifier that the tokens are for (RFC 8707), "" if none was sent.
    resource: str
    # The issuer of the authorization server (RFC 8414).
    issuer: str
    # Where tokens are requested, from the metadata that the login validated. A refresh token goes nowhere else.
    token_endpoint: str
    # Where tokens are revoked (RFC 7009), from the same metadata; "" if there is none.
    revocation_endpoint: str = ""
    # The client that the tokens were issued to. The client of a machine holds no secret.
    client: Client
    # The scopes that were granted.
    scope: str = ""
    # The token that is sent to the MCP server.
    access: Secret
    # The refresh token, None if none was issued or the grant has ended.
    refresh: Secret | None = None
    # When the tokens were issued.
    obtained_at: float
    # When `access` expires, None if the server gave no `expires_in` (RFC 6749 section 5.1).
    expires_at: float | None = None
    # The account's name to show, "" for none.
    account: str = ""
    # All names of the account in the tokens.
    names: tuple[str, ...] = ()
    # The scopes that the login asked for.
    asked: str = ""
    # Whether a refresh has to name `asked` again.
    repeats_scope: bool = False
    # The scopes that the server refused to this login or a later one, with the same `settings`.
    denied: str = ""
    # The settings of the login (`config/auth.py`, `digest`).
    settings: str = ""
    # Which token `access` holds: the "access" token or the "id" token.
    token: str = "access"
    # The error code with which the authorization server ended the grant, "" while the grant is alive.
    ended: str = ""
    # The server's own sentence about that, as the end of a message.
    ended_saying: str = ""
    # Scopes that the MCP server has asked for since the login, for the next login to add.
    wanted: str = ""
    # The private key that the tokens are bound to (RFC 9449), None for bearer tokens.
    dpop_key: Secret | None = None
    # The origins of endpoints away from the issuer's host that the user agreed to at the login.
    agreed: tuple[str, ...] = ()
    # Organisation headers that were given with the login, as secret references; later requests carry them too
    # (`app/bridge.py`).
    headers: dict[str, Secret] = {}
    # Whether it was obtained without a user (`oauth/machine.py`), and can be obtained again.
    machine: bool = False
    # The audience that a machine asked for besides `resource`, "" for none.
    audience: str = ""
    # Whether the refresh token was presented and no response is known, because of a kill or a timeout.
    in_doubt: bool = False
    # Refusals in a row (`credentials/refresh_policy.py`).
    strikes: Strikes = Strikes()

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """The secrets that must not appear in any URL or message."""
        return self.access, self.refresh, self.client.secret, self.client.management_token, self.dpop_key

    @property
    def client_forgotten(self) -> bool:
        """Whether it ended because the authorization server no longer knew the bridge's registration."""
        return self.ended in ("invalid_client", "unauthorized_client")

    @property
    def renewable(self) -> bool:
        """Whether the bridge can get another access token without the user."""
        return self.machine or (self.refresh is not None and not self.ended)

    def due(self, now: float) -> bool:
        """Whether the access token should be replaced before its next use.

        For a short lifetime, a tenth of it is early enough: a token that lives 30 s must not be refreshed on every
        request. A session that cannot be renewed is used until it expires.
        """
        if self.expires_at is None or not self.renewable:
            return self.expired(now)
        return now >= self.expires_at - min(_LEAD, 0.1 * (self.expires_at - self.obtained_at))

    def expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at


def dump(record: Session | Client) -> str:
    """The JSON for the sealed store: the only place where the secrets of a session are written out."""
    return msgspec.json.encode(record, enc_hook=_reveal).decode()


def load_session(text: str) -> Session:
    """The inverse of `dump`. Raises `StoreError` for another version or shape."""
    session: Session = _load(text, Session)
    return session if max(map(len, (session.scope, session.wanted, session.denied))) <= LONGEST else _trimmed(session)


def _trimmed(session: Session) -> Session:
    """`session` with scopes of limited length: an earlier version kept all that a server ever named."""
    named = {key: " ".join(limit_scopes(getattr(session, key).split())) for key in ("scope", "wanted", "denied")}
    return msgspec.structs.replace(session, **named)


def load_client(text: str) -> Client:
    """The inverse of `dump`. Raises `StoreError` for another shape."""
    client: Client = _load(text, Client)
    return client


def _load(text: str, shape: type[Any]) -> Any:  # Any: msgspec returns the shape it was given
    try:
        record = msgspec.json.decode(text, type=shape, dec_hook=_conceal)
    except msgspec.MsgspecError:
        # The error's text could quote the record.
        raise StoreError("a stored login has an unknown shape", "log in again: mcp-auth-bridge login") from None
    if getattr(record, "version", VERSION) != VERSION:
        raise StoreError(
            f"a stored login was written by another version of the bridge (format {record.version})",
            "use that version, or log in again: mcp-auth-bridge login",
        )
    return record


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a session holds no {type(value).__name__}")


def _conceal(shape: type, value: object) -> object:
    if shape is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"a session holds no {shape.__name__}")
