"""One request to the MCP server, and its answer: a response, or the error in its place."""

import time
from collections.abc import Callable
from contextlib import suppress

import anyio
import msgspec

from mcp_auth_bridge.credentials.base import Refusal
from mcp_auth_bridge.doctor.server.answer import Answer, Question
from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    Overdue,
    TheirProtocolError,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.challenge import choose_challenge
from mcp_auth_bridge.oauth.error_text import LONGEST, redacted, redacted_quotations, sentence
from mcp_auth_bridge.relay.base import Kind, Message
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.http_semantics import EventStream, Failure, Unauthorized, refusal_in_reply
from mcp_auth_bridge.relay.redirects import MOST_REDIRECTS, redirect_loop_error
from mcp_auth_bridge.relay.replies import error_code
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.messages import EventReader, messages_in, parsed
from mcp_auth_bridge.shell.transports.refusal_text import words_in
from mcp_auth_bridge.shell.transports.send_outcome import SendOutcome
from mcp_auth_bridge.shell.transports.sender import Sender
from mcp_auth_bridge.urls import Url

BODY_PATIENCE = 2.0
"""Seconds for the body of a response, or for the first event of the server's own stream."""

REPLY_PATIENCE = 5.0
"""Seconds for a reply in a stream: many servers open the stream before they begin to work."""

ENDING_PATIENCE = 1.0
"""Seconds for the end of a session."""

_LONG = 16  # characters of a value that is not a word
_LARGEST = 1 << 20  # bytes of a body that are read: more than any reply to an opening
_KEPT = (
    "access-control-allow-headers",
    "allow",
    "cf-mitigated",
    "cf-ray",
    "content-type",
    "date",
    "location",
    "proxy-authenticate",
    "retry-after",
    "server",
    "via",
    "www-authenticate",
    "x-powered-by",
)
"""The header fields that tell something. The session id is a secret of a kind: only its presence is kept."""


async def ask(sender: Sender, url: Url, question: Question, now: Callable[[], float] = time.time) -> Answer:
    """Ask `question`, and follow redirects within the origin as `Sender.send` does. Raises no `BridgeError`."""
    began = time.perf_counter()
    answer = Answer(str(question))
    try:
        outcome, targets = await _first_that_stays(sender, url, question)
    except _Misled as misled:
        _silence(misled.error, misled.outcome)
        answer = msgspec.structs.replace(_head(answer, misled.outcome, misled.targets), error=misled.error)
    except BridgeError as error:
        answer = msgspec.structs.replace(answer, error=error)
    else:
        answer = _head(answer, outcome, targets)
    answer = msgspec.structs.replace(
        answer, milliseconds=round(1000 * (time.perf_counter() - began)), received=now() if answer.status else 0.0
    )
    if answer.status == 0 or answer.error is not None:
        return answer
    try:
        answer = await _with_body(answer, outcome, question)
        _silence(answer.error, outcome)
        return answer
    finally:
        await outcome.aclose()
        await _end_session(sender, targets[-1] if targets else url, outcome.response)


def _silence(error: BridgeError | None, outcome: SendOutcome) -> None:
    """Cut what was sent out of the server's words in `error`."""
    if error is not None:
        error.message = redacted_quotations(error.message, map(Secret, outcome.sent.values()))


async def _end_session(sender: Sender, url: Url, response: StreamedResponse) -> None:
    """End the session that `response` opened, if any (MCP "Session Management")."""
    if session_id := response.header("mcp-session-id"):
        with anyio.move_on_after(ENDING_PATIENCE), suppress(BridgeError):
            await (await sender.present("DELETE", url, {"mcp-session-id": session_id}, None)).aclose()


class _Misled(Exception):
    """Raised for an `outcome` with a redirect that is not followed."""

    def __init__(self, outcome: SendOutcome, targets: tuple[Url, ...], error: BridgeError) -> None:
        super().__init__()
        self.outcome = outcome
        self.targets = targets
        self.error = error


async def _first_that_stays(sender: Sender, url: Url, question: Question) -> tuple[SendOutcome, tuple[Url, ...]]:
    """The first outcome that is not a redirect, and the targets of those before it. Raises `_Misled`."""
    targets: tuple[Url, ...] = ()
    while True:
        outcome = await sender.present(question.verb, url, question.headers, question.message)
        try:
            target = outcome.redirect(question.verb, url)
            if target is not None and len(targets) == MOST_REDIRECTS:
                raise redirect_loop_error(outcome.response.status)
        except UpstreamFailed as error:
            await outcome.aclose()
            raise _Misled(outcome, targets, error) from None
        if target is None:
            return outcome, targets
        await outcome.aclose()
        targets = (*targets, target)
        url = target


def _head(answer: Answer, outcome: SendOutcome, targets: tuple[Url, ...]) -> Answer:
    """`answer` with the head of the response of `outcome`, which came after redirects to these `targets`.

    Long values that were sent are cut out of it. A short one may be the name of an organisation, or a part of a path.
    """
    response = outcome.response
    secrets = [Secret(value) for value in outcome.sent.values() if len(value) >= _LONG]
    return msgspec.structs.replace(
        answer,
        status=response.status,
        fields={
            name: tuple(redacted(value, secrets) for value in response.headers[name])
            for name in _KEPT
            if name in response.headers
        },
        in_session=bool(response.header("mcp-session-id")),
        redirects=tuple(redacted(target.path, secrets) for target in targets),
    )


async def _with_body(answer: Answer, outcome: SendOutcome, question: Question) -> Answer:
    """`answer` with what the body says."""
    verdict = outcome.verdict
    if isinstance(verdict, EventStream):
        answer, body = await _with_event(answer, outcome.response, question)
    else:
        body = await _start_of(outcome.response)
    secrets = [Secret(value) for value in outcome.sent.values()]
    answer = msgspec.structs.replace(answer, text=redacted(body[:LONGEST].decode(errors="replace"), secrets))
    if isinstance(verdict, Unauthorized):
        refusal = Refusal(
            verdict.status, choose_challenge(verdict.fields), outcome.sent, words=words_in(body[:LONGEST])
        )
        return msgspec.structs.replace(answer, refusal=refusal, said=refusal.said)
    if question.message is None:
        return msgspec.structs.replace(answer, said=redacted(sentence(answer.kind, body), secrets))
    answer = _with_reply(answer, body, outcome, question.message)
    if answer.reply is None or answer.result is None:
        answer = msgspec.structs.replace(answer, said=redacted(sentence(answer.kind, body), secrets))
    return answer


def _with_reply(answer: Answer, body: bytes, outcome: SendOutcome, request: Message) -> Answer:
    """`answer` with the reply to `request` in `body`, else with the reason why there is none."""
    if (denied := refusal_in_reply(body)) is not None:
        challenge = choose_challenge(denied.fields)
        refusal = Refusal(denied.status, challenge, outcome.sent, words=denied.words, protocol=denied.protocol)
        return msgspec.structs.replace(answer, refusal=refusal)
    verdict = outcome.verdict
    error = verdict.error if isinstance(verdict, Failure) else None
    if isinstance(verdict, Failure) and not verdict.body_may_reply:
        return msgspec.structs.replace(answer, error=error)
    if answer.error is not None:
        return answer
    try:
        found = [message for message in parsed(body) if _answers(message, request)]
    except TheirProtocolError as unread:
        return msgspec.structs.replace(answer, error=error or unread)
    if not found:
        missing = TheirProtocolError("the server answered a request with a message that is not its reply")
        return msgspec.structs.replace(answer, error=error or missing)
    return msgspec.structs.replace(answer, reply=found[0])


def _answers(message: Message, request: Message) -> bool:
    """Whether `message` is a result for `request`, or an error, under any id. Many APIs have a member `error`."""
    if message.kind is not Kind.REPLY:
        return False
    return error_code(message) is not None or (message.key == request.key and result_of(message) is not None)


async def _with_event(answer: Answer, response: StreamedResponse, question: Question) -> tuple[Answer, bytes]:
    """The first event of the stream `response`; if a message was sent, the first one with a reply."""
    event, body = "", b""
    error: BridgeError | None = None
    seconds = BODY_PATIENCE if question.message is None else REPLY_PATIENCE
    with anyio.move_on_after(seconds) as patience:
        try:
            events = EventReader(response, Resumption())
            while (each := await events.next()) is not None:
                event = event or each.type.decode(errors="replace")
                if question.message is None:
                    break
                if any(_answers(message, question.message) for message in messages_in(each)):
                    body = each.data
                    break
        except BridgeError as cut:
            error = cut
    if question.message is not None and not body and error is None:
        silent = f"the server opened a stream and sent no reply within {REPLY_PATIENCE:g} seconds"
        ended = "the server ended its stream without a reply"
        error = Overdue(silent) if patience.cancelled_caught else OutcomeUnknown(ended)
    return msgspec.structs.replace(answer, event=event, error=error if question.message is not None else None), body


async def _start_of(response: StreamedResponse) -> bytes:
    """The first bytes of a body; those that have come if it is cut or slow."""
    body = bytearray()
    with anyio.move_on_after(BODY_PATIENCE):
        try:
            async for chunk in response.chunks():
                body += chunk
                if len(body) >= _LARGEST:
                    break
        except BridgeError:
            pass  # a body that is cut, or badly coded, is no message either
    return bytes(body)
