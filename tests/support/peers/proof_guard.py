"""An ASGI layer that requires a proof for each access token (RFC 9449 section 7), around a bearer-token server."""

import secrets
import time
from collections import deque

import jwt
from proofs import digest, thumbprint, verified
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WINDOW = 300  # seconds before and after the server's clock


class ProofGuard:
    """Wraps `app` with its only protected resource `resource`. Every response has a nonce; the last few are valid."""

    def __init__(self, app: ASGIApp, resource: str) -> None:
        self._app = app
        self._resource = resource
        self._nonces: deque[str] = deque(maxlen=16)
        self._identifiers: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/mcp":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        scheme, _, token = headers.get("authorization", "").partition(" ")
        fault = self._fault(scope["method"], scheme, token, headers.get("dpop", "")) if token else ""
        nonce = secrets.token_urlsafe()
        self._nonces.append(nonce)

        async def challenging_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*map(_in_our_scheme, message["headers"]), (b"dpop-nonce", nonce.encode())]
            await send(message)

        if fault:
            challenge = {"WWW-Authenticate": f'DPoP algs="ES256", error="{fault}"', "DPoP-Nonce": nonce}
            await JSONResponse({"error": fault}, 401, challenge)(scope, receive, send)
            return
        rest = [(name, value) for name, value in scope["headers"] if name not in (b"authorization", b"dpop")]
        own = [(b"authorization", f"Bearer {token}".encode())] if token else []
        await self._app({**scope, "headers": [*rest, *own]}, receive, challenging_send)

    def _fault(self, method: str, scheme: str, token: str, proof: str) -> str:
        try:
            header, claims = verified(proof)
            bound = jwt.decode(token, options={"verify_signature": False})["cnf"]["jkt"]  # the app verifies the token
            assert (scheme, bound) == ("DPoP", thumbprint(header["jwk"]))
            assert (claims["htm"], claims["htu"], claims["ath"]) == (method, self._resource, digest(token.encode()))
            assert abs(claims["iat"] - time.time()) < WINDOW
            assert claims["jti"] not in self._identifiers
        except (AssertionError, KeyError, jwt.InvalidTokenError):
            return "invalid_dpop_proof"
        self._identifiers.add(claims["jti"])
        return "" if claims.get("nonce") in self._nonces else "use_dpop_nonce"


def _in_our_scheme(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    return (name, value.replace(b"Bearer ", b"DPoP ", 1)) if name.lower() == b"www-authenticate" else header
