"""Gets the input that a server of MCP 2026-07-28 needs for a request, from a client that gets requests of its own.

| from the server | for the client |
| --- | --- |
| `input_required` | `elicitation/create`, `sampling/createMessage`, `roots/list` |
| another result, or an error | the reply, `notifications/elicitation/complete` for each URL that the user opened |

Once the client has answered them all, the server gets the same request under a new id, with `inputResponses` and the
exact `requestState`. If the server asks for nothing, it gets the request after a pause.

| from the client | effect |
| --- | --- |
| an error for an elicitation | the response `{"action": "cancel"}` |
| an error for sampling or roots | the request fails |
| `notifications/cancelled` while it is asked | `notifications/cancelled` for each question |

Source: specification 2026-07-28, basic/patterns/mrtr.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    Wake,
    collected,
    decoded,
)
from mcp_auth_bridge.relay.http_semantics import LATEST
from mcp_auth_bridge.relay.input_requests import (
    CANCELLED,
    ELICITATION,
    InputRequest,
    Question,
    as_older,
    capabilities_in,
    declared,
    refused_error,
)
from mcp_auth_bridge.relay.rewriting import REMOVED, Path, rewrite

MOST_ROUNDS = 16
"""Rounds after which a request fails. SDKs allow 10, and let the user raise that."""

_INPUT_REQUIRED = "input_required"
_CANCELLED = "notifications/cancelled"
_COMPLETE = "notifications/elicitation/complete"
_FIRST_PAUSE = 0.1  # seconds
_LONGEST_PAUSE = 10.0
_TIMER = "input round"


class _Exchange(msgspec.Struct):
    """A request of the client with its rounds."""

    # The request under the client's id.
    request: Message

    # The request as the server knows it: with the latest responses, and under an id of its own.
    sent: Message

    # The rounds so far.
    rounds: int = 0

    # Seconds before the next round without questions; twice as long after each.
    pause: float = _FIRST_PAUSE

    # The `requestState` of this round, `REMOVED` if the server gave none. Any: JSON.
    state: Any = REMOVED

    # The responses of this round, by their keys. Any: JSON.
    responses: dict[str, Any] = {}

    # The ids of the elicitations by URL that the user accepted.
    opened: list[str] = []


class InputRounds(Reviewing):
    """Wraps the relay that sends the requests. `numbers` are those of its questions to the client."""

    def __init__(self, inner: Relay, numbers: Iterator[int] | None = None) -> None:
        super().__init__(inner)

        # The revision of the client.
        self.revision = LATEST

        # The requests under way, by the key of the id under which the server knows them.
        self._requests: dict[Hashable, Message] = {}

        # The exchanges, by number.
        self._exchanges: dict[int, _Exchange] = {}

        # The numbers of exchanges, by the key of the client's request.
        self._of_client: dict[Hashable, int] = {}

        # The numbers of exchanges, by the key of the request that the server has at the moment.
        self._of_server: dict[Hashable, int] = {}

        # The questions without an answer, by the key of the client's request.
        self._questions: dict[Hashable, Question] = {}

        # For the ids of questions and of repeated requests, and for exchanges.
        self._numbers = numbers or count(1)

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REPLY:
            question = self._questions.pop(message.key, None)
            return NOTHING if question is None else self._answered(question, message)
        if message.kind is NOTIFICATION and message.method == _CANCELLED:
            return self._cancel(message)
        if message.kind is REQUEST:
            self._requests[message.key] = message
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        name, _, number = timer.rpartition(" ")
        if name != _TIMER:
            yield from self._review(self._inner.woke(timer))
        elif (exchange := self._exchanges.get(int(number))) is not None:
            yield from self._repeat(int(number), exchange)

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        if len(actions) == 1 and type(action := actions[0]) is ToClient and action.message.kind is REPLY:
            return self._replied(action, actions)  # nearly every reply
        for action in actions:
            if type(action) is ToClient or type(action) is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY)):
                    yield from self._replied(action, (action,))
                case Fail(request=request, error=error):
                    sent = self._requests.pop(request.key, request)
                    number = self._of_server.get(request.key)
                    yield from [Fail(sent, error)] if number is None else self._fail(number, error)
                case ToClient(message=Message(kind=Kind.NOTIFICATION, method="notifications/cancelled")):
                    pass  # a modern server has asked the client for nothing that it could withdraw
                case ToClient(message=Message(kind=Kind.NOTIFICATION, method="notifications/elicitation/complete")):
                    pass  # it knows no ids of elicitations either
                case _:
                    yield action

    def _replied(self, action: ToClient, itself: Sequence[Action]) -> Sequence[Action]:
        """The actions in place of the reply `action`: `itself`, if it ends no exchange and asks for no input."""
        reply = action.message
        request = self._requests.pop(reply.key, None)
        number = self._of_server.pop(reply.key, None)
        if request is not None and replies.result_type(reply) == _INPUT_REQUIRED:
            if number is None:
                number = next(self._numbers)
                self._exchanges[number] = _Exchange(request, request)
                self._of_client[request.key] = number
            return self._begin_round(number, self._exchanges[number], decoded(reply.raw)["result"])
        return itself if number is None else self._end(self._forget(number), reply)

    @collected
    def _end(self, exchange: _Exchange, reply: Message) -> Iterator[Action]:
        yield ToClient(replies.with_id(reply, exchange.request.id or b"null"))
        for id_ in exchange.opened:
            yield ToClient(replies.notification(_COMPLETE, {"elicitationId": id_}))

    @collected
    def _begin_round(self, number: int, exchange: _Exchange, required: dict[str, Any]) -> Iterator[Action]:
        """Ask the client, or pause if there is nothing to ask. Any: JSON."""
        exchange.rounds += 1
        exchange.responses = {}
        exchange.state = required.get("requestState", REMOVED)
        entries = required.get("inputRequests")
        try:
            if exchange.rounds > MOST_ROUNDS:
                raise TheirProtocolError(f"the server asked for input more than {MOST_ROUNDS} times for one request")
            if not entries and exchange.state is REMOVED:
                raise TheirProtocolError("the server asked for input without saying which")
            questions = self._questions_in(number, exchange, entries or {})
        except BridgeError as error:
            yield from self._fail(number, error)
            return
        if not entries:
            yield Wake(f"{_TIMER} {number}", exchange.pause)
            exchange.pause = min(2 * exchange.pause, _LONGEST_PAUSE)
            return
        exchange.pause = _FIRST_PAUSE
        self._questions |= {question.asked.key: question for question in questions}
        for question in questions:
            yield ToClient(question.asked)
        if not questions:
            yield from self._repeat(number, exchange)

    def _questions_in(self, number: int, exchange: _Exchange, entries: Any) -> list[Question]:
        """The questions for the client; those that its revision cannot express are answered at once. Any: any JSON."""
        if not isinstance(entries, dict):
            raise TheirProtocolError("the server asked for input with inputRequests that are not an object")
        capabilities = capabilities_in(exchange.request)
        wanted = {name: declared(entry, capabilities) for name, entry in entries.items()}
        questions = []
        for name, request in wanted.items():
            known = as_older(request, self.revision)
            if known is None:
                exchange.responses[name] = CANCELLED
            else:
                questions.append(Question(number, name, known, self._message(known)))
        return questions

    def _message(self, known: InputRequest) -> Message:
        number = next(self._numbers)
        identified = {"elicitationId": f"mcp-auth-bridge/{number}"} if known.is_by_url else {}
        return replies.request(known.method, {**known.params, **identified}, number)

    @collected
    def _answered(self, question: Question, reply: Message) -> Iterator[Action]:
        number, name = question.number, question.name
        exchange = self._exchanges[number]
        value = decoded(reply.raw)
        if "result" in value:
            answer = exchange.responses[name] = value["result"]
            accepted = isinstance(answer, dict) and answer.get("action") == "accept"
            if accepted and question.request.is_by_url:
                exchange.opened.append(question.asked.params["elicitationId"])
        elif question.request.method == ELICITATION:
            exchange.responses[name] = CANCELLED
        else:
            yield from self._fail(number, refused_error(question.request.method, value.get("error")))
            return
        if not any(other.number == number for other in self._questions.values()):
            yield from self._repeat(number, exchange)

    @collected
    def _repeat(self, number: int, exchange: _Exchange) -> Iterator[Action]:
        """Send the request again, with the responses and the state of this round."""
        changes: dict[Path, Any] = {
            ("params", "inputResponses"): exchange.responses or REMOVED,
            ("params", "requestState"): exchange.state,
        }
        id_ = b'"mcp-auth-bridge/input round/%d"' % next(self._numbers)
        exchange.sent = replies.with_id(rewrite(exchange.request, changes), id_)
        self._of_server[exchange.sent.key] = number
        self._requests[exchange.sent.key] = exchange.sent
        yield from self._review(self._inner.from_client(exchange.sent))

    @collected
    def _fail(self, number: int, error: BridgeError) -> Iterator[Action]:
        request = self._exchanges[number].request
        yield from self._give_up(number)
        yield Fail(request, error)

    @collected
    def _cancel(self, cancelled: Message) -> Iterator[Action]:
        number = self._of_client.get(cancelled.cancelled_key)
        if number is not None:
            yield from self._give_up(number)
            return
        self._requests.pop(cancelled.cancelled_key, None)
        yield from self._review(self._inner.from_client(cancelled))

    @collected
    def _give_up(self, number: int) -> Iterator[Action]:
        """Tell both sides that an exchange has ended: the inner relay may still keep a task for it."""
        exchange = self._forget(number)
        self._requests.pop(exchange.sent.key, None)
        at_server = replies.notification(_CANCELLED, {"requestId": exchange.sent.key})
        yield from self._review(self._inner.from_client(at_server))
        void = [key for key, question in self._questions.items() if question.number == number]
        for key in void:
            del self._questions[key]
            yield ToClient(replies.notification(_CANCELLED, {"requestId": key, "reason": "the request has ended"}))

    def _forget(self, number: int) -> _Exchange:
        exchange = self._exchanges.pop(number)
        del self._of_client[exchange.request.key]
        self._of_server.pop(exchange.sent.key, None)
        return exchange
