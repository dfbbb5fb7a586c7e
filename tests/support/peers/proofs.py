"""A server's checks of a proof of possession (RFC 9449 section 4.3), with PyJWT and without code of the bridge."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jwt


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The JWK thumbprint (RFC 7638)."""
    canonical = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return digest(json.dumps(canonical, separators=(",", ":")).encode())


def verified(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a `proof`, after its signature is verified with the public key in it."""
    header = jwt.get_unverified_header(proof)
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert set(header["jwk"]) == {"kty", "crv", "x", "y"}, "the header holds only the public key"
    key = jwt.PyJWK(header["jwk"], "ES256")
    return header, jwt.decode(proof, key, algorithms=["ES256"], options={"verify_iat": False})
