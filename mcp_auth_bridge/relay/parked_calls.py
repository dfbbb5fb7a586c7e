"""Parks a call whose legacy server asks for input, until the client sends the input with a retry (2026-07-28).

A legacy server asks with a request of its own while the call runs. A modern client takes no requests, so it gets
`InputRequiredResult` in reply to its own, and sends the input with the same request again, under another id. The call
goes on at the server all the while; its result goes to the last retry.

    from the server                     to the client
    elicitation, sampling, roots        `InputRequiredResult`, if the client declared it and the method may ask; else
                                        nothing: refused with -32601, or with -32602 if only this form is not declared
    error -32042 with URLs              `InputRequiredResult` if the client declared url elicitation, else -32021; the
                                        retry sends the request anew
    ping                                nothing: answered here
    progress, log messages              while a request that asked for them waits, else nothing
    notifications/cancelled             nothing: the question needs no answer any more
    elicitation/complete, tasks/status  nothing
    results, other errors               `modern_results.py`

    from the client                     to the server
    a request                           its legacy form, under another id only if the server knows this one
    a retry with `requestState`         the replies to the server's requests
    notifications/cancelled             the same, for the request as the server knows it

A request on the server's own stream does not say to which call it belongs, and servers that keep one stream for
everything send all requests there. The relay takes the newest of the calls that may ask for this input, an awaited one
before a parked one. The input reaches the right request in any case, because that has an id of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mcp_auth_bridge.errors import BridgeError, InvalidParams
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    NOTHING,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Message,
    Relay,
    Reviewing,
    ToClient,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.exchange_notices import notice_for_client
from mcp_auth_bridge.relay.exchanges import Exchange, Exchanges
from mcp_auth_bridge.relay.input_required import (
    METHOD_NOT_FOUND,
    input_request,
    refusal_code,
    refused,
    responses_in,
    takes_urls,
    visits_in,
)
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.modern_requests import INTERACTIVE, state_of
from mcp_auth_bridge.relay.modern_results import CONSENT_NEEDED, modern_error, modern_reply, urls_not_declared
from mcp_auth_bridge.relay.request_states import RequestStates
from mcp_auth_bridge.relay.rewriting import rewrite

PATIENCE = 600.0
"""Seconds that a call stays parked: as long as a request may wait without a sign of life (`config/relay.py`)."""

_PAUSE = 0.05
"""Seconds in which the server's next requests for input join the first: tools ask for several at once."""

_CANCELLED = "notifications/cancelled"
_ASK = "ask for input"
_EXPIRE = "parked call"
_MOST_INPUTS = 100
_TOO_MANY = -32603


class ParkedCalls(Reviewing):
    """Wraps the relay of the session with `server`. `entropy` returns that many random bytes."""

    def __init__(self, inner: Relay, server: LegacyServer, entropy: Callable[[int], bytes]) -> None:
        super().__init__(inner)

        # What the server has declared.
        self._server = server

        # The handles of the parked calls.
        self._states = RequestStates(entropy)

        # The requests at the server.
        self._exchanges = Exchanges()

        # The calls that carry the client's input, and the exchanges whose server asked for it.
        self._answering: dict[int, Exchange] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            state = state_of(message) if message.method in INTERACTIVE else None
            return self._begin(message) if state is None else self._resume(message, state)
        if message.method == _CANCELLED:
            return self._cancelled(message)
        return self._send(message)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        return self._review(self._inner.from_server(call, message), call)

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        exchange = self._answering.pop(call, None)
        actions = self._review(self._inner.ended(call, error))
        return actions if exchange is None else [*actions, *self._input_sent(exchange, error)]

    @collected
    def _input_sent(self, exchange: Exchange, error: BridgeError | None) -> Iterator[Action]:
        """The call that carries the client's input for `exchange` has ended."""
        if error is not None and exchange in self._exchanges and exchange.runs:
            # The server did not get the input, and would wait for it for ever.
            yield from self._send(_cancellation(exchange))
            yield from self._ended(exchange, error)

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        name, _, number = timer.rpartition(" ")
        if name == _ASK:
            waiting = (exchange for exchange in self._exchanges if exchange.number == int(number))
            for exchange in list(waiting):
                yield from self._ask(exchange)
        elif name == _EXPIRE:
            yield from self._give_up(self._states.expire(int(number)))
        else:
            yield from self._review(self._inner.woke(timer))

    def _send(self, message: Message) -> Sequence[Action]:
        return self._review(self._inner.from_client(message))

    def _review(self, actions: Sequence[Action], call: int = STREAM) -> Sequence[Action]:
        reviewed: list[Action] = []
        for action in actions:
            if type(action) is ToClient:
                reviewed += self._from_server(action.message, call)
            elif type(action) is Fail:
                if (exchange := self._exchanges.of_reply(action.request)) is not None:
                    reviewed += self._ended(exchange, action.error)
            else:
                if type(action) is ToServer and action.message.kind is REQUEST:
                    self._exchanges.note_call(action.call, action.message)
                reviewed.append(action)
        return reviewed

    def _from_server(self, message: Message, call: int) -> Sequence[Action]:
        if message.kind is REPLY:
            exchange = self._exchanges.of_reply(message)
            return NOTHING if exchange is None else self._ended(exchange, message)
        if message.kind is REQUEST:
            return self._asked(message, self._exchanges.of_call(call))
        return self._told(message, self._exchanges.of_call(call))

    def _begin(self, request: Message) -> Sequence[Action]:
        return self._send(self._exchanges.begin(request).sent)

    def _ended(self, exchange: Exchange, outcome: Message | BridgeError) -> Sequence[Action]:
        if not exchange.is_awaited:
            exchange.outcome = outcome
            return NOTHING
        request = exchange.asked
        if isinstance(outcome, BridgeError):
            self._exchanges.end(exchange)
            return [Fail(request, outcome)]
        answer = outcome if outcome.id == request.id else replies.with_id(outcome, request.id or b"null")
        if exchange.is_interactive and replies.error_code(answer) == CONSENT_NEEDED and (visits := visits_in(answer)):
            return self._lacks_consent(exchange, answer, visits)
        self._exchanges.end(exchange)
        return [modern_reply(request, answer, self._server.meta)]

    @collected
    def _asked(self, request: Message, sender: Exchange | None) -> Iterator[Action]:
        """Answer the server's `request`, or ask the client."""
        if request.method == "ping":
            yield from self._send(replies.result(request, {}))
            return
        exchange = sender or self._exchanges.that_may_ask(request)
        code = METHOD_NOT_FOUND
        if exchange is not None and exchange.is_interactive:
            known = refusal_code(request, exchange.capabilities)
            if known is None and len(exchange.inputs) < _MOST_INPUTS:
                exchange.count += 1
                exchange.inputs[f"input-{exchange.count}"] = request
                yield from self._ask_soon(exchange)
                return
            code = known or _TOO_MANY
        yield from self._send(refused(request, code))

    @collected
    def _told(self, message: Message, sender: Exchange | None) -> Iterator[Action]:
        if message.method == _CANCELLED:
            self._exchanges.withdraw(message.cancelled_key)
        elif (notice := notice_for_client(message, sender, self._exchanges)) is not None:
            yield ToClient(notice)

    @collected
    def _ask_soon(self, exchange: Exchange) -> Iterator[Action]:
        if exchange.is_awaited:
            yield Wake(f"{_ASK} {exchange.number}", _PAUSE)

    @collected
    def _ask(self, exchange: Exchange) -> Iterator[Action]:
        """Pass the server's questions to the client, as far as its present request declares the capabilities."""
        inputs = {}
        for key, request in list(exchange.inputs.items()) if exchange.is_awaited else ():
            if request is not None and (code := refusal_code(request, exchange.capabilities)) is not None:
                del exchange.inputs[key]
                yield from self._send(refused(request, code))
            elif request is not None:
                inputs[key] = input_request(request)
        if inputs:
            yield from self._park(exchange, inputs)

    @collected
    def _park(self, exchange: Exchange, inputs: dict[str, Any]) -> Iterator[Action]:
        """Answer the client's request with `inputs`. Any: JSON."""
        handle, number = self._states.issue(exchange)
        exchange.is_awaited = False
        result = {"resultType": "input_required", "inputRequests": inputs, "requestState": handle}
        yield ToClient(replies.result(exchange.asked, {**result, "_meta": self._server.meta}))
        yield Wake(f"{_EXPIRE} {number}", PATIENCE)
        yield from self._give_up(self._states.drop_oldest())

    @collected
    def _resume(self, retry: Message, state: Any) -> Iterator[Action]:
        """Go on with a parked call. Any: the client's `requestState` is any JSON."""
        exchange = self._states.redeem(state, retry)
        if exchange is None:
            unknown = "the requestState is unknown, has expired, or belongs to another request"
            yield Fail(retry, InvalidParams(unknown, "send the request again without requestState"))
            return
        exchange.answers_to(retry)
        responses = responses_in(retry)
        if exchange.lacks_consent and all(response.get("action") == "accept" for response in responses.values()):
            self._exchanges.end(exchange)
            yield from self._begin(retry)
        elif exchange.outcome is not None:
            yield from self._ended_while_parked(exchange, exchange.outcome)
        else:
            yield from self._answer(exchange, responses)

    @collected
    def _answer(self, exchange: Exchange, responses: dict[str, dict[str, Any]]) -> Iterator[Action]:
        """Pass the client's `responses` on, and ask again for each that it left out. Any: any JSON."""
        for key in [key for key, request in exchange.inputs.items() if key in responses or request is None]:
            request = exchange.inputs.pop(key)
            for action in self._send(replies.result(request, responses[key])) if request is not None else ():
                if isinstance(action, ToServer):
                    self._answering[action.call] = exchange
                yield action
        if exchange.inputs:
            yield from self._ask_soon(exchange)

    @collected
    def _ended_while_parked(self, exchange: Exchange, outcome: Message | BridgeError) -> Iterator[Action]:
        if exchange.lacks_consent and isinstance(outcome, Message):
            self._exchanges.end(exchange)
            yield ToClient(replies.with_id(modern_error(outcome), exchange.asked.id or b"null"))
        else:
            yield from self._ended(exchange, outcome)

    @collected
    def _lacks_consent(self, exchange: Exchange, error: Message, visits: list[dict[str, Any]]) -> Iterator[Action]:
        """Ask the client to show the URLs `visits`, because the server answered `error`. Any: JSON."""
        if takes_urls(exchange.capabilities):
            exchange.outcome, exchange.lacks_consent, exchange.inputs = error, True, {}
            yield from self._park(exchange, {f"input-{number}": visit for number, visit in enumerate(visits, 1)})
            return
        self._exchanges.end(exchange)
        yield ToClient(urls_not_declared(error))

    @collected
    def _cancelled(self, message: Message) -> Iterator[Action]:
        """Cancel what the client cancels: a request, or the parked call that the request has led to."""
        exchange = self._exchanges.of_client(message.cancelled_key)
        if exchange is not None:
            self._states.forget(exchange)
            yield from self._cancel(exchange, rewrite(message, {("params", "requestId"): exchange.sent.key}))

    @collected
    def _give_up(self, exchange: Exchange | None) -> Iterator[Action]:
        """Cancel a parked call for which no retry came, or that is one too many."""
        if exchange is not None:
            yield from self._cancel(exchange, _cancellation(exchange))

    @collected
    def _cancel(self, exchange: Exchange, notice: Message) -> Iterator[Action]:
        self._exchanges.end(exchange)
        if exchange.runs:
            yield from self._send(notice)


def _cancellation(exchange: Exchange) -> Message:
    return replies.notification(_CANCELLED, {"requestId": exchange.sent.key, "reason": "the input did not come"})
