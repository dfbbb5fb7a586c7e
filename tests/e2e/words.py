"""How the bridge reports a failure, to users on stderr and to clients in JSON-RPC: one sentence and one hint."""

import re
from typing import Any

PREFIX = "mcp-auth-bridge: "
PROGRESS = re.compile(r"(open this URL to )?sign in at .*|signed (in|out) .*|the server refuses .* which is not sent")
DATA = {"bridge", "code", "sent", "retry_safe"}


def complaint(stderr: str) -> tuple[str, str]:
    """The sentence and the hint ("" for none) at the end of `stderr`; asserts that only progress precedes them."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith("http")]
    assert all(line.startswith(PREFIX) for line in lines), stderr
    words = [line.removeprefix(PREFIX) for line in lines]
    hint = words.pop().removeprefix("hint: ") if words[-1].startswith("hint: ") else ""
    sentence = words.pop()
    assert all(PROGRESS.fullmatch(line) for line in words), stderr
    assert well_formed(sentence), stderr
    return sentence, hint


def error(answer: dict[str, Any]) -> dict[str, Any]:
    """The JSON-RPC error in `answer`; asserts that it names the bridge as its origin and says whether to retry."""
    error: dict[str, Any] = answer["error"]
    sentence, _, hint = error["message"].removeprefix(PREFIX).partition("; hint: ")
    assert error["message"].startswith(PREFIX)
    assert well_formed(sentence), error
    assert set(error["data"]) >= DATA
    assert error["data"]["bridge"] is True
    assert error["data"].get("action", "") == hint
    assert error["data"]["retry_safe"] is (error["data"]["sent"] == "no")
    return error


def well_formed(sentence: str) -> bool:
    """Whether it is one line in lower case without a full stop and, outside quotes, without a Python exception."""
    own = re.sub(r"“[^”]*”", "“”", sentence)
    return bool(re.fullmatch(r"[^A-Z\n][^\n]*[^.\n]", sentence)) and not re.search(r"Error\b|Exception|Errno", own)


def text(answer: dict[str, Any]) -> str:
    """The text of a `tools/call` reply."""
    return answer["result"]["content"][0]["text"]
