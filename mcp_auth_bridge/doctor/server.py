"""Checks of the MCP server: its answers to a stranger, to the credential, to GET and to OPTIONS."""

from mcp_auth_bridge.doctor.answer import Answer, without_query
from mcp_auth_bridge.doctor.answers import Answers, Session
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Finding, Sign, fail, ok, sign, skip
from mcp_auth_bridge.doctor.mcp_paths import find_endpoints
from mcp_auth_bridge.doctor.misbehaviour import misbehaviour, words
from mcp_auth_bridge.doctor.misdirection import target_of
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import BridgeError, SessionLost, UpstreamFailed, copyable_url, quoted
from mcp_auth_bridge.oauth.challenge import parse_challenges
from mcp_auth_bridge.relay.replies import error_code
from mcp_auth_bridge.shell.net.cors_preflight import accepted_headers, missing_header
from mcp_auth_bridge.urls import Url, redacted_url

_OAUTH_SCHEMES = ("bearer", "dpop")
_SLOW = 2000  # milliseconds; the session of such a server may have ended for lack of time


async def stranger(evidence: Evidence) -> Finding:
    """The answer to a client without a token."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    details = _lines(answers.bare, answers.organisation)
    if answers.refusal is not None:
        return _wants_credentials(evidence.bridge.profile.url, answers, details)
    if is_served(answers.stranger_session):
        return ok("it serves everybody: no login is needed", sign(Symptom.SERVES_STRANGERS), details=details)
    if answers.credential is None:
        return await _out_of_order(evidence, answers.stranger, answers.stranger_session, details)
    return ok("it serves nobody without a token, and does not say so", details=details)


async def credential(evidence: Evidence) -> Finding:
    """The answer to the credential that the bridge holds."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    if answers.credential is None:
        return skip("there is no credential to present")
    details = _lines(answers.credential)
    if (refusal := answers.credential_refusal) is not None:
        refused = sign(Symptom.REFUSES_CREDENTIAL, status=str(refusal.status), says=words(answers.credential))
        elsewhere = _sent_to_login(answers.credential, evidence.bridge.profile.url)
        return fail(f"it refuses the credential ({refusal})", "", refused, *elsewhere, details=details)
    if is_served(answers.session):
        return ok("it accepts the credential", details=details)
    return await _out_of_order(evidence, answers.credential, answers.session, details)


async def stream(evidence: Evidence) -> Finding:
    """The answer to GET: MCP leaves it to the server whether it offers a stream of its own."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    answer = answers.stream
    if answer.is_silence:
        return skip("it does not answer a GET, and clients can do without")
    if answer.event == "endpoint":
        return ok("it offers the stream of the older transport (HTTP+SSE)", details=_lines(answer))
    if answer.kind == "text/event-stream" and answer.status == 200:
        return ok("it offers a stream of its own", details=_lines(answer))
    return ok("it offers no stream of its own to a client without a session", details=_lines(answer))


async def preflight(evidence: Evidence) -> Finding:
    """The answer to OPTIONS, which may name a header that is not sent."""
    answers = await evidence.answers()
    if answers.is_cut_off:
        return no_connection(evidence)
    answer = answers.preflight
    names = accepted_headers(answer.fields.get("access-control-allow-headers", ()))
    if not names:
        return ok("it names no headers that it takes", details=_lines(answer))
    says = f"it takes the headers {', '.join(names)}"
    if missing := missing_header(names, answers.sent):
        return ok(
            f"{says}; {missing} is not sent", sign(Symptom.MISSING_HEADER, header=missing), details=_lines(answer)
        )
    return ok(says, details=_lines(answer))


def is_served(session: Session | None) -> bool:
    """Whether a whole session worked."""
    return session is not None and bool(session.results)


def no_connection(evidence: Evidence) -> Finding:
    """The finding of a check that needs a connection."""
    return skip(f"there is no connection to {evidence.bridge.profile.url.authority}")


def _wants_credentials(url: Url, answers: Answers, details: tuple[str, ...]) -> Finding:
    answer, refusal = answers.stranger, answers.refusal
    assert refusal is not None  # noqa: S101 - the caller has looked
    signs = [sign(Symptom.WANTS_CREDENTIALS, status=str(refusal.status))]
    says = f"it asks for credentials ({refusal})"
    if answer.refusal is None:
        says += ", only after it has opened a session"
    elif refusal.protocol != "HTTP":
        says += ", in a JSON-RPC error, which clients without this bridge may not understand"
    elif 300 <= refusal.status < 400:
        signs += _sent_to_login(answer, url) if answers.credential is None else ()
        says = f"it sends a client without credentials to a login page ({refusal})"
    elif not (schemes := tuple(each.scheme for each in parse_challenges(answer.fields.get("www-authenticate", ())))):
        signs.append(sign(Symptom.NO_CHALLENGE, status=str(refusal.status)))
        says += ", without a WWW-Authenticate header"
    elif refusal.challenge is None:
        scheme = quoted(", ".join(schemes), 60)
        signs.append(sign(Symptom.OTHER_SCHEME, scheme=scheme))
        says += f", and names the scheme {scheme}, which is not one of OAuth's"
    return ok(says, *signs, details=details)


def _sent_to_login(answer: Answer, url: Url) -> list[Sign]:
    """The sign of a refusal that is a redirect to a login page."""
    if answer.refusal is None or not 300 <= answer.status < 400:
        return []
    target = target_of(answer, url)
    return [sign(Symptom.SENT_TO_LOGIN, place=target.origin if target is not None else "another place")]


async def _out_of_order(
    evidence: Evidence, answer: Answer, session: Session | None, details: tuple[str, ...]
) -> Finding:
    """The finding about a server that neither works nor asks for credentials."""
    url = evidence.bridge.profile.url
    found = misbehaviour(answer, url)
    if session is not None and session.error is not None and (found is None or _is_older(await evidence.answers())):
        return _fails_later(answer, session.error, details)
    if found is None:
        return skip("it could not be asked", answer.error.message if answer.error is not None else "")
    signs = [found.sign]
    if url.is_plain:
        signs.append(sign(Symptom.OPEN_TO_THE_NETWORK))
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
    if isinstance(error, SessionLost):
        return fail("it does not know the session that it has just opened", "", sign(Symptom.SESSION_FORGOTTEN))
    told = sign(Symptom.FAILS_LATER, error=error.message)
    return fail(
        f"it opens a session, and fails at the next request: {error.message}", error.hint, told, details=details
    )


def _lines(*answers: Answer | None) -> tuple[str, ...]:
    return tuple(describe(answer) for answer in answers if answer is not None)


def describe(answer: Answer) -> str:
    """One answer as a person would look at it: status, media type, first line, where it leads, time."""
    if answer.status == 0:
        return f"{answer.asked}: {answer.error.message if answer.error is not None else 'no answer'}"
    parts = [f"HTTP {answer.status}", answer.kind, _gist(answer)]
    if location := answer.field("location"):
        parts.append(f"→ {redacted_url(without_query(location))}")
    parts += [f"after a redirect to {quoted(path)}" for path in answer.redirects]
    return f"{answer.asked}: {' '.join(filter(None, parts))} ({answer.milliseconds} ms)"


def _gist(answer: Answer) -> str:
    """The kind of the reply, else the first line of the body."""
    if answer.result is not None:
        return "with a result"
    code = error_code(answer.reply) if answer.reply is not None else None
    return answer.first_line if code is None else f"with the error {code}{words(answer)}"
