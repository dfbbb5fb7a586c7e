"""The management of a registration: reading it, and ending it (RFC 7592)."""

import re

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MANAGEMENT_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:-]{1,16384}")
"""A bearer token (RFC 6750 section 2.1), with a limit of length, and with the colons of Cloudflare's tokens."""


class _CurrentRegistration(msgspec.Struct):
    """RFC 7592 section 3, the members that may change."""

    client_id: str
    registration_access_token: str | None = None


def unregister(client: Client) -> Flow[bool]:
    """End a registration (RFC 7592 section 2.3). Returns whether it is gone; False if the server does not offer that.

    Raises what `Fetch` raises, and `ProtocolError` if it is refused.
    """
    if client.management_token is None:
        return False
    endpoint = gate(client.management_uri, Purpose.REGISTRATION)
    response = yield from ask(Fetch(endpoint, _management_headers(client), method="DELETE"))
    if response.status in (405, 501):
        return False
    if response.status not in (200, 202, 204) and not _says_gone(response):
        raise documents.refusal_error(response, endpoint, "to delete the registration of this bridge")
    return True


def read_registration(client: Client) -> Flow[Client | None]:
    """Return the public `client` as it is registered now (RFC 7592 section 2.1), or None if its registration is gone.

    A read may renew the registration's token, which makes the old one invalid. Raises what `Fetch` raises, and
    `ProtocolError` if the registration cannot be read.
    """
    endpoint = gate(client.management_uri, Purpose.REGISTRATION)
    headers = {**_management_headers(client), "accept": "application/json"}
    response = yield from ask(Fetch(endpoint, headers, redirects=0))
    if _says_gone(response):
        return None
    if response.status != 200:
        raise documents.refusal_error(response, endpoint, "to show the registration of this bridge")
    found = documents.read(response, _CurrentRegistration, endpoint, "the registration")
    if found.client_id != client.id:
        raise TheirProtocolError(f"{endpoint.origin} shows the registration of another client")
    token = found.registration_access_token or ""
    if not MANAGEMENT_TOKEN.fullmatch(token):
        return client
    return msgspec.structs.replace(client, management_token=Secret(token))


def _says_gone(response: Response) -> bool:
    """Whether the registration is gone: 401 (RFC 7592 section 2), from Authlib (1.9, so canaille) `access_denied`."""
    return response.status in (401, 404) or (
        response.status == 400 and documents.error_code(response) == "access_denied"
    )


def _management_headers(client: Client) -> dict[str, Secret | str]:
    """The registration's own token as a bearer token (RFC 7592 section 2)."""
    assert client.management_token is not None, "the caller looked"  # noqa: S101 - a fact, not a check
    return {"authorization": Secret(f"Bearer {client.management_token.reveal()}")}
