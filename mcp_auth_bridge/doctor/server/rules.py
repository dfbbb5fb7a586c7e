"""The rules of the verdict about the MCP server, as data (`rules.py`).

The order matters where a request has two symptoms: something on the way may have answered in the server's place, the
server may be at another URL, and it may refuse because a header is missing.
"""

from mcp_auth_bridge.doctor.server.place_rules import LET_CLIENTS_THROUGH, PLACE_RULES
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import SEND_TO_OPERATOR, Blame, Rule

_SEND_HEADER = (
    'add --header \'{header}: …\' to the command, or the line headers = {{ "{header}" = "…" }} to the server\'s table'
    " in the configuration, with your organisation's value"
)

SERVER = (
    *PLACE_RULES,
    Rule(
        (Symptom.HOST_REFUSED,),
        Blame.SERVER,
        "{server} does not answer to the host name in {origin}{says}",
        SEND_TO_OPERATOR,
        "The MCP server refuses requests whose Host header names {origin}{says}. Add that name to the hosts that"
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
        "{server} refuses clients without a login{says}, and you are not logged in",
        "run: {login}",
    ),
    Rule(
        (Symptom.FORBIDDEN_BY_PAGE, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "a web page refuses the requests to {server}{says}: a firewall of your network, or one in front of the server",
        "ask the operator of your network, then the server's operator, to let these requests through",
    ),
    Rule(
        (Symptom.FORBIDDEN_BY_PAGE,),
        Blame.SERVER,
        "{server}, or {gateway} in front of it, refuses the requests with a web page (HTTP 403){says}",
        SEND_TO_OPERATOR,
        f"The web page has HTTP 403{{says}}. {LET_CLIENTS_THROUGH}",
    ),
    Rule(
        (Symptom.WANTS_PAYMENT,),
        Blame.YOU,
        "{server} wants to be paid first (HTTP 402){says}",
        "check the plan and the limits of your account there",
    ),
    Rule(
        (Symptom.RATE_LIMITED,),
        Blame.SERVER,
        "{server} limits how often it is asked (HTTP 429){asks}",
        "wait a while, then try again; if it happens often, ask its operator for a higher limit",
    ),
    Rule(
        (Symptom.BODY_TOO_LARGE,),
        Blame.SERVER,
        "{server}, or {gateway} in front of it, refuses even the first message as too large (HTTP 413)",
        SEND_TO_OPERATOR,
        "A POST of less than 1 KB to {url} is refused with HTTP 413. Raise the limit for request bodies (nginx:"
        " client_max_body_size).",
    ),
    Rule(
        (Symptom.HEADERS_TOO_LARGE,),
        Blame.SERVER,
        "the headers of the requests, most likely the token, are larger than {server} allows (HTTP {status})",
        "remove headers that the server does not need; else send its operator the text that this prints: {doctor}"
        " --for-operator",
        "Requests to {url} are refused with HTTP {status}, because their headers are too large. Raise the limit"
        " (nginx: large_client_header_buffers; Node.js: --max-http-header-size), or issue smaller tokens.",
    ),
    Rule(
        (Symptom.BAD_GATEWAY, Symptom.THROUGH_PROXY),
        Blame.UNKNOWN,
        "{proxy}, or a proxy in front of {server}, gets no valid response from it (HTTP {status})",
        "ask the operator of {proxy} whether it can reach {origin}; if it can, ask the server's operator",
    ),
    Rule(
        (Symptom.GATEWAY_TIMEOUT, Symptom.THROUGH_PROXY),
        Blame.UNKNOWN,
        "{proxy}, or a proxy in front of {server}, gets no response from it in time (HTTP {status})",
        "ask the operator of {proxy} whether it can reach {origin}; if it can, ask the server's operator",
    ),
    Rule(
        (Symptom.UNAVAILABLE, Symptom.THROUGH_PROXY),
        Blame.UNKNOWN,
        "{proxy}, or the server {server} itself, is not ready (HTTP 503){says}",
        "ask the operator of {proxy} whether it can reach {origin}; if it can, ask the server's operator",
    ),
    Rule(
        (Symptom.BAD_GATEWAY,),
        Blame.SERVER,
        "{server} is down: {gateway} in front of it gets no valid response from it (HTTP {status})",
        f"try again in a while; if this persists, {SEND_TO_OPERATOR}",
        "{gateway} answers requests to {url} with HTTP {status}: the MCP server behind it does not run, listens"
        " elsewhere, or breaks the connection off.",
    ),
    Rule(
        (Symptom.GATEWAY_TIMEOUT,),
        Blame.SERVER,
        "{server} hangs or is too slow: {gateway} in front of it gets no response in time (HTTP {status})",
        f"try again in a while; if this persists, {SEND_TO_OPERATOR}",
        "{gateway} answers requests to {url} with HTTP {status}: the MCP server behind it does not answer in time.",
    ),
    Rule(
        (Symptom.UNAVAILABLE,),
        Blame.SERVER,
        "{server} is not ready, or is overloaded (HTTP 503){says}",
        f"try again in a while; if this persists, {SEND_TO_OPERATOR}",
        "{url} answers with HTTP 503{says}.",
    ),
    Rule(
        (Symptom.SERVER_ERROR,),
        Blame.SERVER,
        "{server} has a fault of its own (HTTP {status}){says}",
        SEND_TO_OPERATOR,
        "POST {url} with the first request of MCP is answered with HTTP {status}{says}. The server's log says why.",
    ),
    Rule(
        (Symptom.SERVER_SILENT,),
        Blame.SERVER,
        "{server} takes requests and does not answer them within {seconds} seconds",
        f"try again in a minute; if this persists, {SEND_TO_OPERATOR}",
        "POST {url} with the first request of MCP gets no response within {seconds} seconds.",
    ),
    Rule(
        (Symptom.CUT_OFF, Symptom.OPEN_TO_THE_NETWORK),
        Blame.UNKNOWN,
        "the connection to {server} ends as soon as a request is sent: the server fails, or a firewall on the way cuts"
        " it off",
        "try again from another network; if it is the same there, ask the server's operator, else your network's",
    ),
    Rule(
        (Symptom.CUT_OFF,),
        Blame.SERVER,
        "{server} ends the connection instead of answering a request",
        f"try again; if this persists, {SEND_TO_OPERATOR}",
        "POST {url} with the first request of MCP gets no response: the connection ends after the request. The server's"
        " log says why.",
    ),
    Rule(
        (Symptom.HTTP_2_ANSWER,),
        Blame.SERVER,
        "{server} accepts only HTTP/2, and the bridge speaks HTTP/1.1",
        SEND_TO_OPERATOR,
        "{origin} answers requests of HTTP/1.1 with frames of HTTP/2. Allow HTTP/1.1 as well, at the server or at a"
        " proxy in front of it.",
    ),
    Rule(
        (Symptom.BROKEN_HTTP,),
        Blame.SERVER,
        "{server}, or a proxy in front of it, breaks the rules of HTTP: {error}",
        SEND_TO_OPERATOR,
        "The response to POST {url} is not valid in HTTP/1.1 (RFC 9112): {error}.",
    ),
    Rule(
        (Symptom.NOT_A_MESSAGE,),
        Blame.SERVER,
        "{server} does not answer as MCP prescribes: a request gets {found}",
        f"check the URL; if it is right, {SEND_TO_OPERATOR}",
        "POST {url} with a request gets {found}. MCP (Transports, Streamable HTTP) prescribes the JSON-RPC reply, with"
        " Content-Type: application/json or text/event-stream. HTTP 202 is for notifications only.",
    ),
    Rule(
        (Symptom.SESSION_FORGOTTEN,),
        Blame.SERVER,
        "{server} does not know the session that it has just opened",
        SEND_TO_OPERATOR,
        "A request with the Mcp-Session-Id of the response to initialize is refused as unknown. If several machines or"
        " processes serve {url}, they have to share sessions, or a balancer has to keep a session at one of them.",
    ),
    Rule(
        (Symptom.FAILS_LATER,),
        Blame.SERVER,
        "{server} opens a session, but fails at the first request in it: {error}",
        SEND_TO_OPERATOR,
        "initialize works at {url}, and the request after it does not: {error}.",
    ),
    Rule(
        (Symptom.REFUSES_CREDENTIAL, Symptom.MISSING_HEADER),
        Blame.YOU,
        "{server} refuses the credential{says}, and the header {header}, which it takes, is not sent",
        _SEND_HEADER,
        unless=(Symptom.TOKEN_EXPIRED, Symptom.NOT_A_TOKEN),  # the token itself shows the cause
    ),
    Rule(
        (Symptom.REFUSES_OPENING, Symptom.NO_LOGIN),
        Blame.UNKNOWN,
        "{server} refuses to begin a conversation (HTTP {status}){says}: perhaps because you are not logged in",
        "run: {login}",
    ),
    Rule(
        (Symptom.REFUSES_OPENING, Symptom.MISSING_HEADER),
        Blame.YOU,
        "{server} refuses to begin a conversation (HTTP {status}){says}, and the header {header}, which it takes, is"
        " not sent",
        _SEND_HEADER,
    ),
    Rule(
        (Symptom.FORBIDDEN, Symptom.WANTS_CREDENTIALS),
        Blame.YOU,
        "{server} accepts your credential, but its account has no access (HTTP 403){says}",
        "ask its operator to give that account access",
    ),
    Rule(
        (Symptom.FORBIDDEN,),
        Blame.SERVER,
        "{server} refuses every request (HTTP 403){says}, and does not say what it wants",
        SEND_TO_OPERATOR,
        "POST {url} is refused with HTTP 403{says}. If credentials are missing, answer with HTTP 401 and"
        ' the header WWW-Authenticate: Bearer resource_metadata="…"; otherwise say in the body what the client has to'
        " send.",
    ),
    Rule(
        (Symptom.REFUSES_OPENING,),
        Blame.SERVER,
        "{server} refuses to begin a conversation (HTTP {status}){says}",
        f"if these words do not help, {SEND_TO_OPERATOR}",
        "initialize and server/discover are refused at {url} (HTTP {status}){says}.",
    ),
)
