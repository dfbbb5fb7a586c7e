"""Who the bridge is to an authorization server, and where it is called back: the two are registered together."""

from typing import TYPE_CHECKING

from mcp_auth_bridge.effects import Entropy, Fetch, Flow, Listen, Now, Tell, ask
from mcp_auth_bridge.errors import BridgeError, ConfigError, OAuthRefused, ProtocolError, quoted
from mcp_auth_bridge.oauth.discovery import Server
from mcp_auth_bridge.oauth.error_meaning import client_forgotten, scopes_refused, speaks_of_no_such_client
from mcp_auth_bridge.oauth.grants import Transaction, authorization_code, authorization_url
from mcp_auth_bridge.oauth.registration import METADATA_PORTS, register
from mcp_auth_bridge.oauth.registration_management import still_registered
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.urls import Purpose, gate

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth.login import Plan

_LOCALHOST = "localhost"


def client_for(plan: "Plan", server: Server, scopes: tuple[str, ...]) -> Flow[Client]:
    """Who we are there. The callback is bound before registration: what is registered is a port that we hold.

    An earlier registration whose port is taken, or that lacks some of the `scopes`, is replaced for this login; the
    session that was made with it keeps it for its refreshes. Raises `ConfigError` where nothing can be registered, or
    the configured port is taken.
    """
    known = yield from _known(plan, server)
    if plan.configured is None and plan.metadata_url and server.takes_metadata_documents:
        by_document = yield from _by_document(plan, server)
        if by_document is not None:
            return by_document
    redirect_uri = yield from _bind(plan, _place(plan, known))
    if known is not None and known.registered and known.redirect_uri == redirect_uri:
        if plan.fresh:
            known = None
        elif not known.allows(scopes):
            return (yield from _wider(plan, server, known, scopes))
        elif plan.grant is authorization_code:
            known = yield from _unless_forgotten(server, known, scopes)
    try:
        return (yield from register(server, redirect_uri, scopes, known, plan.introduction))
    except OAuthRefused as refused:
        if refused.error != "invalid_redirect_uri" or plan.host == _LOCALHOST:
            raise
        # Salesforce takes localhost and no address.
        redirect_uri = yield from _bind(plan, Listen(plan.port, _LOCALHOST, plan.path))
        return (yield from register(server, redirect_uri, scopes, None, plan.introduction))


def client_after(
    error: BridgeError, client: Client, plan: "Plan", server: Server, scopes: tuple[str, ...]
) -> Flow[Client]:
    """Another client, after `client` was refused a grant with `error`: a new one for one that an earlier login made.

    Raises `error` where another one would fare no better.
    """
    if not client_forgotten(error):
        raise error
    if not client.registered:
        error.hint = (
            "check client_id, client_secret, auth_method and issuer, or client_metadata_url, under auth for this server"
        )
    elif plan.introduction.auth_method:
        error.hint = (
            f'remove auth_method = "{plan.introduction.auth_method}" under auth for this server: then each way that its'
            " authorization server may take is tried"
        )
    known = plan.clients.get(server.issuer)
    if known is None or known.id != client.id:
        raise error
    yield from ask(Tell(f"{_has_forgotten(server)}, so that you will be asked once more"))
    return (yield from register(server, client.redirect_uri, scopes, None, plan.introduction))


def _known(plan: "Plan", server: Server) -> Flow[Client | None]:
    if plan.configured is None:
        return (yield from _registered(plan.clients.get(server.issuer), plan.introduction.auth_method))
    if not same_issuer(server.issuer, plan.configured.issuer):
        raise ConfigError(
            f"the configured client belongs to {quoted(plan.configured.issuer)}, "
            f"but the server now names the authorization server {quoted(server.issuer)}",
            "if that is right, set the client_id and issuer of the new one under auth for this server",
        )
    return plan.configured


def _registered(client: Client | None, auth_method: str) -> Flow[Client | None]:
    """`client`, if it is still good and proves itself by the configured `auth_method`, where there is one."""
    if client is not None and auth_method not in ("", client.auth_method):
        return None
    if client is None or client.secret_expires_at is None:
        return client
    return None if client.expired((yield from ask(Now()))) else client


def _by_document(plan: "Plan", server: Server) -> Flow[Client | None]:
    """The client of the metadata document, at a port that it lists; None if all are taken and something else may do."""
    ports = (plan.port,) if plan.port else METADATA_PORTS
    for port in ports:
        redirect_uri = yield from ask(Listen(port, plan.host, plan.path))
        if _port(redirect_uri) == port:
            return Client(issuer=server.issuer, id=plan.metadata_url, redirect_uri=redirect_uri, registered=False)
    if plan.port or server.registration_endpoint is None:
        raise _port_taken_error(ports[0])
    return None


def _place(plan: "Plan", known: Client | None) -> Listen:
    """Where the callback is to be: as configured, else as it was registered, else anywhere."""
    if known is None or not known.redirect_uri:
        return Listen(plan.port, plan.host, plan.path)
    registered = gate(known.redirect_uri, Purpose.REDIRECT)
    host = _LOCALHOST if plan.host == _LOCALHOST else registered.host
    return Listen(plan.port or registered.port, host, plan.path)


def _bind(plan: "Plan", place: Listen) -> Flow[str]:
    """The redirect URI at `place`. A configured port is that one or none: somebody relies on it."""
    redirect_uri = yield from ask(place)
    if plan.port and _port(redirect_uri) != plan.port:
        raise _port_taken_error(plan.port)
    return redirect_uri


def _port_taken_error(port: int) -> ConfigError:
    return ConfigError(
        f"another program uses port {port}, to which the browser is to return after the login",
        "end that program, or set callback_port under auth for this server to a port that is free and registered",
    )


def _port(redirect_uri: str) -> int:
    return gate(redirect_uri, Purpose.REDIRECT).port


def _wider(plan: "Plan", server: Server, known: Client, scopes: tuple[str, ...]) -> Flow[Client]:
    """A registration for `scopes` that `known` was not registered with, or `known` if the server makes no other.

    It is made anew and not updated (RFC 7592 section 2.2): other logins may live by `known`, which an update whose
    answer is lost would change under them. Nor does it ask for all that the server lists: a consent page may show that.
    """
    try:
        return (yield from register(server, known.redirect_uri, scopes, None, plan.introduction))
    except (ConfigError, ProtocolError) as refused:
        if scopes_refused(refused) and known.scope:
            raise  # of a registration that an earlier version stored, nobody knows what it lacks
        return known  # many servers do not hold a client to its scopes


def _unless_forgotten(server: Server, known: Client, scopes: tuple[str, ...]) -> Flow[Client | None]:
    """`known` as it is registered, or None if the authorization server no longer knows it.

    Otherwise only the person would see that, on an error page, and this login would wait for nothing. A registration
    that can be read is read; else its authorization page is looked at, which may be a login page that says nothing.
    """
    if known.management_token is not None and (known.secret is None or known.auth_method == "none"):
        # A read may renew the secret, which would end other logins that show it.
        try:
            registered = yield from still_registered(known)
        except BridgeError:
            pass  # somebody else may be able to tell
        else:
            if registered is None:
                yield from ask(Tell(_has_forgotten(server)))
            return registered
    return (yield from _unless_its_page_says_so(server, known, scopes))


def _unless_its_page_says_so(server: Server, known: Client, scopes: tuple[str, ...]) -> Flow[Client | None]:
    """`known`, or None if its authorization page says that there is no such client.

    The request is an authorization request of its own, which nobody will ever finish, and what it is redirected to is
    not looked at: that may be a code.
    """
    made_up = (yield from ask(Entropy(32))).hex()
    url = authorization_url(server, known, scopes, Transaction(made_up, made_up))
    page = Fetch(gate(url, Purpose.AUTHORIZATION), {"accept": "text/html"}, redirects=0)
    try:
        forgotten = speaks_of_no_such_client((yield from ask(page)))
    except BridgeError:
        forgotten = False  # a passing trouble, which the person will see
    if not forgotten:
        return known
    yield from ask(Tell(_has_forgotten(server)))
    return None


def _has_forgotten(server: Server) -> str:
    return f"{quoted(server.issuer)} no longer knows this bridge, which registers anew"
