"""Drives a flow by script, effect by effect, as mitmproxy's Playbook does: no sockets, no clock, no sleep."""

import json

from mcp_auth_bridge.effects import Agree, Authorize, Entropy, Fetch, Listen, Now, Response, Show, Sleep, Tell
from mcp_auth_bridge.errors import BridgeError


def play(flow, script, asked=None):
    """Return what `flow` returns, or raise what it raises, after exactly the steps of `script`.

    A step is a pair: the expected wish in words (see `words`; "…" stands for any end), and the world's response: a
    result,
    a `BridgeError` to throw, or a function of the effect. The effects are appended to `asked`.
    """
    asked = [] if asked is None else asked
    steps = list(script)
    try:
        effect = next(flow)
        while True:
            asked.append(effect)
            assert steps, f"the script is over, but the flow wants {words(effect)}"
            expected, answer = steps.pop(0)
            wish = words(effect)
            assert wish.startswith(expected[:-1]) if expected.endswith("…") else wish == expected
            result = answer(effect) if callable(answer) else answer
            effect = flow.throw(result) if isinstance(result, BridgeError) else flow.send(result)
    except StopIteration as end:
        assert not steps, f"the flow is over, but the script goes on with {steps[0][0]}"
        return end.value
    except BridgeError:
        assert not steps, f"the flow failed, but the script goes on with {steps[0][0]}"
        raise


def words(effect):
    match effect:
        case Fetch(url=url, form=form, document=document, method=method):
            wish = f"{method if form is None and document is None else 'POST'} {url}"
        case Listen(port=port):
            wish = f"listen {port}"
        case Show(code=code, url=url):
            wish = f"show {code} at {url}"
        case Sleep(seconds=seconds):
            wish = f"sleep {seconds:g}"
        case Agree(answer=option):
            wish = f"agree {option}"
        case Entropy(size=size):
            wish = f"entropy {size}"
        case Authorize() | Tell() | Now():
            wish = type(effect).__name__.lower()
        case _:
            raise AssertionError(effect)
    return wish


def answer(document, status=200, kind="application/json", at=1000.0):
    """An HTTP response with `document` as JSON, or unchanged if it is bytes."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(status, {"content-type": (kind,)}, body, at)


def plain(form):
    """A form with its secrets written out."""
    return {name: value if isinstance(value, str) else value.reveal() for name, value in form.items()}


def outcome(function):
    """The result of `function`, or the `BridgeError` that it raises; any other exception is an error."""
    try:
        return function()
    except BridgeError as error:
        return error


NOT_FOUND = answer(b"not found", 404, "text/plain")
PAGE = answer(b"<!doctype html><title>App</title>", 200, "text/html; charset=utf-8")
