"""The pages of the demo's authorization server. They share one frame, and have no script and no external resource.

Text from clients is escaped.
"""

import string
from html import escape
from pathlib import Path

from mcp_auth_bridge.demo.rules import AuthorizationRequest
from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.urls import Purpose, gate

_FRAME = string.Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
_CONSENT = string.Template("""\
<h1>Allow $client to use your tools?</h1>
<p>It asks for access to the demo's MCP server on your behalf.</p>
<dl>
<dt>MCP server</dt><dd>$resource</dd>
<dt>It will be able to</dt><dd>$abilities</dd>
<dt>Your answer goes to</dt><dd>$destination</dd>
</dl>
<form method="post" action="/consent">
<input type="hidden" name="ticket" value="$ticket">
<button name="decision" value="deny">Deny</button>
<button name="decision" value="allow">Allow</button>
</form>""")
_ABILITIES = {"tools": "list and call tools", "offline_access": "do so later, without asking again"}
_REFUSAL = string.Template("<h1>This request was refused</h1>\n<p>$message.</p>")


def consent_page(request: AuthorizationRequest, resource: str, ticket: str) -> str:
    return _page(
        _CONSENT,
        client=quoted(request.client.name, 60),
        resource=resource,
        abilities=" and ".join(_ABILITIES[scope] for scope in request.scope.split()),
        destination=gate(request.redirect_uri, Purpose.REDIRECT).origin,
        ticket=ticket,
    )


def refusal_page(message: str) -> str:
    return _page(_REFUSAL, message=message[:1].upper() + message[1:])


def security_headers(*form_targets: str) -> dict[str, str]:
    """The headers of every page. `form_targets` are the origins to which a form may redirect: `form-action` covers the
    redirect that follows a form.
    """
    targets = " ".join(("'self'", *form_targets))
    return {
        "content-security-policy": f"default-src 'none'; style-src 'unsafe-inline'; form-action {targets}; "
        "frame-ancestors 'none'; base-uri 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
    }


def _page(body: string.Template, **values: str) -> str:
    filled = body.substitute({name: escape(value) for name, value in values.items()})
    return _FRAME.substitute(title="mcp-auth-bridge demo", body=filled)
