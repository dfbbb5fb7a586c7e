"""A hostile MCP server or authorization server without sockets. The world follows the rules of the shell.

It records the requests to each server.
"""

from ipaddress import ip_address
from socket import inet_aton
from urllib.parse import parse_qsl, urlsplit

from hostile_urls import words
from playing import NOT_FOUND, answer, outcome, plain

from mcp_auth_bridge.effects import Agree, Authorize, Entropy, Fetch, Listen, Now, Show
from mcp_auth_bridge.errors import BridgeError, LoginRequired
from mcp_auth_bridge.oauth.address_zones import Zone, parse_address
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.oauth.trust import filter_addresses
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP, AS, HERE = "https://mcp.example/mcp", "https://as.example", "http://127.0.0.1:4711/callback"
METADATA = {
    "issuer": AS,
    "authorization_endpoint": f"{AS}/authorize",
    "token_endpoint": f"{AS}/token",
    "registration_endpoint": f"{AS}/register",
    "revocation_endpoint": f"{AS}/revoke",
    "device_authorization_endpoint": f"{AS}/device",
    "code_challenge_methods_supported": ["S256"],
}
RESOURCE = {"resource": MCP, "authorization_servers": [AS]}
REGISTRATION = {"client_id": "new", "redirect_uris": [HERE]}
TOKENS = {"access_token": "AT", "refresh_token": "RT", "expires_in": 60}
DEVICE = {"device_code": "DC", "user_code": "UC", "verification_uri": f"{AS}/go", "interval": 1, "expires_in": 60}
KNOWN = Client(issuer=AS, id="old", secret=Secret("CS"), auth_method="client_secret_post", redirect_uri=HERE)
RESERVED = words("client_id redirect_uri response_type state code_challenge code_challenge_method resource")


def resolved(host):
    """The address that a resolver returns for `host`, None for a public name.

    Resolvers accept more spellings of an address than `ipaddress` does.
    """
    if host.rstrip(".").endswith("localhost"):
        return ip_address("127.0.0.1")
    try:
        return ip_address(inet_aton(host.rstrip(".")))
    except OSError:
        return parse_address(host)


class World:
    """Two servers with the honest documents, except for `changes`; `None` is a missing document.

    The user never agrees.
    """

    def __init__(self, **changes):
        self.resource = changes.pop("resource", RESOURCE)
        self.metadata = changes.pop("metadata", METADATA)
        self.registration = changes.pop("registration", answer(REGISTRATION, 201))
        self.tokens = changes.pop("tokens", answer(TOKENS))
        self.device = changes.pop("device", answer(DEVICE))
        self.callback = changes.pop("callback", {})
        self.challenge = changes.pop("challenge", None)
        self.server = changes.pop("server", MCP)
        assert not changes
        # Pairs of an origin and a request to it.
        self.got = []
        # The URLs that a browser was given, and the URLs that the user was asked to open on another device.
        self.opened, self.shown = [], []
        # The questions that the user was asked, each with the option that agrees in advance.
        self.questions = []

    def log_in(self, **more):
        """Play a login and return the session, or the error."""
        challenge = Challenge("bearer", {"resource_metadata": self.challenge}) if self.challenge else None
        plan = LoginPlan(url=gate(self.server, Purpose.SERVER), challenge=challenge, **more)
        return outcome(lambda: self._drive(login(plan)))

    def log_in_in_every_way(self):
        """Log in by browser with a new client and with a known one, and by device. Return the three outcomes."""
        grants = ({}, {"clients": {AS: KNOWN}}, {"grant": device_code})
        return [self.log_in(**{"grant": authorization_code, **way}) for way in grants]

    def origins_with_secrets(self):
        """The origins that received a form: each form holds a code, a verifier, a token or a client's secret."""
        return {origin for origin, request in self.got if request.form is not None}

    def _drive(self, flow):
        try:
            effect = next(flow)
            while True:
                try:
                    result = self._perform(effect)
                except BridgeError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as end:
            return end.value

    def _perform(self, effect):
        match effect:
            case Fetch():
                return self._fetch(effect)
            case Listen():
                return HERE
            case Authorize(url=url, state=state):
                self.opened.append(url)
                given = self.callback(state) if callable(self.callback) else self.callback
                return {"state": state, "code": "C", **given}
            case Show(url=url):
                self.shown.append(url)
            case Agree(question=question, answer=option):
                self.questions.append((question, option))
                raise LoginRequired(question, f"run: mcp-auth-bridge login x {option}")
            case Entropy(size=size):
                return b"\x01" * size
            case Now():
                return 1000.0
        return None

    def _fetch(self, effect):
        address = resolved(effect.url.host)
        home = parse_address(effect.led_by.host) if effect.led_by else None
        reach = Zone.LOOPBACK if effect.led_by is None or home else Zone.PUBLIC  # names are public in this world
        if address is not None:
            filter_addresses([address], reach, effect.url, effect.led_by)
        assert gate(str(effect.url), Purpose.TOKEN) == effect.url
        self.got.append((effect.url.origin, effect))
        return self._answer(effect)

    def _answer(self, effect):
        if effect.document is not None:
            return self.registration
        if effect.form is not None:
            return self.tokens if "grant_type" in effect.form else self.device
        if "oauth-protected-resource" in effect.url.path or str(effect.url) == self.challenge:
            return NOT_FOUND if self.resource is None else answer(self.resource)
        if "well-known" in effect.url.path and self.metadata is not None:
            return answer(self.metadata)
        return NOT_FOUND

    def check(self):
        """Assert the invariants: secrets go only to the honest server, and browsers only to one canonical URL."""
        assert self.origins_with_secrets() <= {AS}, self.origins_with_secrets()
        for url in self.opened:
            assert url == str(gate(url, Purpose.AUTHORIZATION))
            assert urlsplit(url)[:2] == ("https", "as.example"), url
            names = [name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)]
            assert all(names.count(name) == 1 for name in RESERVED), url
        for url in self.shown:
            assert url == str(gate(url, Purpose.AUTHORIZATION))
        for _, request in self.got:
            address = resolved(request.url.host)
            assert parse_address(request.url.host) == address, "an address in disguise"
            assert address is None or address.is_global, address  # the standard library's own check
            sent = [*plain(request.form or {}).values(), *map(str, request.headers.values())]
            assert request.url.scheme == "https"
            assert request.form is not None or not {"C", "RT", "AT", "CS", "DC"}.intersection(sent)
