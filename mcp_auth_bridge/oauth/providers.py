"""How known authorization servers deviate from the specifications, as data. A profile's settings win over it.

A server that needs nothing special (Linear, Notion, Vercel, Salesforce) has no entry. `tests/support/provider_table.py`
makes `docs/providers.md` from these entries.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from mcp_auth_bridge.config.login import OMITTED
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A product or service, and how its authorization servers deviate."""

    # For the documentation.
    name: str = ""
    # The issuer's host or a parent domain of it, with "*" for one label; () for any host.
    hosts: tuple[str, ...] = ()
    # A part of the issuer's path.
    path: str = ""
    # Further parameters of the authorization request.
    parameters: Mapping[str, str] = {}
    # Whether it accepts the parameter `resource` (RFC 8707).
    takes_resource: bool = True
    # Whether it wants the same identifier as `audience`.
    takes_audience: bool = False
    # Whether the scope `offline_access` is to be asked for although its metadata do not list it.
    offline_access: bool = False
    # Whether a refresh has to name its scopes again.
    repeats_scope: bool = False
    # Whether PKCE by S256 works although its metadata do not say so.
    takes_s256: bool = False
    # How the user gets a client there, if the bridge cannot register one; "" if it can.
    registration: str = ""
    # For the documentation: one sentence on other oddities, "" for none.
    note: str = ""
    # For the documentation: an example of the keys between the braces of `auth`, "" for none.
    keys: str = ""

    def operates(self, host: str, path: str) -> bool:
        """Whether an authorization server at `host` and `path` is one of these."""
        return (not self.hosts or any(_within(host, domain) for domain in self.hosts)) and self.path in path


PROVIDERS = (
    # Without both parameters, Google issues a refresh token at the very first consent only (peers.md, pain 5).
    # The secret: google_workspace_mcp #1008, codex #40783.
    Provider(
        name="Google",
        hosts=("accounts.google.com",),
        parameters={"access_type": "offline", "prompt": "consent"},
        registration="Google registers no clients by itself (console.cloud.google.com, an OAuth client for desktop)",
        note="its clients have a secret, even those for desktop apps",
        keys='kind = "browser", client_id = "….apps.googleusercontent.com", client_secret = "env:GOOGLE_CLIENT_SECRET",'
        ' issuer = "https://accounts.google.com"',
    ),
    # AADSTS9010010 and 901002: `resource` belongs to the first version of its protocol. AADSTS90009: a refresh without
    # scopes is taken for one that asks for a token for the client itself (peers.md, pain 11; mcp-remote #217, #357).
    # PKCE: claude-ai-mcp #786, learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow.
    # The clouds: learn.microsoft.com/entra/identity-platform/authentication-national-cloud.
    # The issuer of one tenant: codex #38973.
    Provider(
        name="Entra ID",
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
        note="the issuer holds the ID of your tenant, never “common” or “organizations”",
        keys='kind = "browser", client_id = "APPLICATION", issuer = "https://login.microsoftonline.com/TENANT/v2.0",'
        ' callback_host = "localhost"',
    ),
    # It reads `audience`, and `resource` only with its “Resource Parameter Compatibility Profile” on; of both,
    # `audience` decides (auth0.com/ai/docs/mcp/guides/resource-param-compatibility-profile; vscode #274226).
    Provider(
        name="Auth0",
        hosts=("auth0.com",),
        takes_audience=True,
        note="without an audience it issues an opaque token, which MCP servers refuse; the key is needed only where the"
        " API has another identifier there than the MCP server's URL",
        keys='kind = "browser", audience = "https://api.acme.example"',
    ),
    # Its registration endpoint wants an administrator's token; audiences are the authorization server's, not the
    # request's (modelcontextprotocol #695, envoyproxy/ai-gateway #2074).
    Provider(
        name="Okta",
        hosts=("okta.com", "oktapreview.com", "okta-emea.com"),
        registration="Okta registers clients for administrators only (a native app with PKCE in its admin console)",
        note="the audience is that of the authorization server, whatever the request says",
        keys='kind = "browser", client_id = "APP", issuer = "https://acme.okta.com/oauth2/default"',
    ),
    # `resource` must be the identifier of a resource server of the pool (fastmcp #2149); see also token = "id"
    # (mcp-remote #219). AgentCore names it as its authorization server (agentcore-samples #1056). PKCE:
    # claude-ai-mcp #946, docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html.
    Provider(
        name="Cognito, also behind AgentCore",
        hosts=("cognito-idp.*.amazonaws.com", "amazoncognito.com"),
        takes_s256=True,
        registration="Cognito registers no clients by itself (an app client of the user pool, without a secret)",
        note="the pool has to have a resource server whose identifier is the MCP server's URL; some MCP servers take"
        ' only the ID token: token = "id"',
        keys='kind = "browser", client_id = "APP", issuer = "https://cognito-idp.REGION.amazonaws.com/POOL"',
    ),
    # opensearch-mcp-server-py #227: anonymous registration is closed by its policy “Trusted Hosts”.
    Provider(
        name="Keycloak",
        path="/realms/",
        registration="Keycloak registers clients only from hosts that its policy “Trusted Hosts” lists",
        keys='kind = "browser", client_id = "CLIENT", issuer = "https://login.acme.example/realms/REALM"',
    ),
    # github-mcp-server #2532: “we will never be able to implement” dynamic registration.
    Provider(
        name="GitHub",
        hosts=("github.com", "ghe.com"),
        registration="GitHub has no dynamic registration (github.com/settings/developers); a personal access token"
        ' works too: auth = { kind = "bearer", token = "env:GITHUB_TOKEN" }',
        note="it answers errors with status 200, and names scopes with commas between them",
        keys='kind = "bearer", token = "env:GITHUB_TOKEN"',
    ),
    # command-code #610; codex #13200: a redirect URI is compared with those of the app, port and all. The note:
    # openwork #3569, template-agent #265.
    Provider(
        name="Slack",
        hosts=("slack.com",),
        registration="Slack has no dynamic registration (an app at api.slack.com/apps, with callback_port fixed to the"
        " port of its redirect URL)",
        note="it answers with the token type user, with commas between scopes, and with HTTP 400 to newer revisions of"
        " MCP, all of which the bridge understands",
        keys='kind = "browser", client_id = "APP", issuer = "https://mcp.slack.com", callback_host = "localhost",'
        " callback_port = 33418",
    ),
    # mcp-remote #186: HTTP 403 for clients that it has not approved.
    Provider(name="Figma", hosts=("figma.com",), registration="Figma registers only clients that it has approved"),
    # claude-code #67258.
    Provider(
        name="Box", hosts=("box.com",), registration="Box registers no clients by itself (an app at developer.box.com)"
    ),
    # claude-code #31349, #80991; the encoding: ai-dial-core #1527; the scopes: claude-ai-mcp #78.
    Provider(
        name="Snowflake",
        hosts=("snowflakecomputing.com",),
        registration="Snowflake registers no clients by itself (a security integration of the type OAUTH)",
        note="it publishes no metadata of its authorization server, and reads Basic without form-encoding",
        keys='kind = "browser", client_id = "CLIENT", client_secret = "env:SNOWFLAKE_SECRET",'
        ' issuer = "https://ACCOUNT.snowflakecomputing.com/oauth",'
        ' authorization_endpoint = "https://ACCOUNT.snowflakecomputing.com/oauth/authorize",'
        ' token_endpoint = "https://ACCOUNT.snowflakecomputing.com/oauth/token-request",'
        ' auth_method = "client_secret_basic_raw", scopes = ["refresh_token", "session:role:ROLE"]',
    ),
    # junior #832 (the challenge), open-seo #48 (redirect URIs), claude-ai-mcp #478 (`resource`, which is always sent).
    Provider(
        name="Cloudflare Access",
        hosts=("cloudflareaccess.com",),
        note="it challenges by a scheme of its own, or leads to its sign-in page, both of which the bridge understands;"
        " Managed OAuth has to be on for the application, and to allow loopback redirect URIs",
    ),
    # claude-code #67714, oh-my-pi #5107.
    Provider(
        name="Clerk",
        hosts=("clerk.accounts.dev",),
        note="it allows a client the scopes that it was registered with, and no others",
    ),
    # atlassian-mcp-server #205, #148: for mcp.atlassian.com/v1/mcp/authv2; for /v1/mcp it is https://cf.mcp.atlassian.com.
    Provider(
        name="Atlassian",
        hosts=("atlassian.com",),
        note="its metadata are of another issuer than the one that was asked for: https://auth.atlassian.com at"
        " /v1/mcp/authv2, https://cf.mcp.atlassian.com at /v1/mcp",
        keys='kind = "browser", trusted_issuer = "https://auth.atlassian.com"',
    ),
)


class ProviderOverrides(msgspec.Struct, frozen=True, kw_only=True):
    """A profile's settings for its authorization server; they win over a `Provider`."""

    # The parameter `audience`; `OMITTED` to send none; "" to send one only if the provider wants it.
    audience: str = ""
    # The token for the MCP server: "access" or "id".
    token: str = "access"
    # The account that is to sign in, "" for any.
    account: str = ""
    # The PKCE method that the server takes although its metadata do not say so, "" for none.
    pkce: str = ""
    # Further parameters of the authorization request.
    parameters: Mapping[str, str] = {}


def provider_of(server: AuthorizationServer) -> Provider:
    """The entry for `server`, or an empty one. The endpoint's host counts too, because an issuer may be any URL."""
    issuer = urlsplit(server.issuer)
    endpoint = server.authorization_endpoint or server.token_endpoint
    for provider in PROVIDERS:
        if provider.operates(issuer.hostname or "", issuer.path) or provider.operates(endpoint.host, endpoint.path):
            return provider
    return Provider()


def resource_identifier(resource: str) -> str:
    """The resource identifier in a profile's `resource` setting, "" if that names none."""
    return "" if resource == OMITTED else resource


def adapted_to_provider(server: AuthorizationServer, resource: str, ways: ProviderOverrides) -> AuthorizationServer:
    """`server` with the deviations of its provider and the profile's own (`ways`), which win.

    A `resource` from the profile is always sent; if it is `OMITTED`, none is sent.
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
    "invalid_target": 'set resource under auth for this server to its identifier there, or to "none" to send none',
    "invalid_scope": "set scopes under auth for this server to scopes that you are allowed to request",
}


def advice(error: str, description: str) -> str:
    """The hint after a refusal with the code `error`, "" if none is known. It repeats neither argument."""
    number = re.search(r"AADSTS([0-9]{1,8})\b", description)
    return (_NUMBERS.get(number[1], "") if number else "") or _CODES.get(error, "")


def _within(host: str, domain: str) -> bool:
    theirs, ours = host.split(".")[::-1], domain.split(".")[::-1]
    return len(theirs) >= len(ours) and all(own in ("*", label) for label, own in zip(theirs, ours, strict=False))
