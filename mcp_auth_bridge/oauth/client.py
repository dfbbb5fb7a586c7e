"""The client that a login uses at an authorization server, and its redirect URI: the two are registered together.

The order is that of MCP's "Client Registration": the configured client, a client ID metadata document, the client of an
earlier login, a new registration (RFC 7591).
"""

from mcp_auth_bridge.effects import Entropy, Fetch, Flow, Listen, Now, Tell, ask
from mcp_auth_bridge.errors import BridgeError, ConfigError, OAuthRefused, ProtocolError, quoted
from mcp_auth_bridge.oauth.authorization_endpoint import Transaction, authorization_url
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.client_metadata import METADATA_DOCUMENT_PORTS
from mcp_auth_bridge.oauth.error_meaning import client_forgotten, mentions_unknown_client, scopes_refused
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.oauth.registration_management import read_registration
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.urls import Purpose, gate

_LOCALHOST = "localhost"


def obtain_client(plan: LoginPlan, server: AuthorizationServer, scopes: tuple[str, ...]) -> Flow[Client]:
    """Bind the callback, then return the client for it, and register one if need be.

    The callback is bound first so that the bridge holds the port that it registers. This login replaces an earlier
    registration that lacks some of the `scopes`, or that has lost its port to another program; an earlier session keeps
    it for its refreshes. Raises `ConfigError` if nothing can be registered, or if the configured port is taken.
    """
    known = yield from _find_known(plan, server)
    if plan.configured is None and plan.metadata_url and server.takes_metadata_documents:
        documented = yield from _use_metadata_document(plan, server)
        if documented is not None:
            return documented
    redirect_uri = yield from _listen(plan, _callback_address(plan, known))
    if known is not None and known.registered and known.redirect_uri == redirect_uri:
        if plan.fresh:
            known = None
        elif not known.allows(scopes):
            return (yield from _register_for_scopes(plan, server, known, scopes))
        elif plan.grant is authorization_code:
            known = yield from _check_registration(server, known, scopes)
    try:
        return (yield from register(server, redirect_uri, scopes, known, plan.registration))
    except OAuthRefused as refused:
        if refused.error != "invalid_redirect_uri" or plan.host == _LOCALHOST:
            raise
        # Salesforce takes localhost and no address.
        redirect_uri = yield from _listen(plan, Listen(plan.port, _LOCALHOST, plan.path))
        return (yield from register(server, redirect_uri, scopes, None, plan.registration))


def replace_client(
    error: BridgeError, client: Client, plan: LoginPlan, server: AuthorizationServer, scopes: tuple[str, ...]
) -> Flow[Client]:
    """Register anew after the server refused `client` with `error`, if an earlier login had registered that client.

    Raises `error`, perhaps with another hint, if a new registration would not help.
    """
    if not client_forgotten(error):
        raise error
    if not client.registered:
        error.hint = (
            "check client_id, client_secret, auth_method and issuer, or client_metadata_url, under auth for this server"
        )
    elif plan.registration.auth_method:
        error.hint = (
            f'remove auth_method = "{plan.registration.auth_method}" under auth for this server, so that'
            " the bridge tries each method that the authorization server may accept"
        )
    known = plan.clients.get(server.issuer)
    if known is None or known.id != client.id:
        raise error
    yield from ask(Tell(f"{_forgotten_sentence(server)}, so that you will be asked once more"))
    return (yield from register(server, client.redirect_uri, scopes, None, plan.registration))


def _find_known(plan: LoginPlan, server: AuthorizationServer) -> Flow[Client | None]:
    """The configured client, else the one that an earlier login registered at the issuer.

    Raises `ConfigError` if the configured client belongs to another issuer.
    """
    if plan.configured is None:
        return (yield from _check_usable(plan.clients.get(server.issuer), plan.registration.auth_method))
    if not same_issuer(server.issuer, plan.configured.issuer):
        raise ConfigError(
            f"the configured client belongs to {quoted(plan.configured.issuer)}, "
            f"but the server now names the authorization server {quoted(server.issuer)}",
            "if that is right, set the client_id and issuer of the new one under auth for this server",
        )
    return plan.configured


def _check_usable(client: Client | None, auth_method: str) -> Flow[Client | None]:
    """`client`, or None if its secret has expired, or if it was registered with a method other than `auth_method`."""
    if client is not None and auth_method not in ("", client.auth_method):
        return None
    if client is None or client.secret_expires_at is None:
        return client
    return None if client.expired((yield from ask(Now()))) else client


def _use_metadata_document(plan: LoginPlan, server: AuthorizationServer) -> Flow[Client | None]:
    """The client of the metadata document, at a port that it lists. None if all are taken, and it can register."""
    ports = (plan.port,) if plan.port else METADATA_DOCUMENT_PORTS
    for port in ports:
        redirect_uri = yield from ask(Listen(port, plan.host, plan.path))
        if _port_of(redirect_uri) == port:
            return Client(issuer=server.issuer, id=plan.metadata_url, redirect_uri=redirect_uri, registered=False)
    if plan.port or server.registration_endpoint is None:
        raise _port_taken_error(ports[0])
    return None


def _callback_address(plan: LoginPlan, known: Client | None) -> Listen:
    """Where the callback is to listen: as configured, else as registered, else at any port."""
    if known is None or not known.redirect_uri:
        return Listen(plan.port, plan.host, plan.path)
    registered = gate(known.redirect_uri, Purpose.REDIRECT)
    host = _LOCALHOST if plan.host == _LOCALHOST else registered.host
    return Listen(plan.port or registered.port, host, plan.path)


def _listen(plan: LoginPlan, address: Listen) -> Flow[str]:
    """Bind the callback and return its redirect URI.

    Raises `ConfigError` if the configured port is taken: the client is registered with that port.
    """
    redirect_uri = yield from ask(address)
    if plan.port and _port_of(redirect_uri) != plan.port:
        raise _port_taken_error(plan.port)
    return redirect_uri


def _port_taken_error(port: int) -> ConfigError:
    return ConfigError(
        f"another program uses port {port}, to which the browser is to return after the login",
        "end that program, or set callback_port under auth for this server to a port that is free and registered",
    )


def _port_of(redirect_uri: str) -> int:
    return gate(redirect_uri, Purpose.REDIRECT).port


def _register_for_scopes(
    plan: LoginPlan, server: AuthorizationServer, known: Client, scopes: tuple[str, ...]
) -> Flow[Client]:
    """Register for `scopes` that `known` was not registered with; return `known` if the server refuses that.

    The registration is a new one and not an update (RFC 7592 section 2.2): other logins may use `known`, and an update
    with a lost response would break them. It does not ask for all scopes that the server lists, because a consent page
    may show them.
    """
    try:
        return (yield from register(server, known.redirect_uri, scopes, None, plan.registration))
    except (ConfigError, ProtocolError) as refused:
        if scopes_refused(refused) and known.scope:
            raise  # only a registration that an earlier version stored without its scopes may have these
        return known  # many servers do not hold a client to its scopes


def _check_registration(server: AuthorizationServer, known: Client, scopes: tuple[str, ...]) -> Flow[Client | None]:
    """`known` as it is registered, or None if the authorization server no longer knows it.

    Without this check only the user would see that, on an error page, and this login would wait in vain. The bridge
    reads the registration if the server allows that; else it looks at the authorization page, which may be a login page
    that says nothing.
    """
    if known.management_token is not None and (known.secret is None or known.auth_method == "none"):
        # A read may renew the secret, which would end other logins that use it.
        try:
            registered = yield from read_registration(known)
        except BridgeError:
            pass  # the authorization page may show it
        else:
            if registered is None:
                yield from ask(Tell(_forgotten_sentence(server)))
            return registered
    return (yield from _check_authorization_page(server, known, scopes))


def _check_authorization_page(
    server: AuthorizationServer, known: Client, scopes: tuple[str, ...]
) -> Flow[Client | None]:
    """`known`, or None if its authorization page says that there is no such client."""
    try:
        forgotten = yield from is_forgotten(server, known, scopes)
    except BridgeError:
        forgotten = False  # the fault may be gone when the user opens the page; if not, the user sees it
    if not forgotten:
        return known
    yield from ask(Tell(_forgotten_sentence(server)))
    return None


def is_forgotten(server: AuthorizationServer, known: Client, scopes: tuple[str, ...]) -> Flow[bool]:
    """Return whether the authorization page of `known` says that there is no such client. Raises what `Fetch` raises.

    This sends an authorization request of its own, which is never finished. A redirect in the response is neither
    followed nor read: it may hold a code.
    """
    random = (yield from ask(Entropy(32))).hex()
    url = authorization_url(server, known, scopes, Transaction(random, random))
    page = Fetch(gate(url, Purpose.AUTHORIZATION), {"accept": "text/html"}, redirects=0)
    return mentions_unknown_client((yield from ask(page)))


def _forgotten_sentence(server: AuthorizationServer) -> str:
    return f"{quoted(server.issuer)} no longer knows this bridge, which registers anew"
