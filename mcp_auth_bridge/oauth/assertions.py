"""Client authentication with a private key: `private_key_jwt` (RFC 7523 section 2.2, OpenID Connect Core 9)."""

from typing import TYPE_CHECKING, Any, cast

import msgspec

from mcp_auth_bridge.effects import Entropy, Flow, Now, ask
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.http_syntax import to_base64url
from mcp_auth_bridge.oauth.session import Client, SigningKey
from mcp_auth_bridge.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2."""

_LIFETIME = 120
"""Seconds: enough for a slow network and clocks that differ, and too short to be worth stealing."""

_JTI_SIZE = 16
_SMALLEST_RSA = 2048  # bits, as RFC 7518 section 3.3 demands

# The algorithms of each kind of key (RFC 7518 section 3.1, RFC 8037 section 3.1), the most common one first.
_RSA = ("RS256", "PS256")
_CURVES = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}
_ED25519 = ("EdDSA",)

_FORMS = "a private key is RSA, EC (P-256, P-384, P-521) or Ed25519, in PEM or as one JWK"


class ClientKey(msgspec.Struct, frozen=True):
    """A private key that is ready to sign. `id` is its `kid`, "" if it has none."""

    private: "PrivateKey"
    algorithm: str
    id: str


def client_assertion(client: Client) -> Flow[Secret]:
    """A new, signed assertion that proves `client`. Raises `ConfigError` if its private key cannot be used.

    The audience is the issuer (draft-ietf-oauth-rfc7523bis section 4, and MCP), unless the key's settings name another.
    """
    # PyJWT is imported where something is signed (docs/architecture.md, "Cold start").
    import jwt

    assert client.signing is not None, "the method says so"  # noqa: S101 - a fact, not a check
    key = load_key(client.signing)
    jti = yield from ask(Entropy(_JTI_SIZE))
    now = int((yield from ask(Now())))
    claims: dict[str, str | int] = {
        "iss": client.id,
        "sub": client.id,
        "aud": client.signing.audience or client.issuer,
        "jti": to_base64url(jti),
        "iat": now,
        "exp": now + _LIFETIME,
    }
    headers = {"kid": key.id} if key.id else None
    return Secret(jwt.encode(claims, key.private, algorithm=key.algorithm, headers=headers))


def load_key(signing: SigningKey) -> ClientKey:
    """Load the key in the configuration. Raises `ConfigError`, which never repeats any part of it."""
    text = signing.key.reveal().strip()
    named = _members(text) if text.startswith("{") else {}
    private = _load_jwk(text) if text.startswith("{") else _load_pem(text)
    algorithm = signing.algorithm or named.get("alg", "")
    fitting = fitting_algorithms(private)
    if algorithm and algorithm not in fitting:
        raise ConfigError(
            f"the private key cannot sign with {quoted(algorithm)}", f"set algorithm to one of: {', '.join(fitting)}"
        )
    return ClientKey(private, algorithm or fitting[0], signing.key_id or named.get("kid", ""))


def with_accepted_algorithm(signing: SigningKey, advertised: tuple[str, ...]) -> SigningKey:
    """`signing` with an algorithm that the server advertises, if neither the configuration nor the key names one.

    `advertised` is `token_endpoint_auth_signing_alg_values_supported` (RFC 8414 section 2), () if it is absent.
    """
    key = load_key(signing)
    named = signing.algorithm or key.algorithm in advertised
    better = () if named else [name for name in fitting_algorithms(key.private) if name in advertised]
    return msgspec.structs.replace(signing, algorithm=next(iter(better), key.algorithm))


def fitting_algorithms(private: "PrivateKey") -> tuple[str, ...]:
    """The algorithms with which a key can sign, the most usual one first. Raises `ConfigError` if there are none."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    match private:
        case RSAPrivateKey() if private.key_size >= _SMALLEST_RSA:
            return _RSA
        case RSAPrivateKey():
            raise ConfigError("the private key is too short", f"RSA keys have at least {_SMALLEST_RSA} bits")
        case EllipticCurvePrivateKey() if private.curve.name in _CURVES:
            return _CURVES[private.curve.name]
        case Ed25519PrivateKey():
            return _ED25519
    raise ConfigError("keys of this kind cannot sign assertions", _FORMS)


def _load_pem(text: str) -> "PrivateKey":
    """Load PKCS#8, PKCS#1 or SEC1. Raises `ConfigError`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return cast("PrivateKey", load_pem_private_key(text.encode(), password=None))
    except TypeError:
        raise ConfigError(
            "the private key is encrypted with a passphrase",
            "store it decrypted where only you can read it, or use command: with a program that prints it decrypted",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable_key_error(text) from None


def _unreadable_key_error(text: str) -> ConfigError:
    if "PUBLIC KEY-----" in text or "CERTIFICATE-----" in text:
        return ConfigError("this is a public key or certificate, not a private key", _FORMS)
    if r"\n" in text:
        return ConfigError("the private key holds \\n instead of line ends", "put it into a file, as file:PATH")
    return ConfigError("the private key cannot be read", _FORMS)


def _load_jwk(text: str) -> "PrivateKey":
    """Load a JWK (RFC 7517, RFC 8037). Raises `ConfigError`: PyJWT's errors would quote the key."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    members = _members(text)
    if "keys" in members:
        raise ConfigError("the private key is a set of keys", "give one JWK of the set instead")
    if "d" not in members:
        raise ConfigError("this JWK is not a private key: it has no member d", _FORMS)
    try:
        return cast("PrivateKey", PyJWK(members).key)
    except (PyJWTError, ValueError, TypeError):
        raise ConfigError("the private key is not a usable JWK", _FORMS) from None


def _members(text: str) -> dict[str, Any]:  # Any: a JWK may hold any JSON
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ConfigError("the private key starts like a JWK, but is not a JSON object", _FORMS) from None
