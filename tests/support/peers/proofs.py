"""What a server checks in a proof of possession (RFC 9449 section 4.3), with PyJWT and nothing of the bridge's."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jwt


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638."""
    canonical = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return digest(json.dumps(canonical, separators=(",", ":")).encode())


def verified(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a `proof`, whose signature is by the public key that it holds."""
    header = jwt.get_unverified_header(proof)
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert set(header["jwk"]) == {"kty", "crv", "x", "y"}, "the public half and nothing else"
    key = jwt.PyJWK(header["jwk"], "ES256")
    return header, jwt.decode(proof, key, algorithms=["ES256"], options={"verify_iat": False})
