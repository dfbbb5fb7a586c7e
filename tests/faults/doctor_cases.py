"""The fault matrix of `doctor` as data: what is wrong, whose fault it is, and the words that the verdict must have.

`rows` are the numbers of hardening.md, section 2, or the scripts of the field reports that a case plays.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import trustme
from faults import rows as matrix
from faults.bridge import bridge_in
from faults.server import head, plain, refusal, whole
from faults.site import (
    GOOD,
    KEY,
    OPENID,
    RESOURCE_METADATA,
    SERVER_METADATA,
    Site,
    document,
    moved,
    page,
)
from namespaces import in_namespace, resolving

from mcp_auth_bridge.oauth.session import Client as OAuthClient
from mcp_auth_bridge.oauth.session import Session, dump
from mcp_auth_bridge.secret import Secret

NOTHING, YOU, NETWORK = "nothing", "you", "network"
ISSUER, SERVER, UNKNOWN = "authorization_server", "server", "unknown"
LOGIN = r"mcp-auth-bridge login far"

BROWSER = '{ kind = "browser" }'
OPEN = '{ kind = "none" }'
_IN = {"auth": BROWSER}


def bearer(reference: str) -> str:
    return f'{{ kind = "bearer", token = "{reference}" }}'


class Case(NamedTuple):
    """One fault. `sentence` and `step` are regular expressions that the verdict's sentence and next step must match."""

    name: str
    rows: str
    blame: tuple[str, ...]
    sentence: str = ""
    step: str = ""
    # Puts the fault into the server.
    fault: Callable[[Site], Any] = lambda _: None
    # The `auth` of the configuration.
    auth: str = OPEN
    # The inner lines of the server's `network` table.
    network: str = ""
    # Further variables of the environment, from the site.
    environ: Callable[[Site], Mapping[str, str]] = lambda _: {}
    # Changes the home before doctor runs; it may be a coroutine function.
    prepare: Callable[[Path, Site], Any] = lambda _folder, _site: None
    # Further arguments of doctor.
    arguments: tuple[str, ...] = ()
    # What the text for the operator must match, "" if there is nothing for one to do.
    operator: str = ""
    # The certificate of the server, None for plain http.
    tls: Callable[[], ssl.SSLContext] | None = None
    # The era of the server.
    era: str = "legacy"
    # The words before the command.
    within: Callable[[Path], list[str]] = lambda _: []


# What doctor answers to the rows of the relay's own matrix, if the whole endpoint has that fault.

_BY_STATUS = {
    **dict.fromkeys((400, 402, 406, 409, 415, 418, 451), (SERVER, YOU, UNKNOWN)),
    403: (SERVER, YOU, NETWORK, UNKNOWN),
    404: (YOU,),
    405: (YOU,),
    410: (YOU, SERVER),
    501: (SERVER, YOU),  # the answer of a server for files to any POST
    302: (SERVER, NETWORK),
    307: (SERVER, YOU),  # moved, or in a circle
}
"""Whose fault a status is. Nobody outside can tell whose fault some refusals are: then doctor says so."""
_BY_KIND = {
    matrix.UNKNOWN: (SERVER, NETWORK, UNKNOWN),
    matrix.UPSTREAM: (SERVER, NETWORK),
    matrix.SESSION: (YOU, SERVER),
    matrix.BROKEN: (SERVER, NETWORK),
}
_OTHERWISE = {
    "19 a web page": (YOU, NETWORK, SERVER),
    "18 many bytes that are not HTTP": (YOU, SERVER),
    "18 an unexpected session id": (SERVER,),  # the session that it opens cannot be used
    **dict.fromkeys(
        (
            "13 a lost session: an error with another id",
            "15 HTTP 400 with a version of the other era",
            "26 an error under another id",
        ),
        (SERVER, UNKNOWN),
    ),
    "HTTP 503 with a date": (SERVER, YOU),  # its clock is days behind, or this machine's is ahead
}


def _always(script: Any) -> Callable[[Site], Any]:
    def fault(site: Site) -> None:
        site.endpoint = lambda exchange: script if exchange.verb == "POST" else None

    return fault


def _status_of(row: matrix.Row) -> int:
    first = row.script[0]
    words = first[:12].split(b" ") if isinstance(first, bytes) else []
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _of_matrix(row: matrix.Row) -> Case:
    first = row.name.partition(" ")[0]
    numbers = {"HTTP": "10, 11, 12"}.get(first, row.name.split(" ")[0].rstrip(","))
    code = row.call if isinstance(row.call, int) else matrix.LIMIT
    blame = (NOTHING,) if row.call == matrix.OK else _BY_KIND.get(code, (SERVER, UNKNOWN))
    blame = _OTHERWISE.get(row.name) or _BY_STATUS.get(_status_of(row)) or blame
    return Case(f"relay: {row.name}", numbers, blame, ".", "" if NOTHING in blame else ".", _always(row.script))


OF_THE_RELAY = [_of_matrix(row) for row in matrix.ROWS if matrix.LEGACY in row.eras]


# The way

CA = trustme.CA()
OTHER_CA = trustme.CA(organization_name="Blue Coat ProxySG")


def _context(ca: trustme.CA, *names: str, **more: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **more).configure_cert(context)
    return context


def _expired() -> ssl.SSLContext:
    return _context(CA, "127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=3))


def _only_http2() -> ssl.SSLContext:
    context = _context(CA, "127.0.0.1")
    context.set_alpn_protocols(["h2"])
    return context


def _old_tls(site: Site) -> None:
    """The alert with which a server that speaks TLS 1.0 refuses a client that does not (RFC 8446 section 6)."""

    async def refuse(reader: Any, writer: Any) -> None:
        await reader.read(1 << 12)
        writer.write(b"\x15\x03\x01\x00\x02\x02\x46")
        await writer.drain()

    site._forever = [refuse, matrix.HALF_CLOSE, _silent]


async def _silent(reader: Any, _: Any) -> None:
    await reader.read()


def _trusted(folder: Path, _: Site) -> None:
    CA.cert_pem.write_to_path(str(folder / "ca.pem"))


TRUSTED = 'ca_file = "ca.pem"'


def _elsewhere(url: str) -> Callable[[Path, Site], None]:
    """The configuration has another URL than the site's."""

    def prepare(folder: Path, site: Site) -> None:
        path = folder / "config.toml"
        path.write_text(path.read_text().replace(site.url, url.replace("PORT", str(site.port))))

    return prepare


def _down(folder: Path, site: Site) -> Any:
    return site.down()


_FAR = "https://mcp.acme.example/mcp"


def _proxy(site: Site) -> Mapping[str, str]:
    return {"HTTPS_PROXY": f"http://127.0.0.1:{site.port}"}


def _as_proxy(answer: bytes) -> Callable[[Site], Any]:
    def fault(site: Site) -> None:
        site._script = lambda _: [answer]

    return fault


WAY = [
    Case("nothing listens at the port", "6", (YOU, SERVER), r"refuse", r"port|running|operator", prepare=_down),
    Case(
        "the server accepts and never answers",
        "8, 9",
        (SERVER, NETWORK),
        r"(no|not|never) .*answer|silent",
        ".",
        _always([_silent]),
    ),
    Case(
        "no such host",
        "30",
        (YOU, NETWORK),
        r"name",
        r"URL|VPN",
        prepare=_elsewhere("https://mcp.no-such-host.invalid/mcp"),
    ),
    Case(
        "an expired certificate",
        "29",
        (SERVER,),
        r"certificate.*(expired|ended)",
        r"operator|renew",
        tls=_expired,
        network=TRUSTED,
        prepare=_trusted,
        operator="certificate",
    ),
    Case(
        "a certificate for another host",
        "29",
        (SERVER, YOU, NETWORK),
        r"certificate.*(another|other|not for)",
        ".",
        tls=lambda: _context(CA, "other.example"),
        network=TRUSTED,
        prepare=_trusted,
    ),
    Case(
        "a certificate of an unknown authority",
        "29",
        (NETWORK, SERVER, YOU),
        r"certificate|authority|trust",
        r"ca_file",
        tls=lambda: _context(CA, "127.0.0.1"),
    ),
    Case(
        "a product that reads encrypted traffic",
        "29",
        (NETWORK,),
        r"ProxySG|Blue Coat",
        r"ca_file",
        tls=lambda: _context(OTHER_CA, "127.0.0.1"),
    ),
    Case(
        "TLS 1.0 only",
        "29",
        (SERVER,),
        r"TLS|encryption",
        ".",
        _old_tls,
        prepare=_elsewhere("https://127.0.0.1:PORT/mcp"),
    ),
    Case(
        "HTTP/2 only",
        "28",
        (SERVER,),
        r"HTTP/2|HTTP/1\.1",
        ".",
        _always([b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18), matrix.CUT]),
        tls=_only_http2,
        network=TRUSTED,
        prepare=_trusted,
    ),
    Case(
        "a proxy that asks for a password",
        "32",
        (NETWORK, YOU),
        r"proxy",
        r"HTTPS_PROXY|password",
        _as_proxy(head(407, b"Proxy-Authenticate: Basic")),
        environ=_proxy,
        prepare=_elsewhere(_FAR),
    ),
    Case(
        "a proxy that refuses the server",
        "32",
        (NETWORK,),
        r"proxy",
        ".",
        _as_proxy(page(403, "Blocked")),
        environ=_proxy,
        prepare=_elsewhere(_FAR),
    ),
    Case(
        "a proxy that is not there",
        "32",
        (NETWORK, YOU),
        r"proxy",
        r"HTTPS_PROXY|proxy",
        environ=_proxy,
        prepare=lambda folder, site: (_elsewhere(_FAR)(folder, site), site.down())[1],
    ),
]


# The server


def _named(name: str) -> Callable[[Path], list[str]]:
    """The words with which `name` is this machine's; for the bridge it stays a name of another one."""
    return lambda folder: resolving(folder / "hosts", name)


def _answers(make: Callable[[Any], Any]) -> Callable[[Site], Any]:
    """Every request gets what `make` gives."""

    def fault(site: Site) -> None:
        site.endpoint = lambda exchange: make(exchange) if exchange.verb in ("POST", "GET") else None

    return fault


def _wrong_path(site: Site) -> None:
    site.endpoint = lambda _: page(404, "Page not found")


def _listed_elsewhere(site: Site) -> None:
    _wrong_path(site)
    site.documents[RESOURCE_METADATA] = document(
        {"resource": site.origin, "authorization_servers": [site.origin], "mcp_endpoints": [f"{site.origin}/mcp/mcp"]}
    )


def _older_only(site: Site) -> None:
    """Slack's server, August 2026 (template-agent #265)."""

    def endpoint(exchange: Any) -> Any:
        if exchange.method == "server/discover":
            return plain(refusal(exchange, -32601), 404)
        if exchange.method == "initialize" and exchange.message["params"]["protocolVersion"] > "2025-06-18":
            return whole(400, b"text/plain", b"Unsupported protocol version")
        return None

    site.endpoint = endpoint


def _needs_header(site: Site) -> None:
    allowed = b"Access-Control-Allow-Headers: authorization, content-type, mcp-session-id, x-tenant-of-yours"
    site.preflight = head(204, allowed, length=None)
    site.endpoint = lambda exchange: (
        None if "x-tenant-of-yours" in exchange.headers else whole(403, b"text/plain", b"RBAC: access denied")
    )


AT_SERVER = [
    Case("all is well", "14, 16, 33", (NOTHING,)),
    Case("all is well, in the modern era", "15", (NOTHING,), era="modern"),
    Case(
        "a page of a CDN before the server",
        "19, field relay/r05",
        (NETWORK, SERVER),
        r"page|403",
        ".",
        _answers(lambda _: page(403)),
    ),
    Case(
        "a captive portal",
        "19",
        (NETWORK, UNKNOWN),
        r"network",
        "sign in",
        _answers(lambda _: moved(302, "http://portal.wifi.example/login")),
        network="connect_timeout = 5",
        prepare=_elsewhere('http://mcp.acme.example:PORT/mcp"\nallow_http = true # "'),
        within=_named("mcp.acme.example"),
        **_IN,
    ),
    Case(
        "nginx cannot reach what is behind it",
        "10, field relay/r05",
        (SERVER,),
        r"down|502",
        ".",
        _answers(lambda _: page(502, "502 Bad Gateway", b"Server: nginx")),
    ),
    Case(
        "overloaded at the start",
        "11, field relay/r06",
        (SERVER,),
        r"not ready|503",
        r"again|later|operator",
        _answers(lambda _: head(503, b"Retry-After: 2")),
    ),
    Case(
        "too many requests",
        "12",
        (SERVER, YOU),
        r"limits|too many",
        r"again|later|wait",
        _answers(lambda _: head(429, b"Retry-After: 3600")),
    ),
    Case("a URL without an MCP endpoint", "14", (YOU,), r"no MCP (server|endpoint)", r"path|URL", _wrong_path),
    Case(
        "the metadata name the right endpoint",
        "14, S5",
        (YOU,),
        r"no MCP (server|endpoint)",
        r"/mcp/mcp",
        _listed_elsewhere,
    ),
    Case(
        "https leads to http",
        "field relay/r15",
        (SERVER, YOU),
        r"http:|encrypt",
        ".",
        _answers(lambda _: moved(301, "http://127.0.0.1/mcp")),
        tls=lambda: _context(CA, "127.0.0.1"),
        network=TRUSTED,
        prepare=_trusted,
    ),
    Case(
        "another host has it now",
        "20",
        (YOU, SERVER),
        r"redirect|moved|leads",
        r"https://new\.acme\.example/mcp|URL",
        _answers(lambda _: moved(308, "https://new.acme.example/mcp")),
    ),
    Case(
        "a redirect that leads back to itself",
        "20",
        (SERVER,),
        r"redirect",
        ".",
        _answers(lambda _: moved(307, "/mcp")),
    ),
    Case("an older revision is refused with 400", "15, field login/10c", (NOTHING,), fault=_older_only),
    Case("an organisation's header is missing", "S1", (YOU,), r"x-tenant-of-yours", r"--header|headers", _needs_header),
    Case(
        "every request to the server times out in the gateway",
        "10",
        (SERVER,),
        r"slow|hangs|504",
        ".",
        _answers(lambda _: page(504, "504 Gateway Time-out")),
    ),
]


# Its OAuth


def _guarded(**changes: Any) -> Callable[[Site], Any]:
    def fault(site: Site) -> None:
        site.guard()
        site.publishes(**changes)

    return fault


def _bare(refusal: bytes) -> Callable[[Site], Any]:
    """A 401 without a challenge, and no metadata."""
    return lambda site: site.guard(refusal=refusal)


def _resource(**changes: Any) -> Callable[[Site], Any]:
    def fault(site: Site) -> None:
        site.guard()
        site.publishes()
        site.documents[f"{RESOURCE_METADATA}{site.path}"] = document(site.resource(**changes))

    return fault


def _resource_alone(**changes: Any) -> Callable[[Site], Any]:
    """As `_resource`; the authorization server is not at the MCP server's origin, where a client looks next."""

    def fault(site: Site) -> None:
        _resource(authorization_servers=[f"{site.origin}/as"], **changes)(site)
        site.documents.pop(SERVER_METADATA)
        site.documents[f"{SERVER_METADATA}/as"] = document(site.metadata(issuer=f"{site.origin}/as"))

    return fault


def _foreign_issuer(site: Site) -> None:
    """The resource's metadata name an authorization server that publishes none (claude-code #31349, Snowflake)."""
    site.guard()
    site.publishes()
    site.documents.pop(SERVER_METADATA)


def _instead(**answers: Any) -> Callable[[Site], Any]:
    places = {
        "resource": f"{RESOURCE_METADATA}/mcp",
        "resource_root": RESOURCE_METADATA,
        "server": SERVER_METADATA,
        "openid": OPENID,
    }

    def fault(site: Site) -> None:
        site.guard()
        site.publishes()
        for name, answer in answers.items():
            site.documents[places[name]] = answer(site) if callable(answer) else answer

    return fault


def _challenge_only(site: Site) -> None:
    """Cloudflare Access: a challenge of its own scheme (junior #832)."""
    site.publishes()
    place = f'Cloudflare-Access resource_metadata="{site.origin}{RESOURCE_METADATA}/mcp"'
    site.guard(refusal=whole(401, b"text/plain", b"no", b"WWW-Authenticate: " + place.encode()))


def _behind_pages(site: Site) -> None:
    """claude-code #72673: a CDN's page instead of each document."""
    site.guard()
    site.default = page(403)


def _says_unauthorized(site: Site) -> None:
    """JSON-RPC's own 401, with HTTP 200 (scenario S2)."""

    def endpoint(exchange: Any) -> Any:
        if exchange.id is None or exchange.headers.get("authorization") == f"Bearer {GOOD}":
            return None
        data = {"www_authenticate": 'Bearer realm="files"', "supported_methods": ["bearer", "api_key"]}
        error = {"code": 401, "message": "Authentication required", "data": data}
        return plain(json.dumps({"jsonrpc": "2.0", "id": exchange.id, "error": error}).encode())

    site.endpoint = endpoint


_WANTS = r"login|sign|log in"

OAUTH = [
    Case("credentials are wanted, and none are configured", "58", (YOU,), r"credential|login|sign", "auth", _guarded()),
    Case("a server that wants a login", "S5, field login/01, 03, 04", (YOU,), _WANTS, LOGIN, _guarded(), **_IN),
    Case("a challenge of another scheme", "field login/07", (YOU,), _WANTS, LOGIN, _challenge_only, **_IN),
    Case(
        "a place that leads to another host",
        "field login/06a, b",
        (YOU,),
        _WANTS,
        LOGIN,
        _instead(openid=moved(302, "https://team.example/login")),
        **_IN,
    ),
    Case(
        'a place with {"error": "not_found"}',
        "field login/06d",
        (YOU,),
        _WANTS,
        LOGIN,
        _instead(openid=document({"error": "not_found"})),
        **_IN,
    ),
    Case(
        "nothing is published",
        "S5, field login/05a",
        (SERVER,),
        r"(how|where) to (log|sign) in|publish|OAuth",
        ".",
        _bare(whole(401, b"text/plain", b"no")),
        operator=r"oauth-protected-resource",
        **_IN,
    ),
    Case(
        "the authorization server publishes nothing",
        "field login/05b",
        (ISSUER, SERVER),
        r"publish|metadata",
        ".",
        _foreign_issuer,
        operator="oauth-authorization-server",
        **_IN,
    ),
    Case(
        "S256 is not advertised",
        "field login/02",
        (ISSUER,),
        r"S256|PKCE|code_challenge",
        ".",
        _guarded(code_challenge_methods_supported=None),
        operator="code_challenge_methods_supported",
        **_IN,
    ),
    Case(
        "only plain PKCE",
        "field login/02",
        (ISSUER,),
        r"S256|PKCE|code_challenge",
        ".",
        _guarded(code_challenge_methods_supported=["plain"]),
        operator="S256",
        **_IN,
    ),
    Case(
        "the issuer of every company, as at Entra",
        "field login/11a",
        (SERVER, ISSUER),
        r"login|issuer",
        ".",
        _guarded(issuer="https://login.acme.example/{tenantid}/v2.0"),
        operator="issuer",
        **_IN,
    ),
    Case(
        "another issuer in its metadata",
        "field login/11d",
        (ISSUER,),
        r"two names|issuer",
        ".",
        _guarded(issuer="https://login.acme.example"),
        operator="issuer",
        **_IN,
    ),
    Case(
        "no registration",
        "field login/05b",
        (ISSUER, YOU),
        r"regist",
        r"client_id",
        _guarded(registration_endpoint=None),
        **_IN,
    ),
    Case(
        "no token endpoint",
        "field login/05b",
        (ISSUER,),
        r"token_endpoint|metadata",
        ".",
        _guarded(token_endpoint=None),
        operator="token_endpoint",
        **_IN,
    ),
    Case(
        "the metadata are of another resource",
        "field login/06c, 11c",
        (SERVER,),
        r"resource|another server",
        ".",
        _resource_alone(resource="api://acme/mcp"),
        operator="resource",
        **_IN,
    ),
    Case(
        "the metadata are of the http twin",
        "field login/11c",
        (SERVER,),
        r"resource|another server",
        ".",
        _resource_alone(resource="http://mcp.acme.example/mcp"),
        operator="resource",
        **_IN,
    ),
    Case(
        "no authorization server is named",
        "field login/05a",
        (SERVER,),
        r"authorization server|server where people log in",
        ".",
        _resource(authorization_servers=[]),
        operator="authorization_servers",
        **_IN,
    ),
    Case(
        "a firewall's page instead of each document",
        "field login/11e",
        (NETWORK, SERVER),
        r"page|403",
        ".",
        _behind_pages,
        **_IN,
    ),
    Case(
        "metadata that are no JSON",
        "field login/06d",
        (ISSUER,),
        r"metadata|JSON|publish",
        ".",
        _instead(server=plain(b"{oops"), openid=plain(b"{oops")),
        operator="oauth-authorization-server",
        **_IN,
    ),
    Case(
        "the authorization server answers 500",
        "40",
        (ISSUER,),
        r"500",
        ".",
        _instead(server=page(500, "Oops"), openid=page(500, "Oops")),
        **_IN,
    ),
    Case(
        "the authorization server is down",
        "40",
        (ISSUER, NETWORK),
        r"(refuse|reach|answer)",
        ".",
        _resource(authorization_servers=["http://127.0.0.1:9"]),
        **_IN,
    ),
    Case(
        "the authorization server is in another network",
        "30",
        (ISSUER, NETWORK, SERVER),
        r"idp\.no-such-host\.invalid",
        ".",
        _resource(authorization_servers=["https://idp.no-such-host.invalid"]),
        **_IN,
    ),
    Case(
        "the metadata lead to a private network",
        "30",
        (SERVER,),
        r"192\.168\.0\.7|trust|network|nearer",
        ".",
        _resource(authorization_servers=["http://192.168.0.7/as"]),
        **_IN,
    ),
    Case("a refusal in JSON-RPC", "S2", (YOU, SERVER), _WANTS + "|credential|publish", ".", _says_unauthorized, **_IN),
]


# The credential


def _verifying(site: Site) -> None:
    site.publishes()
    site.guard(site.verifies)


def _filtered(site: Site) -> None:
    """A filter like Envoy's: it publishes nothing, and says what it misses in plain text."""

    def accepts(token: str) -> bool:
        return site.verifies(token)

    site.guard(
        accepts,
        lambda exchange: whole(
            401,
            b"text/plain",
            b"Jwt issuer is not configured" if "authorization" in exchange.headers else b"Jwt is missing",
        ),
    )


def _token(**changes: Any) -> Callable[[Site], Mapping[str, str]]:
    return lambda site: {"FAR_TOKEN": site.token(**changes)}


FROM_ENVIRONMENT = {"auth": bearer("env:FAR_TOKEN")}


def _login(
    *, access: str = GOOD, refresh: str | None = "refresh-token-2b8e", lifetime: float = 600, **more: Any
) -> Callable[[Path, Site], Any]:
    """A stored login."""

    async def prepare(folder: Path, site: Site) -> None:
        bridge = bridge_in(folder)
        members = {
            "resource": site.url,
            "issuer": site.origin,
            "token_endpoint": f"{site.origin}/token",
            "client": OAuthClient(issuer=site.origin, id="client-of-jane-55d1"),
            "access": Secret(access),
            "refresh": Secret(refresh) if refresh else None,
            "obtained_at": time.time() - 100,
            "expires_at": time.time() + lifetime,
            "account": "jane@accounting.acme.example",
        }
        session = Session(
            **{**members, **{name: value(site) if callable(value) else value for name, value in more.items()}}
        )
        (await bridge.store_access.open_to_write()).save(bridge.record, dump(session), None)

    return prepare


def _damaged(folder: Path, site: Site) -> Any:
    async def prepare() -> None:
        await _login()(folder, site)
        for record in (folder / "records").glob("*.sealed"):
            data = bytearray(record.read_bytes())
            data[len(data) // 2] ^= 1
            record.write_bytes(bytes(data))

    return prepare()


def _revoked(site: Site) -> None:
    site.publishes()
    site.guard(lambda _: False)


def _narrow(site: Site) -> None:
    """403 for a scope that the token lacks (RFC 6750 section 3.1)."""
    site.publishes()
    challenge = b'WWW-Authenticate: Bearer error="insufficient_scope", scope="files:write"'

    def endpoint(exchange: Any) -> Any:
        if "authorization" not in exchange.headers:
            return site.challenge(exchange)
        return whole(403, b"text/plain", b"no", challenge)

    site.endpoint = endpoint


def _moved_issuer(site: Site) -> None:
    """The resource now names another authorization server (hardening.md, row 45)."""
    _revoked(site)
    site.documents[f"{RESOURCE_METADATA}/mcp"] = document(site.resource(authorization_servers=[f"{site.origin}/new"]))
    site.documents[f"{SERVER_METADATA}/new"] = document(site.metadata(issuer=f"{site.origin}/new"))


def _skewed(seconds: float) -> Callable[[Site], Any]:
    def fault(site: Site) -> None:
        site.skew = seconds

    return fault


CREDENTIAL = [
    Case("a good token", "58", (NOTHING,), fault=_verifying, environ=_token(), **FROM_ENVIRONMENT),
    Case(
        "the variable is not set", "58", (YOU,), r"FAR_TOKEN", r"FAR_TOKEN|set|export", _verifying, **FROM_ENVIRONMENT
    ),
    Case(
        "an expired token",
        "58",
        (YOU,),
        r"expired",
        r"FAR_TOKEN|new",
        _verifying,
        environ=_token(exp=int(time.time()) - 3 * 86400),
        **FROM_ENVIRONMENT,
    ),
    Case(
        "a token for another server",
        "58, S4",
        (YOU,),
        r"other\.acme\.example|audience|another",
        ".",
        _verifying,
        environ=_token(aud="https://other.acme.example/mcp"),
        **FROM_ENVIRONMENT,
    ),
    Case(
        "a token of another issuer",
        "37, S1, S3",
        (YOU, SERVER),
        r"Vendor|issue",
        ".",
        _filtered,
        environ=_token(iss="Vendor"),
        **FROM_ENVIRONMENT,
    ),
    Case(
        "a placeholder in place of a token",
        "58, S3",
        (YOU,),
        r"FAR_TOKEN|not a token|placeholder|JWT",
        ".",
        _filtered,
        auth=bearer("${FAR_TOKEN:-placeholder}"),
    ),
    Case(
        "a token that is not valid yet",
        "47",
        (YOU, ISSUER, UNKNOWN),
        r"not (yet )?valid|nbf|clock|before|yet",
        ".",
        lambda site: site.guard(lambda token: False),
        environ=_token(nbf=int(time.time()) + 86400),
        **FROM_ENVIRONMENT,
    ),
    Case(
        "a token file that is missing",
        "58",
        (YOU,),
        r"token\.jwt",
        ".",
        _verifying,
        auth=bearer("file:/nowhere/token.jwt"),
    ),
    Case("a command that fails", "58, S4", (YOU,), r"command|false", ".", _verifying, auth=bearer("command:false")),
    Case("a login that works", "35", (NOTHING,), fault=_guarded(), prepare=_login(), **_IN),
    Case(
        "a login that is about to be renewed",
        "35",
        (NOTHING,),
        fault=_guarded(),
        prepare=_login(access="old-opaque-token-99", lifetime=-60),
        **_IN,
    ),
    Case(
        "a login that has expired for good",
        "41",
        (YOU,),
        r"expired|ended|no token",
        LOGIN,
        _guarded(),
        prepare=_login(access="old-opaque-token-99", refresh=None, lifetime=-60),
        **_IN,
    ),
    Case(
        "a grant that the authorization server has ended",
        "41",
        (YOU,),
        r"ended|login",
        LOGIN,
        _guarded(),
        prepare=_login(access="old-opaque-token-99", lifetime=-60, refresh=None, ended="invalid_grant"),
        **_IN,
    ),
    Case(
        "a login whose token is refused",
        "36",
        (YOU, UNKNOWN),
        r"refuse",
        "mcp-auth-bridge tools far",
        _revoked,
        prepare=_login(access="revoked-opaque-token-31"),
        **_IN,
    ),
    Case(
        "the authorization server is down when the login must be renewed",
        "40",
        (ISSUER, NETWORK),
        r"(refuse|reach|answer|connect)",
        ".",
        _resource(authorization_servers=["http://127.0.0.1:9"]),
        prepare=_login(
            access="old-opaque-token-99",
            lifetime=-60,
            issuer="http://127.0.0.1:9",
            token_endpoint="http://127.0.0.1:9/token",
        ),
        **_IN,
    ),
    Case(
        "another authorization server than at the login",
        "45",
        (YOU, SERVER),
        r"authorization server|login",
        LOGIN,
        _moved_issuer,
        prepare=_login(access="revoked-opaque-token-31"),
        **_IN,
    ),
    Case(
        "a scope is missing",
        "46",
        (YOU,),
        r"scope|files:write|permission|allow",
        LOGIN,
        _narrow,
        prepare=_login(),
        **_IN,
    ),
    Case("this machine's clock is a day behind", "47", (YOU,), r"clock", r"clock|time", _skewed(86400)),
    Case("this machine's clock is a day ahead", "47", (YOU,), r"clock", r"clock|time", _skewed(-86400)),
    Case(
        "the server's clock lets a token expire at once",
        "47",
        (YOU, SERVER, UNKNOWN),
        r"clock",
        ".",
        lambda site: (_verifying(site), setattr(site, "skew", 86400)),
        environ=lambda site: {
            "FAR_TOKEN": jwt.encode({"iss": site.origin, "aud": site.url, "exp": int(time.time()) + 600}, KEY, "HS256")
        },
        **FROM_ENVIRONMENT,
    ),
    Case("a damaged record", "70", (YOU,), r"damaged|record|login|read", ".", _guarded(), prepare=_damaged, **_IN),
    Case(
        "a record of a later version",
        "71",
        (YOU,),
        r"newer|later|version",
        ".",
        _guarded(),
        prepare=_login(version=99),
        **_IN,
    ),
]


# Here


def _config(change: Callable[[str], str]) -> Callable[[Path, Site], Any]:
    def prepare(folder: Path, _: Site) -> None:
        path = folder / "config.toml"
        path.write_text(change(path.read_text()))

    return prepare


def _read_only(folder: Path) -> list[str]:
    mounts = f'mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} && exec "$@"'
    return [*in_namespace(), "sh", "-c", mounts, "-"]


def _full(folder: Path) -> list[str]:
    filled = f"cp -r {folder}/. /mnt && mount -t tmpfs -o size=64k tmpfs {folder} && cp -r /mnt/. {folder}"
    fill = f"head -c 100000 /dev/zero > {folder}/filling 2>/dev/null"
    return [*in_namespace(), "sh", "-c", f'mount -t tmpfs tmpfs /mnt && {filled}; {fill}; exec "$@"', "-"]


def _lost_key(folder: Path, site: Site) -> Any:
    """A stored login whose key is gone. Without a login, a missing key is no fault: the first one makes it."""

    async def prepare() -> None:
        await _login()(folder, site)
        (folder / "sealing.key").unlink()

    return prepare()


def _open_folder(folder: Path, site: Site) -> Any:
    async def prepare() -> None:
        await _login()(folder, site)
        (folder / "records").chmod(0o755)

    return prepare()


HERE = [
    Case(
        "a configuration that is not TOML",
        "5",
        (YOU,),
        r"config\.toml",
        r".",
        prepare=_config(lambda text: text + "[servers."),
    ),
    Case("an unknown key", "1.8", (YOU,), r"ulr", r"url", prepare=_config(lambda text: text.replace("url =", "ulr ="))),
    Case("no such server", "1.6", (YOU,), r"fra", r"far", arguments=("fra",)),
    Case(
        "a keyring without a bus",
        "49",
        (YOU,),
        r"keyring",
        r"\[store\]|store|key_file",
        _guarded(),
        auth=BROWSER,
        prepare=_config(lambda text: text[text.index("[servers.far]") :]),
    ),
    Case(
        "the sealing key is gone",
        "70",
        (YOU,),
        r"sealing\.key|key",
        ".",
        _guarded(),
        auth=BROWSER,
        prepare=_lost_key,
    ),
    Case(
        "a read-only home", "69", (YOU, NOTHING), r"", "", _guarded(), auth=BROWSER, prepare=_login(), within=_read_only
    ),
    Case(
        "a full disk", "69", (YOU,), r"space|full|disk", ".", _guarded(), auth=BROWSER, prepare=_login(), within=_full
    ),
    Case(
        "a folder that others can read",
        "69",
        (YOU,),
        r"records|open to other",
        r"chmod",
        _guarded(),
        auth=BROWSER,
        prepare=_open_folder,
    ),
    Case("few file descriptors", "34", (YOU, NOTHING), "", "", within=lambda _: ["prlimit", "--nofile=24"]),
]

CASES = [*WAY, *AT_SERVER, *OAUTH, *CREDENTIAL, *HERE, *OF_THE_RELAY]

ELSEWHERE = {
    8: "a peer that has vanished looks as silence does (8, 9)",
    31: "another network is needed: tests/shell/net/test_dial.py, tests/doctor/test_addresses.py",
    48: "a locked keyring is in tests/e2e/test_doctor_here.py",
    53: "a browser is not opened: tests/doctor/test_browser.py",
    56: "a port is not taken before a login: tests/oauth",
    63: "its own stdout is in tests/e2e/test_doctor.py",
    64: "its own stdout is in tests/e2e/test_doctor.py",
    73: "a network file system is needed: tests/stores/test_folder.py",
}
"""The rows of hardening.md, section 2, that doctor meets in other tests."""

NOT_MET = {
    **dict.fromkeys((2, 4, 27), "doctor opens no stream that outlives its reply"),
    7: "doctor uses no connection twice after a pause",
    25: "doctor asks for nothing large",
    **dict.fromkeys((38, 39, 42, 43, 44), "doctor redeems no refresh token, and sends no client's secret"),
    50: "doctor reads the keyring once",
    51: "doctor stores nothing",
    **dict.fromkeys((52, 54, 55), "doctor opens no browser and listens to no callback"),
    57: "the opening of an IDE is played by tests/shell/test_run_relay.py; doctor starts the entry as the IDE does",
    **dict.fromkeys((59, 60, 61, 62, 65, 66, 67, 68), "doctor has no MCP client, and nothing that outlives it"),
    72: "doctor keeps no stream open",
    74: "doctor takes no lock",
}
"""The rows that doctor cannot meet, and why."""

FIELD_NOT_MET = {
    "login/08, 09, 10a, b, 11b, d, 12": "they need a registration, a token response or a browser's way back",
    "relay/r01, r02, r03, r04, r08 to r14, r16, r17": "they need a call, or a second request in a session, of a client",
    "safe/a1, a4": "they need a browser, or a client's line",
}
"""The scripts of field reports whose fault shows only after the requests of doctor."""
