"""What known authorization servers want beyond the specifications, as data. A profile's own settings win."""

from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.oauth.discovery import Server


class Provider(msgspec.Struct, frozen=True):
    """`hosts` are the issuer's host or a parent domain of it. `parameters` go into the authorization request.

    `takes_resource` is whether it can bear `resource` (RFC 8707); `offline_access` is whether that scope is to be asked
    for although its metadata do not list it.
    """

    hosts: tuple[str, ...]
    parameters: Mapping[str, str] = {}
    takes_resource: bool = True
    offline_access: bool = False


PROVIDERS = (
    # Without both, Google issues a refresh token at the very first consent only (peers.md, pain 5).
    Provider(("accounts.google.com",), parameters={"access_type": "offline", "prompt": "consent"}),
    # AADSTS9010010 and 901002: `resource` belongs to the first version of its protocol (peers.md, pain 11).
    Provider(
        ("login.microsoftonline.com", "ciamlogin.com", "login.windows.net"),
        takes_resource=False,
        offline_access=True,
    ),
)


def provider_of(server: Server) -> Provider:
    """What is known about the server's operator; nothing, for most."""
    host = server.authorization_endpoint.host
    for provider in PROVIDERS:
        if any(host == known or host.endswith(f".{known}") for known in provider.hosts):
            return provider
    return Provider(())


def as_wanted(server: Server, parameters: Mapping[str, str], *, resource_is_given: bool) -> Server:
    """`server` with its operator's ways, and with the profile's `parameters`, which win.

    A resource that the profile gives is sent in any case.
    """
    provider = provider_of(server)
    return msgspec.structs.replace(
        server,
        resource=server.resource if provider.takes_resource or resource_is_given else "",
        authorize_params={**provider.parameters, **parameters},
        offers_offline_access=server.offers_offline_access or provider.offline_access,
    )
