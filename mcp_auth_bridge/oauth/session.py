"""What is remembered between runs: a session with everything its refresh needs, and the client it belongs to."""

from typing import Any

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.scopes import LONGEST, fitting
from mcp_auth_bridge.secret import Secret

VERSION = 1

CLIENTS = "client "
"""The prefix under which a store keeps the newest registration at each issuer, for later logins."""

SHARED = "shared "
"""The prefix under which a store notes that a registration is another machine's too: "shared ISSUER ID"."""

SESSIONS = "session "
"""The prefix under which a store keeps sessions: "session NAME URL"."""

MACHINES = "machine "
"""The prefix under which a store keeps what machines obtained: "machine NAME URL FINGERPRINT"
(`app/machine_plan.py`).
"""

_LEAD = 60.0
"""Seconds before its end at which an access token counts as due: golang/oauth2 takes 10, a slow network wants more."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key in PEM or as a JWK, with which a client proves who it is (`oauth/assertions.py`).

    `algorithm` and `key_id` are "" for what the key itself says, `audience` for the issuer.
    """

    key: Secret
    algorithm: str = ""
    key_id: str = ""
    audience: str = ""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """What the bridge is to one authorization server (RFC 7591).

    `auth_method` is a `token_endpoint_auth_method`, or a spelling of one (`oauth/client_auth.py`). `other_methods` are
    to be tried after it, in this order; () once the server has accepted one, and where somebody configured it.

    `id` is "" where a grant needs no client (RFC 7521 section 4.1). `signing` is the key of `private_key_jwt`.

    `registered` is whether the bridge registered it itself, so that the registration is the bridge's to keep.
    `management_uri` and `management_token` are how the registration can be ended (RFC 7592), "" and None where that is
    not offered. `secret_expires_at` is in Unix seconds, None for a secret that stays. `scope` are the scopes that the
    registration asked for and those that its answer names; "" for one that an earlier version stored.
    """

    issuer: str
    id: str
    secret: Secret | None = None
    signing: SigningKey | None = None
    auth_method: str = "none"
    other_methods: tuple[str, ...] = ()
    redirect_uri: str = ""
    registered: bool = True
    management_uri: str = ""
    management_token: Secret | None = None
    secret_expires_at: float | None = None
    scope: str = ""

    def allows(self, scopes: tuple[str, ...]) -> bool:
        """Whether a login may ask for `scopes`: many servers refuse a client what it did not register with."""
        return set(scopes) <= set(self.scope.split())

    def expired(self, now: float) -> bool:
        """Whether the registration is over, because its secret is."""
        return self.secret_expires_at is not None and now >= self.secret_expires_at


class Strikes(msgspec.Struct, frozen=True, kw_only=True):
    """Refreshes in a row that were refused without a word about the grant: how many, and the last one's particulars.

    `at` is Unix seconds; `code` an OAuth error code, "" where the answer was none; `said` the server's own sentence as
    the end of a message (`remarks.saying`); `of_client` whether it was our registration that was not known, or the
    grant's fate that was left open.
    """

    count: int = 0
    at: float = 0.0
    code: str = ""
    status: int = 0
    said: str = ""
    of_client: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login. Times are Unix seconds; `expires_at` is None where the server gave no `expires_in` (RFC 6749 5.1).

    `token_endpoint` and `revocation_endpoint` are those of the metadata that the login validated: a refresh token never
    goes anywhere else. `ended` is the error code with which the authorization server gave up the grant, "" while it
    honours it, and `ended_saying` what it said for people then, as the end of a message. `wanted` are scopes that the
    MCP server has asked for in between, for later logins to add. `dpop_key` is the private key that the tokens are
    bound to (RFC 9449), None where they are bearer tokens.

    `names` is all that the tokens call their account, `account` the one to show. `asked` are the scopes that the login
    asked for, `scope` those that it got; a refresh names the former again where `repeats_scope`. `denied` are
    scopes with which this login or a later one was refused, under the `settings` (`auth_settings.digest`). `token` is
    which one `access` holds, the "access" token or the "id" token.

    `agreed` are the origins of endpoints away from the issuer's host that the login was agreed to reach.

    `machine`: it was obtained without a person (`oauth/machine.py`), and is again; `audience` is what it was asked for
    beside the `resource`. Its `client` holds no secret.

    `headers` are organisation headers that were given with the login, as secret references; later requests carry them
    too (`app/bridge.py`).

    `in_doubt`: the refresh token was presented and no answer is known, because of a kill or a timeout. `strikes` are
    those of `credentials/refresh_policy.py`.
    """

    version: int = VERSION
    resource: str
    issuer: str
    token_endpoint: str
    revocation_endpoint: str = ""
    client: Client
    scope: str = ""
    access: Secret
    refresh: Secret | None = None
    obtained_at: float
    expires_at: float | None = None
    account: str = ""
    names: tuple[str, ...] = ()
    asked: str = ""
    repeats_scope: bool = False
    denied: str = ""
    settings: str = ""
    token: str = "access"
    ended: str = ""
    ended_saying: str = ""
    wanted: str = ""
    dpop_key: Secret | None = None
    agreed: tuple[str, ...] = ()
    headers: dict[str, Secret] = {}
    machine: bool = False
    audience: str = ""
    in_doubt: bool = False
    strikes: Strikes = Strikes()

    @property
    def secrets(self) -> tuple[Secret | None, ...]:
        """What must appear in no URL and in no sentence."""
        return self.access, self.refresh, self.client.secret, self.client.management_token, self.dpop_key

    @property
    def client_forgotten(self) -> bool:
        """Whether it was our registration that the authorization server no longer knew."""
        return self.ended in ("invalid_client", "unauthorized_client")

    @property
    def renewable(self) -> bool:
        """Whether there is a way to another access token that needs no person."""
        return self.machine or (self.refresh is not None and not self.ended)

    def due(self, now: float) -> bool:
        """Whether the access token should be replaced before its next use.

        A tenth of a short life is lead enough: a token that lives 30 s must not be refreshed on every request. Without
        a way to renew it there is nothing to be early for.
        """
        if self.expires_at is None or not self.renewable:
            return self.expired(now)
        return now >= self.expires_at - min(_LEAD, 0.1 * (self.expires_at - self.obtained_at))

    def expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at


def dump(record: Session | Client) -> str:
    """JSON for the sealed store: the one place where the secrets of a session are written out."""
    return msgspec.json.encode(record, enc_hook=_reveal).decode()


def load_session(text: str) -> Session:
    """The inverse of `dump`. Raises `StoreError` on another version or shape."""
    session: Session = _load(text, Session)
    return session if max(map(len, (session.scope, session.wanted, session.denied))) <= LONGEST else _trimmed(session)


def _trimmed(session: Session) -> Session:
    """`session` with scopes of a bearable length: an earlier version kept all that a server ever named."""
    named = {key: " ".join(fitting(getattr(session, key).split())) for key in ("scope", "wanted", "denied")}
    return msgspec.structs.replace(session, **named)


def load_client(text: str) -> Client:
    """The inverse of `dump`. Raises `StoreError` on another shape."""
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
