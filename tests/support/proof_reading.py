"""A key for proofs (RFC 9449), and a proof as a server reads it."""

from peers.proofs import digest, verified
from playing import play

from mcp_auth_bridge.oauth.dpop import (
    new_key,
)
from mcp_auth_bridge.urls import Purpose, gate

MCP = gate("https://mcp.example:8443/mcp?tenant=7", Purpose.SERVER)


KEY = play(new_key(), [("entropy 40", bytes(range(40)))])


def read(text, *, nonce="", access_token=""):
    """The header and the claims of a proof, verified with the key that it names as a server does."""
    header, claims = verified(text)
    assert claims.get("nonce", "") == nonce
    assert claims.get("ath", "") == (digest(access_token.encode()) if access_token else "")
    return header, claims


def make(entropy):
    return play(new_key(), [("entropy 40", entropy)])
