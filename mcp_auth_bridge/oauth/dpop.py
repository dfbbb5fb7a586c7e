"""DPoP, demonstrating proof of possession (RFC 9449): a session's own key, and the proofs that it signs."""

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, cast

import msgspec

from mcp_auth_bridge.effects import Entropy, Flow, ask
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.http_syntax import to_base64url
from mcp_auth_bridge.oauth.challenge import Challenge, parse_challenges
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ALGORITHM = "ES256"
"""The one algorithm that the bridge signs with: every implementation of RFC 9449 that we know accepts it."""

JTI_SIZE = 16
"""Random bytes in the identifier of a proof: RFC 9449 section 4.2 wants at least 96 bits."""

USE_NONCE = "use_dpop_nonce"
INVALID_PROOF = "invalid_dpop_proof"
CLOCK_HINT = "the clock of this machine may be wrong: compare it with another one, then try again"

_KEY_SIZE = 40  # bytes: 64 bits more than the order has, as FIPS 186-5 appendix A.2.1 says
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}")  # RFC 9449 section 8.1, with a limit


class Binding(enum.Enum):
    """Whether tokens for a resource are to be bound to a key."""

    NONE = "not both servers offer it"
    OFFERED = "both servers offer it"
    DEMANDED = "the resource accepts nothing else"


class ProofKey(msgspec.Struct, frozen=True):
    """A private key that is ready to sign, and its public half as a JWK (RFC 7517) of required members only."""

    private: "EllipticCurvePrivateKey"
    public: Mapping[str, str]

    @property
    def thumbprint(self) -> str:
        """The thumbprint by which servers know this key (RFC 7638; `cnf.jkt`, `dpop_jkt`)."""
        return _hash(msgspec.json.encode(self.public, order="sorted"))


def new_key() -> Flow[Secret]:
    """A private key on P-256 as a JWK, to be kept in the sealed store."""
    # PyJWT and cryptography are imported where something is signed: a bearer session needs neither.
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
    from jwt.algorithms import ECAlgorithm

    entropy = yield from ask(Entropy(_KEY_SIZE))
    private = derive_private_key(int.from_bytes(entropy) % (_ORDER - 1) + 1, SECP256R1())
    return Secret(ECAlgorithm.to_jwk(private))


def load_key(key: Secret) -> ProofKey:
    """The key that `new_key` made. Loading costs as much as a proof: keep the result for several proofs."""
    from jwt.algorithms import ECAlgorithm

    private = cast("EllipticCurvePrivateKey", ECAlgorithm.from_jwk(key.reveal()))
    jwk = ECAlgorithm.to_jwk(private, as_dict=True)
    return ProofKey(private, {name: jwk[name] for name in ("crv", "kty", "x", "y")})


class ProvenRequest(msgspec.Struct, frozen=True):
    """The request that a proof is for."""

    method: str
    url: Url
    # The latest nonce of the server, "" for none.
    nonce: str = ""
    # The token that is sent with it, "" for none.
    access_token: str = ""


def proof(key: ProofKey, request: ProvenRequest, now: float, jti: bytes) -> str:
    """A proof for one `request` at `now` in Unix seconds (RFC 9449 section 4.2); `jti` is fresh entropy."""
    import jwt

    claims: dict[str, str | int] = {
        "jti": to_base64url(jti),
        "htm": request.method,
        "htu": f"{request.url.origin}{request.url.path}",
        "iat": int(now),
    }
    if request.access_token:
        claims["ath"] = _hash(request.access_token.encode())
    if request.nonce:
        claims["nonce"] = request.nonce
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"typ": "dpop+jwt", "jwk": key.public})


def nonce_of(fields: Iterable[str]) -> str:
    """The nonce in the `DPoP-Nonce` fields of a response, "" if there is none that a proof could carry."""
    return next((field for field in fields if _NONCE.fullmatch(field)), "")


def challenge_error(fields: Iterable[str]) -> str:
    """The error in the DPoP challenge among the `WWW-Authenticate` fields (RFC 9449 section 7.1), "" for none."""
    return next((challenge.error for challenge in parse_challenges(fields) if challenge.scheme == "dpop"), "")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The DPoP terms that the two servers publish. Algorithms are None if the server names none."""

    # The challenge of the MCP server (RFC 9449 section 7.1).
    challenge: Challenge | None
    # Whether the MCP server's metadata demand bound tokens (RFC 9728 section 2).
    demanded: bool
    # Those of the MCP server's metadata (RFC 9728 section 2).
    resource_algorithms: Sequence[str] | None
    # Those of the authorization server's metadata (RFC 9449 section 5.1).
    server_algorithms: Sequence[str] | None


def binding(terms: Terms) -> Binding:
    """Whether to bind tokens. Raises `TheirProtocolError` if that is demanded with algorithms that the bridge lacks."""
    named = terms.challenge.parameters.get("algs", "").split() if terms.challenge is not None else []
    resource, server = named or terms.resource_algorithms, terms.server_algorithms
    # A challenge of this scheme means that there was none for a bearer token (`challenge.choose_challenge`).
    if terms.demanded or (terms.challenge is not None and terms.challenge.scheme == "dpop"):
        _check(resource, "the MCP server")
        _check(server, "the authorization server")
        return Binding.DEMANDED
    offered = ALGORITHM in (resource or ()) and ALGORITHM in (server or ())
    return Binding.OFFERED if offered else Binding.NONE


def _check(algorithms: Sequence[str] | None, who: str) -> None:
    if algorithms is not None and ALGORITHM not in algorithms:
        raise TheirProtocolError(
            f"the MCP server demands tokens bound to a key (DPoP), but {who} does not accept {ALGORITHM} signatures",
            f"its operator has to add {ALGORITHM} to dpop_signing_alg_values_supported (RFC 9449)",
        )


def _hash(data: bytes) -> str:
    return to_base64url(sha256(data).digest())
