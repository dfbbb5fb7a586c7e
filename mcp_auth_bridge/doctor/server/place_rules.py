"""The rules of the verdict for a URL that does not lead to the MCP server itself (`rules.py`).

A portal, a single sign-on or another server answers there, or nothing that speaks MCP.
"""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import SEND_TO_OPERATOR, Blame, Rule

LET_CLIENTS_THROUGH = (
    "Something in front of the MCP server answers in its place. Let POST, GET, DELETE and OPTIONS requests for {url}"
    " through to it, even from programs without cookies. The MCP server itself should refuse those without a token:"
    ' HTTP 401 with the header WWW-Authenticate: Bearer resource_metadata="…".'
)
"""For the operator of something in front of the server."""

PLACE_RULES = (
    Rule(
        (Symptom.PORTAL,),
        Blame.NETWORK,
        "your network wants you to sign in to it before it lets anything through",
        "open any page in a browser, sign in to the network there, then try again",
    ),
    Rule(
        (Symptom.HTTPS_PORT,),
        Blame.YOU,
        "{server} speaks https at this port, and the URL says http",
        "write https:// in place of http:// in the URL",
    ),
    Rule(
        (Symptom.NOT_HTTP,),
        Blame.YOU,
        "the program that answers at {origin} is not a web server",
        "check the port in the URL",
    ),
    Rule(
        (Symptom.MOVED,),
        Blame.YOU,
        "{server} is at another URL: {url} redirects to {place} (HTTP {status})",
        "in the configuration or the command, replace {url} with {place}",
    ),
    Rule(
        (Symptom.SCHEME_LOST,),
        Blame.SERVER,
        "{server} redirects requests to itself without encryption, from https to http",
        SEND_TO_OPERATOR,
        "{url} is redirected to the same address with http. The proxy that ends TLS has to tell the server the scheme"
        " (X-Forwarded-Proto: https), and the server has to trust it.",
    ),
    Rule(
        (Symptom.SENT_ELSEWHERE, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "requests to {server} are sent on to a page at {page}: your network or the server's single sign-on wants you"
        " to sign in first",
        "open {url} in a browser, sign in on the page that appears, then try again",
    ),
    Rule(
        (Symptom.SENT_ELSEWHERE,),
        Blame.SERVER,
        "a single sign-on in front of {server} redirects programs to a page for people, at {page} (HTTP {status})",
        SEND_TO_OPERATOR,
        f"Requests to {{url}} are redirected to {{page}}. {LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.SENT_TO_LOGIN, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "requests to {server} are sent on to a page at {page}: your network or the server's single sign-on wants you"
        " to sign in first",
        "open {url} in a browser, sign in on the page that appears, then try again",
    ),
    Rule(
        (Symptom.SENT_TO_LOGIN, Symptom.REFUSES_CREDENTIAL),
        Blame.SERVER,
        "a single sign-on in front of {server} does not accept the credential, and sends programs to a login page at"
        " {page}",
        SEND_TO_OPERATOR,
        f"Requests to {{url}} with a credential are redirected to {{page}}. {LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.SENT_TO_LOGIN, Symptom.NO_METADATA),
        Blame.SERVER,
        "a single sign-on in front of {server} sends programs to a login page for people, at {page}",
        SEND_TO_OPERATOR,
        f"Requests to {{url}} without a credential are redirected to a login page. {LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.OTHER_SCHEME, Symptom.NO_METADATA),
        Blame.YOU,
        "{server} offers no login that a program could do for you: it wants credentials of the kind {scheme}",
        "ask its operator for them, and put them under auth for this server:"
        ' {{ kind = "headers", headers = {{ Authorization = "env:NAME" }} }}',
    ),
    Rule(
        (Symptom.REDIRECTS_NOWHERE,),
        Blame.SERVER,
        "{server} redirects requests {where} (HTTP {status})",
        f"check the URL; if it is right, {SEND_TO_OPERATOR}",
        "POST {url} is redirected {where}. It has to answer itself, or redirect once with HTTP 307 or 308.",
    ),
    Rule(
        (Symptom.NOT_MCP, Symptom.ENDPOINT_FOUND),
        Blame.YOU,
        "there is no MCP server at {url}, but there is one at {endpoint}",
        "in the configuration or the command, replace {url} with {endpoint}",
    ),
    Rule(
        (Symptom.WEB_PAGE, Symptom.ENDPOINT_FOUND),
        Blame.YOU,
        "{url} is a web page, but there is an MCP server at {endpoint}",
        "in the configuration or the command, replace {url} with {endpoint}",
    ),
    Rule(
        (Symptom.NOT_MCP,),
        Blame.YOU,
        "there is no MCP server at {url}: it answers with HTTP {status}",
        "check the path in the server's documentation: a server speaks MCP at one path only, such as /mcp or /sse",
    ),
    Rule(
        (Symptom.LOGIN_PAGE, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "a login page answers in place of {server}{says}: your network or the server's single sign-on wants you to sign"
        " in first",
        "open {url} in a browser, sign in on the page that appears, then try again",
    ),
    Rule(
        (Symptom.LOGIN_PAGE,),
        Blame.SERVER,
        "a single sign-on in front of {server} answers programs with a login page for people{says}",
        SEND_TO_OPERATOR,
        f"POST {{url}} is answered with a login page, HTTP 200. {LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.WEB_PAGE, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "a web page answers in place of {server}{says}: the URL is wrong, or your network wants you to sign in first",
        "open {url} in a browser: if your network asks you to sign in, do so; otherwise check the path of the URL",
    ),
    Rule(
        (Symptom.WEB_PAGE,),
        Blame.YOU,
        "{url} is a web page and not an MCP server{says}",
        "check the path in the server's documentation: a server speaks MCP at one path only, such as /mcp or /sse",
    ),
)
