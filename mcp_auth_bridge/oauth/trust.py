"""Which URLs of somebody else's making may be used, and when a person has to say yes first.

The MCP server names an authorization server, and that one names its endpoints; each could be hostile. Three rules:
an address may be no nearer than the MCP server's own (`confined`, `zones`); another authorization server than the last
login's wants a person's yes (`check_issuer`); so does an endpoint away from its issuer's host (`check_endpoints`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from mcp_auth_bridge.effects import Agree, Authorize, Effect, Fetch, Flow, Show, ask
from mcp_auth_bridge.errors import BridgeError, ConfigError, UrlRefused, offered, quoted
from mcp_auth_bridge.oauth.address_zones import Address, Zone, literal, reach_of, within, zone_of
from mcp_auth_bridge.oauth.related_hosts import above, akin
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.urls import Purpose, Url, gate

R = TypeVar("R")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to trust with a login to `server`: what the configuration, the command line and the `last` login say.

    `resource_metadata` is where the server's metadata are, `trusted_issuer` the one issuer that metadata may name
    although they were found under another, `issuer` the configured one, with its `endpoints` where these are configured
    too: they are the user's will. `agreed` are the issuers and origins that were agreed to in advance.
    """

    server: Url
    resource_metadata: str = ""
    trusted_issuer: str = ""
    issuer: str = ""
    endpoints: tuple[str, ...] = ()
    agreed: tuple[str, ...] = ()
    last: Session | None = None

    @property
    def was_at_trusted_issuer(self) -> bool:
        """Whether the last login was at the issuer which metadata found elsewhere may name."""
        return self.last is not None and self.last.issuer == self.trusted_issuer

    @property
    def own_origins(self) -> frozenset[str]:
        """The origins that the configuration names."""
        named = (self.resource_metadata, self.trusted_issuer, self.issuer, *self.endpoints)
        return frozenset(gate(text, Purpose.ISSUER).origin for text in named if text)


_OF_A_LOGIN = (Purpose.AUTHORIZATION, Purpose.DEVICE, Purpose.TOKEN)
"""Where a login begins, and where the code goes that it ends in."""


def same_issuer(found: str, expected: str) -> bool:
    """String equality (RFC 8414 section 3.3). Only the root's slash may differ: Google and FastMCP disagree on it."""
    root = found.removesuffix("/")
    return found == expected or (root == expected.removesuffix("/") and root.count("/") == 2)


def chosen(issuers: list[str], trust: Trust) -> str:
    """The one of several equal `issuers` (RFC 9728 section 7.6): where we are known, else the first."""
    known = (trust.issuer, trust.last.issuer if trust.last else "", trust.trusted_issuer)
    return next((issuer for name in known for issuer in issuers if name and same_issuer(issuer, name)), issuers[0])


def check_configured(named: list[str], trust: Trust) -> None:
    """Raise `ConfigError` where a server names authorization servers, and the configured `issuer` is not among them."""
    if named and trust.issuer and not any(same_issuer(issuer, trust.issuer) for issuer in named):
        raise ConfigError(
            f"{trust.server.origin} takes tokens of {quoted(', '.join(named))}, not of the configured issuer"
            f" {quoted(trust.issuer)}",
            "correct issuer under auth for this server; if its metadata are wrong, set token_endpoint beside issuer",
        )


def check_issuer(issuer: str, trust: Trust) -> Flow[None]:
    """Whether to log in at `issuer`, if the last login was elsewhere. Raises `LoginRequired` without a person's yes."""
    last = trust.last
    if last is None or any(same_issuer(issuer, known) for known in (last.issuer, trust.issuer, trust.trusted_issuer)):
        return
    name = gate(issuer, Purpose.ISSUER).resource
    if name not in trust.agreed:
        question = (
            f"{trust.server.origin} now wants logins at {quoted(name)}; the last one was at {quoted(last.issuer)}"
        )
        yield from ask(Agree(question, _option([name])))


def check_endpoints(issuer: str, endpoints: Mapping[Purpose, Url], trust: Trust) -> Flow[tuple[str, ...]]:
    """The origins of `endpoints` away from the host of `issuer`, all of them agreed to: now, in advance, or last time.

    A hostile issuer may send people to an honest one's login page and have the code sent to itself, or the other way
    round. Endpoints at a host above the issuer's are no surprise where the login begins and ends there. Raises
    `LoginRequired` without a person's yes.
    """
    home = gate(issuer, Purpose.ISSUER)
    whole = len({endpoints[purpose].origin for purpose in _OF_A_LOGIN if purpose in endpoints}) == 1
    away = {
        purpose: url.origin
        for purpose, url in endpoints.items()
        if not (_belongs(url, home) or (whole and above(home.host, url.host)))
    }
    agreed = {*trust.agreed, *_agreed_last_time(issuer, trust.last)}
    new = {purpose: origin for purpose, origin in away.items() if origin not in agreed}
    if new:
        places = ", ".join(f"{purpose.value} is at {origin}" for purpose, origin in new.items())
        question = (
            f"{trust.server.origin} signs in at {quoted(issuer)}, but {places}, away from there; "
            f"the code of the login goes to {endpoints[Purpose.TOKEN].origin}"
        )
        yield from ask(Agree(question, _option(new.values())))
    return tuple(dict.fromkeys(away.values()))


def confined(flow: Flow[R], trust: Trust) -> Flow[R]:
    """`flow`, whose every request and every page for a person obeys the zones. Raises `UrlRefused` inside of it.

    Only literal addresses can be judged here; names are when they are resolved, for which each `Fetch` is told who led
    to it.
    """
    own = trust.own_origins
    try:
        effect = next(flow)
        while True:
            try:
                result = yield _confined(effect, trust.server, own)
            except BridgeError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as end:
        value: R = end.value
        return value
    finally:
        flow.close()


def allowed(addresses: Sequence[Address], reach: Zone, url: Url, server: Url | None) -> list[Address]:
    """Those of the `addresses` of `url` that may be connected to, at least one, where `server` leads there (None for
    the user). Raises `UrlRefused`.
    """
    if not within(addresses, Zone.LOOPBACK):
        raise UrlRefused(f"{url.origin} is at an address that is never connected to", "link-local, reserved, multicast")
    if found := within(addresses, reach):
        return found
    origin = server.origin if server else "the configuration"
    place = "this machine" if reach_of(addresses) is Zone.LOOPBACK else "your own network"
    raise UrlRefused(
        f"{origin} points to {url.origin}, which is an address on {place}",
        f'if that is right, set auth = {{ kind = "browser", trusted_issuer = "{url.origin}" }} for this server,'
        " or where a machine authenticates, token_endpoint",
    )


def _confined(effect: Effect[Any], server: Url, own: frozenset[str]) -> Effect[Any]:
    if isinstance(effect, Fetch) and effect.url.origin not in own:
        if not _reads_what_it_publishes(effect, server):
            _check(effect.url, server)
        return msgspec.structs.replace(effect, led_by=server)
    if isinstance(effect, Authorize | Show):
        page = gate(effect.url, Purpose.AUTHORIZATION)
        if page.origin not in own:
            _check(page, server)
        return msgspec.structs.replace(effect, url=str(page))
    return effect


def _reads_what_it_publishes(effect: Fetch, server: Url) -> bool:
    """Whether it is the server's own document: of one that may be reached by plain http, this is read, nothing else."""
    asks = effect.method == "GET" and effect.form is None and effect.document is None
    return asks and server.is_plain and effect.url.origin == server.origin


def _check(url: Url, server: Url) -> None:
    if url.scheme == "http" and not server.is_loopback:
        raise UrlRefused(
            f"a login to {server.origin} would go to {url.origin}, where nothing is encrypted",
            "its operator has to put the authorization server behind https, to which allow_http does not apply;"
            " http is for servers on this machine that name others on it",
        )
    address = literal(url.host)
    if address is not None:
        allowed([address], _reach(server), url, server)


def _reach(server: Url) -> Zone:
    """As far as it can be known without resolving a name."""
    address = literal(server.host)
    return zone_of(address) if address else Zone.LOOPBACK


def _belongs(endpoint: Url, issuer: Url) -> bool:
    if issuer.is_loopback:
        return endpoint.origin == issuer.origin  # each port of this machine may be somebody else's
    return akin(issuer.host, endpoint.host)


def _agreed_last_time(issuer: str, last: Session | None) -> Iterable[str]:
    if last is None or not same_issuer(issuer, last.issuer):
        return ()
    endpoints = (gate(text, Purpose.TOKEN).origin for text in (last.token_endpoint, last.revocation_endpoint) if text)
    return (*last.agreed, *endpoints)


def _option(names: Iterable[str]) -> str:
    """The names are the server's, and the person pastes them into a shell."""
    return " ".join(f"--trust {offered(name)}" for name in dict.fromkeys(names))
