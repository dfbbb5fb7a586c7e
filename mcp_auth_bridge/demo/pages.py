"""The pages of the demo's authorization server, in the frame of all pages of the bridge (`shell/browser/page_frame`).

Text from clients is escaped.
"""

import string
from html import escape

from mcp_auth_bridge.demo.rules import AuthorizationRequest
from mcp_auth_bridge.errors import quoted
from mcp_auth_bridge.shell.browser import page_frame
from mcp_auth_bridge.urls import Purpose, gate

_CONSENT = string.Template("""\
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
_REFUSAL = string.Template("<p>$message.</p>")
_NAME = f"{page_frame.PRODUCT} demo"
_ABOUT = '<p class="quiet">This page comes from your own machine and ends with the demo.</p>'


def consent_page(request: AuthorizationRequest, resource: str, ticket: str) -> str:
    return _page(
        f"Allow {quoted(request.client.name, 60)} to use your tools?",
        _CONSENT,
        resource=resource,
        abilities=" and ".join(_ABILITIES[scope] for scope in request.scope.split()),
        destination=gate(request.redirect_uri, Purpose.REDIRECT).origin,
        ticket=ticket,
    )


def refusal_page(message: str) -> str:
    return _page("This request was refused", _REFUSAL, message=message[:1].upper() + message[1:])


def security_headers(*form_targets: str) -> dict[str, str]:
    """The headers of every page. `form_targets` are the origins to which a form may redirect."""
    return {
        "content-security-policy": page_frame.policy("'self'", *form_targets),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
    }


def _page(title: str, body: string.Template, **values: str) -> str:
    filled = body.substitute({name: escape(value) for name, value in values.items()})
    return page_frame.page(title, f"{filled}\n{_ABOUT}", name=_NAME)
