"""The rules of trust for URLs that servers name: which may be used, and when the user has to agree first.

The MCP server names an authorization server, which names its endpoints; each server could be hostile. Three rules:

- an address must not be nearer than the MCP server's own (`confine`, `oauth/address_zones.py`);
- the user has to agree to an authorization server that is not the last login's (`check_issuer`);
- the user has to agree to an endpoint away from its issuer's host (`check_endpoints`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from mcp_auth_bridge.effects import Agree, Authorize, Effect, Fetch, Flow, Show, ask
from mcp_auth_bridge.errors import BridgeError, ConfigError, UrlRefused, copyable_url, quoted
from mcp_auth_bridge.oauth.address_zones import Address, Zone, addresses_within, parse_address, reach_of, zone_of
from mcp_auth_bridge.oauth.related_hosts import are_related, is_subdomain
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.urls import Purpose, Url, gate

R = TypeVar("R")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Which servers the configuration, the command line and the last login trust with a login to one MCP server."""

    # The MCP server.
    server: Url
    # The URL of its protected-resource metadata, "" if none is configured.
    resource_metadata: str = ""
    # The one issuer that metadata may name although they were found at another one's URL, "" for none.
    trusted_issuer: str = ""
    # The configured issuer, "" if discovery is to find it.
    issuer: str = ""
    # The origins of its configured endpoints.
    endpoints: tuple[str, ...] = ()
    # The issuers and origins that the user has agreed to in advance.
    agreed: tuple[str, ...] = ()
    # The login before this one, None for the first.
    last: Session | None = None

    @property
    def was_at_trusted_issuer(self) -> bool:
        """Whether the last login was at the issuer that metadata found elsewhere may name."""
        return self.last is not None and self.last.issuer == self.trusted_issuer

    @property
    def own_origins(self) -> frozenset[str]:
        """The origins that the configuration names."""
        named = (self.resource_metadata, self.trusted_issuer, self.issuer, *self.endpoints)
        return frozenset(gate(text, Purpose.ISSUER).origin for text in named if text)


_OF_A_LOGIN = (Purpose.AUTHORIZATION, Purpose.DEVICE, Purpose.TOKEN)
"""The endpoints where a login begins, and the one where it ends, which gets the code."""


def same_issuer(found: str, expected: str) -> bool:
    """Whether both issuers are equal (RFC 8414 section 3.3) but for the root's slash: Google and FastMCP differ."""
    root = found.removesuffix("/")
    return found == expected or (root == expected.removesuffix("/") and root.count("/") == 2)


def choose_issuer(issuers: list[str], trust: Trust) -> str:
    """Choose one of the `issuers` (RFC 9728 section 7.6): the one that knows the bridge, else the first."""
    known = (trust.issuer, trust.last.issuer if trust.last else "", trust.trusted_issuer)
    return next((issuer for name in known for issuer in issuers if name and same_issuer(issuer, name)), issuers[0])


def check_configured(named: list[str], trust: Trust) -> None:
    """Raise `ConfigError` if a server has `named` authorization servers, but not the configured one."""
    if named and trust.issuer and not any(same_issuer(issuer, trust.issuer) for issuer in named):
        raise ConfigError(
            f"{trust.server.origin} takes tokens of {quoted(', '.join(named))}, not of the configured issuer"
            f" {quoted(trust.issuer)}",
            "correct issuer under auth for this server; if its metadata are wrong, set token_endpoint beside issuer",
        )


def check_issuer(issuer: str, trust: Trust) -> Flow[None]:
    """Ask the user to agree to a login at `issuer`, if the last login was elsewhere.

    Raises `LoginRequired` unless the user agrees.
    """
    last = trust.last
    if last is None or any(same_issuer(issuer, known) for known in (last.issuer, trust.issuer, trust.trusted_issuer)):
        return
    name = gate(issuer, Purpose.ISSUER).resource
    if name not in trust.agreed:
        question = (
            f"{trust.server.origin} now wants logins at {quoted(name)}; the last one was at {quoted(last.issuer)}"
        )
        yield from ask(Agree(question, _trust_options([name])))


def check_endpoints(issuer: str, endpoints: Mapping[Purpose, Url], trust: Trust) -> Flow[tuple[str, ...]]:
    """Return the origins of `endpoints` away from the host of `issuer`, once the user has agreed to each of them.

    The bridge does not ask again about an origin to which the user agreed in advance or at the last login. Raises
    `LoginRequired` unless the user agrees.

    A hostile issuer may send people to an honest one's login page and have the code sent to itself, or the other way
    round. Endpoints at a parent domain of the issuer's host need no question if the login both begins and ends there.
    """
    home = gate(issuer, Purpose.ISSUER)
    whole = len({endpoints[purpose].origin for purpose in _OF_A_LOGIN if purpose in endpoints}) == 1
    away = {
        purpose: url.origin
        for purpose, url in endpoints.items()
        if not (_is_at_home(url, home) or (whole and is_subdomain(home.host, url.host)))
    }
    agreed = {*trust.agreed, *_agreed_at_last_login(issuer, trust.last)}
    new = {purpose: origin for purpose, origin in away.items() if origin not in agreed}
    if new:
        places = ", ".join(f"{purpose.value} is at {origin}" for purpose, origin in new.items())
        question = (
            f"{trust.server.origin} signs in at {quoted(issuer)}, but {places}, away from there; "
            f"the code of the login goes to {endpoints[Purpose.TOKEN].origin}"
        )
        yield from ask(Agree(question, _trust_options(new.values())))
    return tuple(dict.fromkeys(away.values()))


def confine(flow: Flow[R], trust: Trust) -> Flow[R]:
    """Run `flow`, and raise `UrlRefused` in it for a request, or a page for the user, outside the zones.

    Only literal addresses can be judged here. Names are judged when the shell resolves them; for that, each `Fetch`
    says which MCP server led to it.
    """
    own = trust.own_origins
    try:
        effect = next(flow)
        while True:
            try:
                result = yield _confine_effect(effect, trust.server, own)
            except BridgeError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as end:
        value: R = end.value
        return value
    finally:
        flow.close()


def filter_addresses(addresses: Sequence[Address], reach: Zone, url: Url, server: Url | None) -> list[Address]:
    """Filter the `addresses` of `url` to those that a server within `reach` may lead to.

    `server` is the MCP server that leads there, None for the user's configuration. Raises `UrlRefused` if no address is
    left.
    """
    if not addresses_within(addresses, Zone.LOOPBACK):
        raise UrlRefused(
            f"{url.origin} is at an address that is never connected to",
            "the address is link-local, reserved or multicast, or a cloud's metadata service",
        )
    if found := addresses_within(addresses, reach):
        return found
    origin = server.origin if server else "the configuration"
    place = "this machine" if reach_of(addresses) is Zone.LOOPBACK else "your own network"
    raise UrlRefused(
        f"{origin} points to {url.origin}, which is an address on {place}",
        f'if that is right, set auth = {{ kind = "browser", trusted_issuer = "{url.origin}" }} for this server;'
        " for a machine, set token_endpoint",
    )


def _confine_effect(effect: Effect[Any], server: Url, own: frozenset[str]) -> Effect[Any]:
    if isinstance(effect, Fetch) and effect.url.origin not in own:
        if not _reads_own_document(effect, server):
            _check_url(effect.url, server)
        return msgspec.structs.replace(effect, led_by=server)
    if isinstance(effect, Authorize | Show):
        page = gate(effect.url, Purpose.AUTHORIZATION)
        if page.origin not in own:
            _check_url(page, server)
        return msgspec.structs.replace(effect, url=str(page))
    return effect


def _reads_own_document(effect: Fetch, server: Url) -> bool:
    """Whether `effect` reads a document of a server at plain http: nothing else may be fetched there."""
    reads = effect.method == "GET" and effect.form is None and effect.document is None
    return reads and server.is_plain and effect.url.origin == server.origin


def _check_url(url: Url, server: Url) -> None:
    if url.scheme == "http" and not server.is_loopback:
        raise UrlRefused(
            f"a login to {server.origin} would go to {url.origin}, where nothing is encrypted",
            "its operator has to put the authorization server behind https, to which allow_http does not apply;"
            " http is for servers on this machine that name others on it",
        )
    address = parse_address(url.host)
    if address is not None:
        filter_addresses([address], _reach(server), url, server)


def _reach(server: Url) -> Zone:
    """Where `server` may lead, as far as that can be known without resolving its name."""
    address = parse_address(server.host)
    return zone_of(address) if address else Zone.LOOPBACK


def _is_at_home(endpoint: Url, issuer: Url) -> bool:
    if issuer.is_loopback:
        return endpoint.origin == issuer.origin  # each port of this machine may be another user's
    return are_related(issuer.host, endpoint.host)


def _agreed_at_last_login(issuer: str, last: Session | None) -> Iterable[str]:
    if last is None or not same_issuer(issuer, last.issuer):
        return ()
    endpoints = (gate(text, Purpose.TOKEN).origin for text in (last.token_endpoint, last.revocation_endpoint) if text)
    return (*last.agreed, *endpoints)


def _trust_options(names: Iterable[str]) -> str:
    """The options that agree to `names` in advance. A server chose the names, and the user pastes them into a shell, so
    they are made safe to copy.
    """
    return " ".join(f"--trust {copyable_url(name)}" for name in dict.fromkeys(names))
