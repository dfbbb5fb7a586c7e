"""The rules of the verdict about the MCP server, as data (`rules.py`).

The order matters where a request has two symptoms: somebody on the way may have answered in the server's place, the
server may be at another URL, and it may refuse because a header is missing.
"""

from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame, Rule

_SEND_HEADER = (
    'add --header \'{header}: …\' to the command, or the line headers = {{ "{header}" = "…" }} to the server\'s table'
    " in the configuration, with the value that your organisation has there"
)

_LET_CLIENTS_THROUGH = (
    "Something in front of the MCP server answers in its place. Let POST, GET, DELETE and OPTIONS requests for {url}"
    " through to it, also from programs without cookies. The MCP server itself should refuse those without a token:"
    ' HTTP 401 with the header WWW-Authenticate: Bearer resource_metadata="…".'
)

RULES = (
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
        "what answers at {origin} is not a web server",
        "check the port in the URL",
    ),
    Rule(
        (Symptom.MOVED,),
        Blame.YOU,
        "{server} is at another URL: {url} leads to {place}",
        "put {place} in place of {url} into the configuration or the command",
    ),
    Rule(
        (Symptom.SCHEME_LOST,),
        Blame.SERVER,
        "{server} redirects https to http, and so to itself",
        "send its operator the text that this prints: {doctor} --for-operator",
        "{url} is redirected to the same address with http. The proxy that ends TLS has to tell the server the scheme"
        " (X-Forwarded-Proto: https), and the server has to trust it.",
    ),
    Rule(
        (Symptom.SENT_ELSEWHERE, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "requests to {server} are sent on to a page at {place}: your network or the server's single sign-on wants you"
        " to sign in first",
        "open {url} in a browser, sign in on the page that appears, then try again",
    ),
    Rule(
        (Symptom.SENT_ELSEWHERE,),
        Blame.SERVER,
        "a single sign-on in front of {server} sends programs to a page for people, at {place}",
        "send its operator the text that this prints: {doctor} --for-operator",
        f"Requests to {{url}} are redirected to {{place}}. {_LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.SENT_TO_LOGIN, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "requests to {server} are sent on to a page at {place}: your network or the server's single sign-on wants you"
        " to sign in first",
        "open {url} in a browser, sign in on the page that appears, then try again",
    ),
    Rule(
        (Symptom.SENT_TO_LOGIN, Symptom.REFUSES_CREDENTIAL),
        Blame.SERVER,
        "a single sign-on in front of {server} does not accept the credential, and sends programs to a login page at"
        " {place}",
        "send its operator the text that this prints: {doctor} --for-operator",
        f"Requests to {{url}} with a credential are redirected to {{place}}. {_LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.REDIRECTS_IN_VAIN,),
        Blame.SERVER,
        "{server} redirects requests {whither}",
        "check the URL; if it is right, send its operator the text that this prints: {doctor} --for-operator",
        "POST {url} is redirected {whither}. It has to answer itself, or redirect once with HTTP 307 or 308.",
    ),
    Rule(
        (Symptom.NOT_MCP, Symptom.ENDPOINT_FOUND),
        Blame.YOU,
        "there is no MCP server at {url}, and there is one at {endpoint}",
        "put {endpoint} in place of {url} into the configuration or the command",
    ),
    Rule(
        (Symptom.WEB_PAGE, Symptom.ENDPOINT_FOUND),
        Blame.YOU,
        "{url} is a web page, and there is an MCP server at {endpoint}",
        "put {endpoint} in place of {url} into the configuration or the command",
    ),
    Rule(
        (Symptom.NOT_MCP,),
        Blame.YOU,
        "there is no MCP server at {url}: it answers with HTTP {status}",
        "check the path of the URL in the server's documentation: most servers speak MCP only at /mcp",
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
        "check the path of the URL in the server's documentation: most servers speak MCP only at /mcp",
    ),
    Rule(
        (Symptom.HOST_REFUSED,),
        Blame.SERVER,
        "{server} does not answer to the host name in {origin}{says}",
        "send its operator the text that this prints: {doctor} --for-operator",
        "The MCP server refuses requests whose Host header belongs to {origin}{says}. Add that name to the hosts that"
        " it allows (in the MCP SDKs: the settings of its DNS rebinding protection), or let the proxy in front of it"
        " rewrite Host.",
    ),
    Rule(
        (Symptom.FORBIDDEN, Symptom.MISSING_HEADER),
        Blame.YOU,
        "{server} refuses requests without the header {header}{says}",
        _SEND_HEADER,
    ),
    Rule(
        (Symptom.FORBIDDEN, Symptom.NO_LOGIN),
        Blame.YOU,
        "{server} refuses strangers{says}, and you are not logged in",
        "run: {login}",
    ),
    Rule(
        (Symptom.FORBIDDEN_BY_PAGE, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "a web page refuses the requests to {server}{says}: a firewall of your network, or one in front of the server",
        "ask whoever runs your network, then the server's operator, to let these requests through",
    ),
    Rule(
        (Symptom.FORBIDDEN_BY_PAGE,),
        Blame.SERVER,
        "{gateway} in front of {server} refuses the requests with a web page{says}",
        "send its operator the text that this prints: {doctor} --for-operator",
        f"The web page has HTTP 403{{says}}. {_LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.RATE_LIMITED,),
        Blame.SERVER,
        "{server} limits how often it is asked{asks}",
        "wait a while, then try again; if it happens often, ask its operator for a higher limit",
    ),
    Rule(
        (Symptom.BODY_TOO_LARGE,),
        Blame.SERVER,
        "{gateway} in front of {server} refuses even the first message as too large",
        "send its operator the text that this prints: {doctor} --for-operator",
        "A POST of less than 1 KB to {url} is refused with HTTP 413. Raise the limit for request bodies (nginx:"
        " client_max_body_size).",
    ),
    Rule(
        (Symptom.HEADERS_TOO_LARGE,),
        Blame.SERVER,
        "the headers of the requests, most likely the token, are larger than {server} allows",
        "remove headers that the server does not need; else send its operator what this prints: {doctor}"
        " --for-operator",
        "Requests to {url} are refused with HTTP {status}, because their headers are too large. Raise the limit"
        " (nginx: large_client_header_buffers; Node.js: --max-http-header-size), or issue smaller tokens.",
    ),
    Rule(
        (Symptom.BAD_GATEWAY,),
        Blame.SERVER,
        "{server} is down: {gateway} in front of it gets no valid response from it",
        "try again in a few minutes; if it stays so, send its operator what this prints: {doctor} --for-operator",
        "{gateway} answers requests to {url} with HTTP {status}: the MCP server behind it does not run, listens"
        " elsewhere, or breaks the connection off.",
    ),
    Rule(
        (Symptom.GATEWAY_TIMEOUT,),
        Blame.SERVER,
        "{server} hangs or is too slow: {gateway} in front of it gets no response from it in time",
        "try again in a few minutes; if it stays so, send its operator what this prints: {doctor} --for-operator",
        "{gateway} answers requests to {url} with HTTP {status}: the MCP server behind it does not answer in time.",
    ),
    Rule(
        (Symptom.UNAVAILABLE,),
        Blame.SERVER,
        "{server} is not ready, or has too much to do{says}",
        "try again in a few minutes; if it stays so, send its operator what this prints: {doctor} --for-operator",
        "{url} answers with HTTP 503{says}.",
    ),
    Rule(
        (Symptom.SERVER_ERROR,),
        Blame.SERVER,
        "{server} has a fault of its own (HTTP {status}){says}",
        "send its operator the text that this prints: {doctor} --for-operator",
        "POST {url} with an opening of MCP is answered with HTTP {status}{says}. Its log says why.",
    ),
    Rule(
        (Symptom.SERVER_SILENT,),
        Blame.SERVER,
        "{server} takes requests and does not answer them within {seconds} seconds",
        "try again in a minute; if it stays so, send its operator what this prints: {doctor} --for-operator",
        "POST {url} with an opening of MCP gets no response within {seconds} seconds.",
    ),
    Rule(
        (Symptom.CUT_OFF,),
        Blame.UNKNOWN,
        "the connection to {server} ends as soon as a request is sent: the server fails, or a firewall on the way cuts"
        " it off",
        "try again from another network; if it is the same there, ask the server's operator, else your network's",
    ),
    Rule(
        (Symptom.NOT_A_MESSAGE,),
        Blame.SERVER,
        "{server} does not answer as MCP prescribes: a request gets {found}",
        "check the URL; if it is right, send its operator the text that this prints: {doctor} --for-operator",
        "POST {url} with a request gets {found}. MCP (Transports, Streamable HTTP) prescribes the JSON-RPC reply, with"
        " Content-Type: application/json or text/event-stream. HTTP 202 is for notifications only.",
    ),
    Rule(
        (Symptom.SESSION_FORGOTTEN,),
        Blame.SERVER,
        "{server} does not know the session that it has just opened",
        "send its operator the text that this prints: {doctor} --for-operator",
        "A request with the Mcp-Session-Id of the response to initialize is refused as unknown. If several machines or"
        " processes serve {url}, they have to share sessions, or a balancer has to keep a session at one of them.",
    ),
    Rule(
        (Symptom.FAILS_LATER,),
        Blame.SERVER,
        "{server} opens a session, and fails at the first request in it: {error}",
        "send its operator the text that this prints: {doctor} --for-operator",
        "initialize works at {url}, and the request after it does not: {error}.",
    ),
    Rule(
        (Symptom.REFUSES_CREDENTIAL, Symptom.MISSING_HEADER),
        Blame.YOU,
        "{server} refuses the credential{says}, and lacks the header {header} with your organisation",
        _SEND_HEADER,
    ),
    Rule(
        (Symptom.FORBIDDEN,),
        Blame.UNKNOWN,
        "{server} refuses the requests (HTTP 403){says}: your account lacks a permission, or the server wants"
        " something more",
        "ask its operator what your account lacks",
        "POST {url} is refused with HTTP 403{says}.",
    ),
    Rule(
        (Symptom.REFUSES_OPENING,),
        Blame.UNKNOWN,
        "{server} refuses to begin a conversation (HTTP {status}){says}",
        "if these words do not help, send its operator the text that this prints: {doctor} --for-operator",
        "initialize and server/discover are refused at {url} (HTTP {status}){says}.",
    ),
)
