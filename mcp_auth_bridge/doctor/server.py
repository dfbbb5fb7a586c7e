"""Checks of the MCP server: its answers to a stranger, to the credential, to GET and to OPTIONS."""

from mcp_auth_bridge.doctor.answer import Answer, without_query
from mcp_auth_bridge.doctor.answers import Answers, Session
from mcp_auth_bridge.doctor.distrust import interceptor_of
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, ok, sign, skip
from mcp_auth_bridge.doctor.mcp_paths import find_endpoints
from mcp_auth_bridge.doctor.misbehaviour import broken_http, misbehaviour, words
from mcp_auth_bridge.doctor.misdirection import leads_to_portal, target_of
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, SessionDoubted, SessionLost, UpstreamFailed, copyable_url, quoted
from mcp_auth_bridge.oauth.challenge import parse_challenges
from mcp_auth_bridge.oauth.error_text import saying
from mcp_auth_bridge.relay.replies import error_code
from mcp_auth_bridge.shell.net.certificates import read as certificate
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.cors_preflight import accepted_headers, missing_header
from mcp_auth_bridge.shell.net.reachability import fault_of
from mcp_auth_bridge.urls import redacted_url

_MOST_HEADERS = 30  # names that are shown
_SLOW = 2000  # milliseconds; the session of such a server may have ended for lack of time


async def stranger(evidence: Evidence) -> Finding:
    """The answer to a client without a token."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return await _unsent(evidence, answers.bare.error)
    details = tuple(
        describe(answer, how)
        for answer, how in ((answers.bare, ""), (answers.organisation, "with the organisation's headers"))
        if answer is not None
    )
    if answers.refusal is not None:
        return await _wants_credentials(evidence, answers, details)
    if is_served(answers.stranger_session):
        return ok("it serves everybody: no login is needed", sign(Symptom.SERVES_STRANGERS), details=details)
    if answers.credential is None:
        return await _out_of_order(evidence, answers.stranger, answers.stranger_session, details)
    found = misbehaviour(answers.stranger, evidence.bridge.profile.url)
    return ok(
        f"without a token {found.says}" if found is not None else "it opens nothing without a token", details=details
    )


async def credential(evidence: Evidence) -> Finding:
    """The answer to the credential that the bridge holds."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    if answers.credential is None:
        return skip("there is no credential to present")
    details = (describe(answers.credential, f"with {', '.join(answers.sent)}"),)
    if (refusal := answers.credential_refusal) is not None:
        refused = sign(Symptom.REFUSES_CREDENTIAL, status=str(refusal.status), says=saying(refusal.said))
        elsewhere = await _sent_to_login(answers.credential, evidence)
        return fail(f"it refuses the credential ({refusal})", "", refused, *elsewhere, details=details)
    if is_served(answers.session):
        return ok("it accepts the credential", details=details)
    return await _out_of_order(evidence, answers.credential, answers.session, details)


async def stream(evidence: Evidence) -> Finding:
    """The answer to GET: MCP leaves it to the server whether it offers a stream of its own."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    return ok(_about_stream(answers.stream), details=(describe(answers.stream),))


def _about_stream(answer: Answer) -> str:
    if answer.event == "endpoint":
        return "it offers the stream of the older transport (HTTP+SSE)"
    if answer.kind == "text/event-stream" and answer.status == 200:
        return "it offers a stream of its own"
    if answer.refusal is not None:
        return "it asks for credentials here too"
    return _WITHOUT_STREAM.get(answer.status, "it offers no stream to a client without a session, and need not")


_WITHOUT_STREAM = {
    0: "it does not answer, and need not",
    403: "it refuses this request too",
    405: "it offers no stream of its own, and need not",
}


async def preflight(evidence: Evidence) -> Finding:
    """The answer to OPTIONS, which may name a header that is not sent."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    answer = answers.preflight
    names = accepted_headers(answer.fields.get("access-control-allow-headers", ()))
    if answer.status == 0:
        return ok("it does not answer, and need not", details=(describe(answer),))
    if not names:
        return ok("it names no headers that it takes", details=(describe(answer),))
    more = f" and {len(names) - _MOST_HEADERS} more" if len(names) > _MOST_HEADERS else ""
    says = f"it takes the headers {', '.join(names[:_MOST_HEADERS])}{more}"
    if missing := missing_header(names, answers.sent):
        return ok(
            f"{says}; {missing} is not sent", sign(Symptom.MISSING_HEADER, header=missing), details=(describe(answer),)
        )
    return ok(says, details=(describe(answer),))


def is_served(session: Session | None) -> bool:
    """Whether a whole session worked."""
    return session is not None and bool(session.results)


async def _unsent(evidence: Evidence, error: BridgeError | None) -> Finding:
    """The finding if nothing could be sent: a fault of the way, or one that only a request meets."""
    way = await evidence.way()
    if error is None or not way.reached:
        return no_connection(evidence)
    if fault_of(error) is Fault.PROXY_WANTS_LOGIN:
        told = sign(Symptom.PROXY_WANTS_LOGIN, error=error.message, host=way.url.host)
        return fail(error.message, error.hint, told)
    return fail(error.message, error.hint)


def no_connection(evidence: Evidence) -> Finding:
    """The finding of a check that needs a connection."""
    return skip(f"there is no connection to {evidence.bridge.profile.url.authority}")


async def _wants_credentials(evidence: Evidence, answers: Answers, details: tuple[str, ...]) -> Finding:
    answer, refusal = answers.stranger, answers.refusal
    assert refusal is not None  # noqa: S101 - the caller has looked
    wants = sign(Symptom.WANTS_CREDENTIALS, status=str(refusal.status))
    says = f"it asks for credentials ({refusal})"
    if answer.result is not None:
        return ok(f"{says}, only after it has opened a session", wants, details=details)
    if answer.refusal is None and answers.stream.refusal is not None:
        answer, says = answers.stream, f"it asks for credentials at its stream ({refusal})"
        details = (*details, describe(answer))
    if refusal.protocol != "HTTP":
        how = "in a JSON-RPC error, which clients without this bridge may not understand"
        return ok(f"{says}, {how}", wants, details=details)
    if 300 <= refusal.status < 400:
        elsewhere = await _sent_to_login(answer, evidence) if answers.credential is None else []
        page = f"it sends a client without credentials to a login page ({refusal})"
        return ok(page, wants, *elsewhere, details=details)
    about, signs = _about_challenge(answer)
    return ok(f"{says}{about}", wants, *signs, details=details)


def _about_challenge(answer: Answer) -> tuple[str, list[Sign]]:
    """A clause about a challenge that leads to no login, and its sign; nothing about a good one."""
    status = str(answer.status)
    schemes = [each.scheme for each in parse_challenges(answer.fields.get("www-authenticate", ()))]
    if not schemes:
        return ", without a WWW-Authenticate header", [sign(Symptom.NO_CHALLENGE, status=status)]
    if answer.refusal is None or answer.refusal.challenge is not None:
        return "", []
    named = quoted(", ".join(schemes), 60)
    return f", and names the scheme {named}, which is not one of OAuth's", [sign(Symptom.OTHER_SCHEME, scheme=named)]


async def _sent_to_login(answer: Answer, evidence: Evidence) -> list[Sign]:
    """The signs of a refusal that is a redirect to a login page."""
    if answer.refusal is None or not 300 <= answer.status < 400:
        return []
    url = evidence.bridge.profile.url
    target = target_of(answer, url)
    if target is not None and leads_to_portal(url, target):
        return [sign(Symptom.PORTAL)]
    page = target.origin if target is not None else "another place"
    return [sign(Symptom.SENT_TO_LOGIN, page=page), *await _others_on_the_way(evidence)]


async def _others_on_the_way(evidence: Evidence) -> list[Sign]:
    """The signs that an answer may not be the server's own: it came without TLS, or by a product that reads it."""
    way = await evidence.way()
    chain = way.handshake.certificates if way.handshake is not None else ()
    signs = []
    if way.url.is_plain or interceptor_of([read for der in chain if (read := certificate(der)) is not None]):
        signs.append(sign(Symptom.OPEN_TO_THE_NETWORK))
    if way.url.is_plain and way.proxy is not None:
        signs.append(sign(Symptom.THROUGH_PROXY, proxy=str(way.proxy)))
    return signs


async def _out_of_order(
    evidence: Evidence, answer: Answer, session: Session | None, details: tuple[str, ...]
) -> Finding:
    """The finding about a server that neither works nor asks for credentials."""
    url = evidence.bridge.profile.url
    answers = await evidence.answers()
    found = misbehaviour(answer, url)
    if found is not None and found.sign.symptom is Symptom.NOT_HTTP and any(each.status for each in answers.all):
        found = broken_http(answer)
    if session is not None and session.error is not None and (found is None or _is_older(answers)):
        return _fails_later(answer, session.error, details)
    if found is None:
        return skip("it could not be asked", answer.error.message if answer.error is not None else "")
    signs = [found.sign, *await _others_on_the_way(evidence)]
    hint = found.hint
    if found.sign.symptom in (Symptom.NOT_MCP, Symptom.WEB_PAGE) and (
        endpoints := await find_endpoints(evidence.bridge)
    ):
        named = [copyable_url(str(each)) for each in endpoints]
        signs.append(sign(Symptom.ENDPOINT_FOUND, endpoint=named[0]))
        hint = f"it speaks MCP at {', '.join(named)}"
    return fail(found.says, hint, *signs, details=details)


def _is_older(answers: Answers) -> bool:
    """Whether the server speaks the transport of 2024-11-05, in which the answer to a POST is not the point."""
    return answers.stream.event == "endpoint"


def _fails_later(answer: Answer, error: BridgeError, details: tuple[str, ...]) -> Finding:
    """The finding about a server that answers the opening, and not what comes after it."""
    if isinstance(error, UpstreamFailed) and error.status == 429:
        return ok("it answers, and limits how often it is asked, so the rest is not known", details=details)
    if error.reason == "timed_out" and answer.milliseconds > _SLOW:
        return ok(f"it answers, but slowly: {error.message}", details=details)
    if isinstance(error, SessionLost) and not isinstance(error, SessionDoubted):
        forgotten = "it does not know the session that it has just opened"
        return fail(forgotten, error.hint, sign(Symptom.SESSION_FORGOTTEN), details=details)
    told = sign(Symptom.FAILS_LATER, error=error.message)
    return fail(
        f"it opens a session, and fails at the next request: {error.message}", error.hint, told, details=details
    )


def describe(answer: Answer, how: str = "") -> str:
    """One answer as a person would look at it: status, media type, first line, where it leads, time.

    `how` says what the request had besides the headers of every request.
    """
    asked = f"{answer.asked} {how}".rstrip()
    if answer.status == 0:
        return f"{asked}: {answer.error.message if answer.error is not None else 'no answer'}"
    parts = [f"HTTP {answer.status}", answer.kind, _gist(answer)]
    if location := answer.field("location"):
        parts.append(f"→ {redacted_url(without_query(location))}")
    parts += [f"after a redirect to {quoted(path)}" for path in answer.redirects]
    return f"{asked}: {' '.join(filter(None, parts))} ({answer.milliseconds} ms)"


def _gist(answer: Answer) -> str:
    """The kind of the reply, else the first line of the body."""
    if answer.result is not None:
        return "with a result"
    code = error_code(answer.reply) if answer.reply is not None else None
    return answer.first_line if code is None else f"with the error {code}{words(answer)}"
