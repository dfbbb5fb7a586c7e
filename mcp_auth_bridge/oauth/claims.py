"""What a token says about itself: for display only, nothing is ever decided on it."""

from typing import Any

_NAMES = ("email", "preferred_username", "upn", "name", "sub")


def account_of(*tokens: str | None) -> str:
    """Whom the first readable token names, without control characters and at most 80 characters; "" if none does.

    The signature is not verified: the token came from its issuer over TLS, and the name is only shown.
    """
    for token in tokens:
        claims = unverified(token or "")
        for name in _NAMES:
            if isinstance(claims.get(name), str) and claims[name]:
                return "".join(char for char in claims[name] if char.isprintable())[:80]
    return ""


def unverified(token: str) -> dict[str, Any]:
    """The claims of a JWT (RFC 7519), {} for an opaque token. Any: a claim may be any JSON."""
    if token.count(".") != 2:
        return {}
    # Imported here because only login and diagnosis look inside a token (docs/architecture.md, "Cold start").
    import jwt

    try:
        return jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return {}
