"""An origin on loopback with an MCP endpoint at /mcp and any documents beside it: a server for one fault of its OAuth.

site.guard()                                    # /mcp wants the token GOOD
site.publishes()                                # the metadata of RFC 9728 and RFC 8414, all of it correct
site.documents[SERVER_METADATA] = page(503)     # … but this
"""

import email.utils
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt
from faults.server import Exchange, FaultServer, Made, plain, whole

RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
SERVER_METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
GOOD = "opaque-token-that-is-good-7c1e"
KEY = "the key with which this site signs its tokens"

NOT_FOUND = whole(404, b"text/plain", b"not found")

Answer = bytes | Callable[[Exchange], bytes] | Sequence[Any]


class Site(FaultServer):
    """`documents` maps a path to its answer; `endpoint`, if set, answers every request to /mcp that is not for OPTIONS.

    `default` answers at all other paths. `skew` is added to the site's clock, in seconds.
    """

    def __init__(self, era: str = "legacy", tls: Any = None, name: str = "127.0.0.1") -> None:
        super().__init__(era)
        self._tls = tls
        self._name = name
        self.documents: dict[str, Answer] = {}
        self.endpoint: Callable[[Exchange], bytes | Sequence[Any] | None] | None = None
        self.default: Answer = NOT_FOUND
        self.preflight: bytes | None = None
        self.skew = 0.0
        self.path = "/mcp"

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._name}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}"

    def guard(
        self, accepts: Callable[[str], bool] = lambda token: token == GOOD, refusal: Answer | None = None
    ) -> None:
        """Refuse a request whose bearer token it does not accept, with `refusal` or a challenge (RFC 9728)."""

        def refuse(exchange: Exchange) -> Any:
            token = exchange.headers.get("authorization", "").partition(" ")[2]
            return None if token and accepts(token) else answered(refusal or self.challenge, exchange)

        self.endpoint = refuse

    def challenge(self, exchange: Exchange) -> bytes:
        """401 with a challenge that names the metadata, as RFC 9728 section 5.1 says."""
        place = f'Bearer resource_metadata="{self.origin}{RESOURCE_METADATA}{self.path}"'
        return whole(401, b"text/plain", b"no", b"WWW-Authenticate: " + place.encode())

    def publishes(self, **changes: Any) -> None:
        """Publish both metadata documents; `changes` are members of the authorization server's, None leaves one out."""
        self.documents[f"{RESOURCE_METADATA}{self.path}"] = document(self.resource())
        self.documents[SERVER_METADATA] = document(self.metadata(**changes))
        self.documents["/authorize"] = page(400, "Bad request")
        self.documents["/token"] = document({"error": "invalid_request"}, 400)
        self.documents["/register"] = document({"error": "invalid_client_metadata"}, 400)

    def resource(self, **changes: Any) -> dict[str, Any]:
        return changed({"resource": self.url, "authorization_servers": [self.origin]}, changes)

    def metadata(self, **changes: Any) -> dict[str, Any]:
        members = {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "registration_endpoint": f"{self.origin}/register",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }
        return changed(members, changes)

    def token(self, **changes: Any) -> str:
        """A JWT that this site has signed, good for ten minutes."""
        now = time.time() + self.skew
        claims = {"iss": self.origin, "aud": self.url, "sub": "jane-of-accounting", "exp": int(now) + 600}
        return jwt.encode(changed(claims, changes), KEY, "HS256")

    def verifies(self, token: str) -> bool:
        """Whether `token` is such a JWT, for this site, and good by this site's clock."""
        try:
            claims = jwt.decode(token, KEY, ["HS256"], options={"verify_aud": False, "verify_exp": False})
        except jwt.InvalidTokenError:
            return False
        right = claims.get("iss") == self.origin and self.url in (claims.get("aud"), *claims.get("aud", ()))
        return right and claims.get("exp", 0) > time.time() + self.skew

    def _script(self, exchange: Exchange) -> Sequence[Any]:
        script = self._undated(exchange)
        return [self._dated(script[0], exchange), *script[1:]] if self.skew else script

    def _undated(self, exchange: Exchange) -> Sequence[Any]:
        path = exchange.target.partition("?")[0]
        if path != self.path:
            return _script(answered(self.documents.get(path, self.default), exchange))
        if exchange.verb == "OPTIONS":
            return [self.preflight or whole(405, b"text/plain", b"no")]
        if self.endpoint is not None and (said := self.endpoint(exchange)) is not None:
            return _script(said)
        return super()._script(exchange)

    def _dated(self, step: Any, exchange: Exchange) -> Any:
        sent = step(exchange) if isinstance(step, Made) else step
        date = email.utils.formatdate(time.time() + self.skew, usegmt=True)
        return sent.replace(b"\r\n", b"\r\nDate: " + date.encode() + b"\r\n", 1) if isinstance(sent, bytes) else sent


def _script(answer: Any) -> Sequence[Any]:
    return [answer] if isinstance(answer, bytes) else answer


def answered(answer: Answer, exchange: Exchange) -> Any:
    return answer(exchange) if callable(answer) else answer


def changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def document(members: Any, status: int = 200) -> bytes:
    return plain(json.dumps(members).encode(), status)


def page(status: int = 200, title: str = "Just a moment...", *headers: bytes) -> bytes:
    """A web page, such as that of a firewall or of a proxy."""
    return whole(status, b"text/html", f"<html><title>{title}</title></html>".encode(), *headers)


def moved(status: int, place: str) -> bytes:
    return whole(status, b"text/plain", b"", b"Location: " + place.encode())
