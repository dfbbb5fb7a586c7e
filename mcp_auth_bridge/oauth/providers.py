"""What known authorization servers want beyond the specifications, as data. A profile's own settings win.

A server that needs nothing special (Atlassian, Linear, Notion, Vercel, Salesforce) has no entry.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from mcp_auth_bridge.login_settings import OMITTED
from mcp_auth_bridge.oauth.discovery import Server


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """`hosts` are the issuer's host or a parent domain of it, with "*" for one label; `path` is a part of its path.

    `parameters` go into the authorization request. `takes_resource` is whether it can bear `resource` (RFC 8707), and
    `takes_audience` whether it wants the same identifier as `audience`. `offline_access` is whether that scope is to be
    asked for although its metadata do not list it, `repeats_scope` whether a refresh has to name its scopes again,
    `takes_s256` whether PKCE by that method works although its metadata do not say so.
    `registration` is what a person has to know where this bridge is not registered by itself.
    """

    hosts: tuple[str, ...] = ()
    path: str = ""
    parameters: Mapping[str, str] = {}
    takes_resource: bool = True
    takes_audience: bool = False
    offline_access: bool = False
    repeats_scope: bool = False
    takes_s256: bool = False
    registration: str = ""

    def operates(self, host: str, path: str) -> bool:
        return (not self.hosts or any(_within(host, domain) for domain in self.hosts)) and self.path in path


PROVIDERS = (
    # Without both parameters, Google issues a refresh token at the very first consent only (peers.md, pain 5).
    Provider(
        hosts=("accounts.google.com",),
        parameters={"access_type": "offline", "prompt": "consent"},
        registration="Google registers no clients by itself (console.cloud.google.com, an OAuth client for desktop)",
    ),
    # AADSTS9010010 and 901002: `resource` belongs to the first version of its protocol. AADSTS90009: a refresh without
    # scopes is taken for one that asks for a token for the client itself (peers.md, pain 11; mcp-remote #217, #357).
    # PKCE: claude-ai-mcp #786, learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow.
    # The clouds: learn.microsoft.com/entra/identity-platform/authentication-national-cloud.
    Provider(
        hosts=(
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoftonline.us",
            "login.partner.microsoftonline.cn",
            "login.chinacloudapi.cn",
            "ciamlogin.com",
        ),
        takes_resource=False,
        offline_access=True,
        repeats_scope=True,
        takes_s256=True,
        registration="Entra ID registers no clients by itself (entra.microsoft.com, App registrations, the platform"
        " “Mobile and desktop applications” with the redirect URI http://localhost/callback)",
    ),
    # It reads `audience`, and `resource` only with its “Resource Parameter Compatibility Profile” on; where both come,
    # `audience` decides (auth0.com/ai/docs/mcp/guides/resource-param-compatibility-profile; vscode #274226).
    Provider(hosts=("auth0.com",), takes_audience=True),
    # Its registration endpoint wants an administrator's token; audiences are the authorization server's, not the
    # request's (modelcontextprotocol #695, envoyproxy/ai-gateway #2074).
    Provider(
        hosts=("okta.com", "oktapreview.com", "okta-emea.com"),
        registration="Okta registers clients for administrators only (a native app with PKCE in its admin console)",
    ),
    # `resource` must be the identifier of a resource server of the pool (fastmcp #2149); see also token = "id". PKCE:
    # claude-ai-mcp #946, docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html.
    Provider(
        hosts=("cognito-idp.*.amazonaws.com", "amazoncognito.com"),
        takes_s256=True,
        registration="Cognito registers no clients by itself (an app client of the user pool, without a secret)",
    ),
    # opensearch-mcp-server-py #227: anonymous registration is closed by its policy “Trusted Hosts”.
    Provider(
        path="/realms/",
        registration="Keycloak registers clients only from hosts that its policy “Trusted Hosts” lists",
    ),
    # github-mcp-server #2532: “we will never be able to implement” dynamic registration.
    Provider(
        hosts=("github.com", "ghe.com"),
        registration="GitHub has no dynamic registration (github.com/settings/developers); a personal access token"
        ' works too: auth = { kind = "bearer", token = "env:GITHUB_TOKEN" }',
    ),
    # command-code #610; codex #13200: a redirect URI is compared with those of the app, port and all.
    Provider(
        hosts=("slack.com",),
        registration="Slack has no dynamic registration (an app at api.slack.com/apps, with callback_port fixed to the"
        " port of its redirect URL)",
    ),
    # mcp-remote #186: HTTP 403 for clients that it has not approved.
    Provider(hosts=("figma.com",), registration="Figma registers only clients that it has approved"),
    # claude-code #67258.
    Provider(hosts=("box.com",), registration="Box registers no clients by itself (an app at developer.box.com)"),
)


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile says about its authorization server; it wins over what is known about that.

    `audience` is sent as it is, not at all if it is `OMITTED`, and where the provider wants it if it is "". `token` is
    the one that the MCP server wants: "access" or "id". `account` is who is to sign in, "" for anybody. `pkce` is the
    method that the server takes although its metadata do not say so.
    """

    audience: str = ""
    token: str = "access"
    account: str = ""
    pkce: str = ""
    parameters: Mapping[str, str] = {}


def provider_of(server: Server) -> Provider:
    """What is known about the server's operator; nothing, for most. Its endpoint tells too: issuers may be anything."""
    issuer = urlsplit(server.issuer)
    endpoint = server.authorization_endpoint or server.token_endpoint
    for provider in PROVIDERS:
        if provider.operates(issuer.hostname or "", issuer.path) or provider.operates(endpoint.host, endpoint.path):
            return provider
    return Provider()


def identifier(resource: str) -> str:
    """The resource's identifier in a profile's `resource`, "" where that names none."""
    return "" if resource == OMITTED else resource


def as_wanted(server: Server, resource: str, ways: Ways) -> Server:
    """`server` with its operator's ways, and with the profile's, which win.

    A `resource` that the profile gives is sent in any case, and none if that is `OMITTED`.
    """
    provider = provider_of(server)
    takes_resource = resource != OMITTED and (provider.takes_resource or bool(resource))
    audience = ways.audience or (server.resource if provider.takes_audience else "")
    named = {"audience": audience, "login_hint": ways.account}
    known = {name: value for name, value in named.items() if value and value != OMITTED}
    return msgspec.structs.replace(
        server,
        resource=server.resource if takes_resource else "",
        authorize_params={**provider.parameters, **known, **ways.parameters},
        offers_offline_access=server.offers_offline_access or provider.offline_access,
        repeats_scope=provider.repeats_scope,
        takes_s256=server.takes_s256 or provider.takes_s256 or ways.pkce == "S256",
        token=ways.token,
    )


# learn.microsoft.com/entra/identity-platform/reference-error-codes: the numbers are stable, the texts are not.
_NUMBERS = {
    "9010010": 'set resource = "none" under auth for this server: Entra ID refuses that parameter',
    "901002": 'set resource = "none" under auth for this server: Entra ID refuses that parameter',
    "7000218": "the client is registered as a web app: allow public client flows for it, or set its client_secret",
    "50011": "register http://localhost/callback for the client, as a “Mobile and desktop application”",
    "650053": "the scopes do not exist at that resource: set scopes under auth, as api://…/… spells them",
    "65001": "an administrator has to consent to the client first",
}
_CODES = {
    "invalid_target": 'set resource under auth for this server to what it is called there, or to "none" to send none',
    "invalid_scope": "set scopes under auth for this server to those that you are allowed",
}


def advice(error: str, description: str) -> str:
    """What to change after a refusal with the code `error`, "" where nothing is known. Neither text is repeated."""
    number = re.search(r"AADSTS([0-9]{1,8})\b", description)
    return (_NUMBERS.get(number[1], "") if number else "") or _CODES.get(error, "")


def _within(host: str, domain: str) -> bool:
    theirs, ours = host.split(".")[::-1], domain.split(".")[::-1]
    return len(theirs) >= len(ours) and all(own in ("*", label) for label, own in zip(theirs, ours, strict=False))
