"""The fault matrix: whatever the server does to a call, a list and a notification, each ends once, as specified.

All rows run at the same time, each with its own process and server, because most of them wait.
"""

import asyncio
from typing import Any

import pytest
from faults.bridge import Client, home, started
from faults.invariants import check
from faults.rows import LEGACY, MODERN, OK, ROWS, TOOL_ERROR, Row
from faults.server import FaultServer

_AT_ONCE = 8
CALL, READ, PASSED, AFTER = 1, 2, 3, 4
CASES = [(row, era) for row in ROWS for era in row.eras]


class History:
    def __init__(self, client: Client, server: FaultServer, code: int) -> None:
        self.client = client
        self.server = server
        self.code = code

    def outcome(self, id_: int) -> Any:
        """The outcome of the request `id_`: OK, TOOL_ERROR or an error code."""
        answer = self.client.answers[id_]
        if "error" in answer:
            return answer["error"]["code"]
        result = answer["result"]
        return TOOL_ERROR if isinstance(result, dict) and result.get("isError") else OK


async def play(row: Row, era: str, folder: Any) -> History:
    """Sends a call, two reads and a notification under the fault, which passes for one read; then a sound request."""
    async with (
        FaultServer(era) as server,
        started(home(folder, server.url, relay=row.relay), modern=era == MODERN) as client,
    ):
        if era == LEGACY:
            await client.initialize()
        for method in ("tools/call", "prompts/get", "notifications/roots/list_changed"):
            server.always(method, row.script)
        server.on("resources/read", row.script)
        await client.call(CALL)
        await client.request(READ, "prompts/get")
        await client.request(PASSED, "resources/read")
        await client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        for id_ in (CALL, READ, PASSED):
            await client.answer(id_)
        await client.request(AFTER, "resources/templates/list")
        await client.answer(AFTER)
        return History(client, server, await client.close())


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    async def all_rows() -> dict[Any, Any]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, row: Row, era: str) -> Any:
            async with turns:
                return await play(row, era, tmp_path_factory.mktemp(f"row-{number}"))

        played = [one(number, row, era) for number, (row, era) in enumerate(CASES)]
        results = await asyncio.gather(*played, return_exceptions=True)
        return {(row.name, era): result for (row, era), result in zip(CASES, results, strict=True)}

    return asyncio.run(all_rows())


@pytest.mark.parametrize(("row", "era"), CASES, ids=[f"{row.name}, {era}" for row, era in CASES])
def test_each_request_under_a_fault_ends_once_and_as_specified(row: Row, era: str, histories: dict[Any, Any]) -> None:
    history = histories[row.name, era]
    if isinstance(history, BaseException):
        raise history
    check(history.client.sent, history.client.lines, history.server.tap)
    outcomes = [history.outcome(id_) for id_ in (CALL, READ, PASSED, AFTER)]
    assert outcomes == [row.call, row.read, row.passed, OK]
    assert [len(history.server.sent(method)) for method in ("tools/call", "prompts/get")] == [row.calls, row.reads]
    assert (history.code, b"fault of the bridge" in history.client.stderr) == (0, False)


@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_a_request_that_an_overloaded_server_refused_is_safe_to_repeat_and_says_when(
    era: str, histories: dict[Any, Any]
) -> None:
    data = histories["12 HTTP 429 for an hour", era].client.answers[CALL]["error"]["data"]
    assert (data["sent"], data["retry_safe"], data["retry_after_ms"]) == ("no", True, 3_600_000)
