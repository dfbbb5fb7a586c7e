"""Where a login begins, and how the client is asked to show that address to its user.

The address is an entrance on our loopback (`shell/browser/loopback.py`): it holds neither a token nor the login's
state. The bridge asks a client by an elicitation in URL mode only if it declared that mode, in any revision: Codex does
so under 2025-06-18. MCP allows that here, because the bridge is an OAuth client of another server (2025-11-25 and
2026-07-28, client/elicitation, "URL Mode Elicitation for OAuth Flows"). No decision depends on the answer: clients
without a user decline within a millisecond.
"""

import json
from typing import Any

import msgspec

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REPLY, Message
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.rewriting import REMOVED, as_json, rewrite

_ANNOUNCED = "mcp-auth-bridge/login"
_ELICIT = "elicitation/create"
_STATE = "mcp-auth-bridge-login:"
_LOGIN = "login"  # the key of the one input request
_ANSWER = ("requestState", "inputResponses")  # the parameters by which a retry answers (2026-07-28)


class Retry(msgspec.Struct, frozen=True):
    """A call that comes back with the user's answer: `request` is the call as it was before it was asked.

    `accepted` is the address to which the user agreed, "" if the user did not.
    """

    request: Message
    accepted: str


def announcement(address: str) -> Message:
    """The message, under the call `SIGN_IN`, by which the shell tells the relay where the login begins."""
    return replies.notification(_ANNOUNCED, {"address": address})


def announced_address(message: Message) -> str:
    """The address in an `announcement`."""
    return str(message.params["address"])


def elicitation(name: str, address: str, number: int) -> Message:
    """The bridge's `number`th request that the client show `address`, to sign in to `name` (MCP up to 2025-11-25)."""
    id_ = f"{_ANNOUNCED}/{number}"
    asked = replies.request(_ELICIT, {**_parameters(name, address), "elicitationId": id_})
    return replies.with_id(asked, as_json(id_))


def is_answer(message: Message) -> bool:
    """Whether `message` of the client answers any `elicitation` of this kind. `input_rounds.py` sends others."""
    prefix = f'"{_ANNOUNCED}/'.encode()
    return message.kind is REPLY and message.id is not None and message.id.startswith(prefix)


def is_accepted(answer: Message) -> bool:
    """Whether the user agreed to open the address. An error, such as "method not found", does not."""
    return replies.members(result_of(answer)).get("action") == "accept"


def input_required(request: Message, name: str, address: str) -> Message:
    """The reply to `request` that asks for the same (MCP 2026-07-28): the client calls again with the user's answer."""
    kept = {member: request.params[member] for member in _ANSWER if member in request.params}
    asked = {_LOGIN: {"method": _ELICIT, "params": _parameters(name, address)}}
    state = _STATE + json.dumps({"address": address, "kept": kept})
    return replies.result(request, {"resultType": "input_required", "inputRequests": asked, "requestState": state})


def retry_in(request: Message) -> Retry | None:
    """The retry that `request` is, None if its state is not one of `input_required`."""
    if _STATE.encode() not in request.raw:  # nearly all of them; arguments may be large
        return None
    params = request.params
    state = params.get("requestState")
    if not isinstance(state, str) or not state.startswith(_STATE):
        return None
    ours = _object(_parsed(state.removeprefix(_STATE)))
    answer = _object(_object(params.get("inputResponses")).get(_LOGIN))
    before = {**dict.fromkeys(_ANSWER, REMOVED), **_object(ours.get("kept"))}
    call = rewrite(request, {("params", name): value for name, value in before.items()})
    return Retry(call, str(ours.get("address", "")) if answer.get("action") == "accept" else "")


def _parameters(name: str, address: str) -> dict[str, str]:
    return {"mode": "url", "url": address, "message": f"Sign in to {name}, whose tool is about to be called."}


def _parsed(text: str) -> Any:
    """The value of the JSON `text`, None if it is not JSON: the client may have changed it. Any: any JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _object(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else {}. Any: any JSON."""
    return value if isinstance(value, dict) else {}
