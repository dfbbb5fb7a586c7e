"""`tools` and `call` against a server that plays a script: results, messages, exit codes, and a clean end."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from commanding import context_of
from peers.far import EVENTS, WELCOMED, Far, event, status
from relaying import notification, request
from remoting import story

from mcp_auth_bridge.commands import call, tools
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import (
    ConfigError,
    LimitExceeded,
    LoginRequired,
    RemoteError,
    TheirProtocolError,
    Unreachable,
)
from mcp_auth_bridge.shell.console import terminal

ADD = {
    "name": "add",
    "description": "Add two numbers.\nThe second line is not shown.",
    "inputSchema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "note": {"type": ["string", "null"]}},
        "required": ["a", "b"],
    },
}
MODERN = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}


def said(text):
    return {"content": [{"type": "text", "text": text}]}


class Acme(Far):
    """A server with the tool `add`, which answers `answer`."""

    def __init__(self, answer=None):
        super().__init__()
        self.answer = answer or said("42")
        self.replies |= {
            "server/discover": lambda _: status(400),
            "tools/list": lambda message: self.result(message, {"tools": [ADD]}),
            "tools/call": lambda message: self.result(message, self.answer),
        }

    def refuse(self, method, code, text):
        error = {"code": code, "message": text}
        self.replies[method] = lambda message: status(
            200,
            b"Content-Type: application/json",
            body=json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode(),
        )

    def sent(self, method):
        """The parameters of each `method` that arrived."""
        return [seen["params"] for seen in self.seen if isinstance(seen, dict) and seen.get("method") == method]

    async def call(self, folder, *words, tool="add", **more):
        return await call.run(call.Input(ServerChoice("acme"), tool, words, **more), context_of(folder, self.url))

    async def tools(self, folder, **more):
        return await tools.run(tools.Input(ServerChoice("acme"), **more), context_of(folder, self.url))


@story
async def test_pairs_are_sent_with_the_types_of_the_schema_and_the_text_is_printed(tmp_path, capfd):
    async with Acme() as far:
        assert await far.call(tmp_path, "a=19", "b=23", "note=007") == 0
    assert far.sent("tools/call")[0]["arguments"] == {"a": 19, "b": 23, "note": "007"}
    assert capfd.readouterr() == ("42\n", "")
    assert far.methods()[-1] == "DELETE"


@story
async def test_the_raw_result_is_what_the_server_wrote(tmp_path, capfd):
    async with Acme() as far:
        far.replies["tools/call"] = lambda message: status(
            200,
            b"Content-Type: application/json",
            body=b'{"jsonrpc":"2.0","id":%b,"result":{ "content":[],"n":1.0}}' % json.dumps(message["id"]).encode(),
        )
        assert await far.call(tmp_path, '{"a": 1.0, "b": 12345678901234567890123}', as_json=True) == 0
    assert capfd.readouterr().out == '{ "content":[],"n":1.0}\n'
    assert b'{"a":1.0,"b":12345678901234567890123}' in b"".join(far.requests).replace(b": ", b":")


@story
async def test_a_modern_server_is_asked_without_a_session(tmp_path, capfd):
    async with Acme() as far:
        far.replies["server/discover"] = lambda message: far.result(message, MODERN)
        assert await far.call(tmp_path, "a=1", "b=2") == 0
        assert await far.call(tmp_path, "a=1", "b=2") == 0  # by then the era is remembered, and no session is tried
    assert far.methods() == 2 * ["server/discover", "tools/list", "tools/call"]
    (meta, _) = [params["_meta"] for params in far.sent("tools/call")]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert capfd.readouterr().out == "42\n42\n"


@story
async def test_a_server_that_has_become_modern_is_met_as_what_it_is_now(tmp_path, capfd):
    async with Acme() as far:
        await far.call(tmp_path, "a=1", "b=2")
        far.replies["server/discover"] = lambda message: far.result(message, MODERN)
        far.refuse("initialize", -32022, "no")
        assert await far.call(tmp_path, "a=1", "b=2") == 0
    assert capfd.readouterr().out == "42\n42\n"


@story
async def test_a_known_legacy_server_is_not_asked_which_era_it_speaks(tmp_path):
    async with Acme() as far:
        await far.call(tmp_path, "a=1", "b=2")
        await far.call(tmp_path, "a=1", "b=2")
    assert far.methods().count("server/discover") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (['["a"]'], "the arguments are JSON, but not an object"),
        (["{a: 1}"], "the arguments are not valid JSON"),
        (["a=1", "b"], "argument number 2 is neither key=value nor a JSON object"),
        (["a=1", "a=2"], "the argument “a” is given twice"),
    ],
)
@story
async def test_malformed_arguments_are_refused_before_the_server_is_asked(tmp_path, words, sentence):
    async with Acme() as far:
        with pytest.raises(ConfigError, match=sentence):
            await far.call(tmp_path, *words)
    assert far.seen == []


@story
async def test_a_pair_of_another_type_is_refused_before_the_call(tmp_path):
    async with Acme() as far:
        with pytest.raises(ConfigError, match="the argument “a” must be of the type integer"):
            await far.call(tmp_path, "a=many", "b=2")
    assert "tools/call" not in far.methods()
    assert far.methods()[-1] == "DELETE"


@story
async def test_an_unknown_tool_is_answered_with_those_that_exist_the_closest_first(tmp_path):
    async with Acme() as far:
        far.replies["tools/list"] = lambda message: far.result(message, {"tools": [{"name": "zoo"}, ADD]})
        with pytest.raises(ConfigError) as caught:
            await far.call(tmp_path, tool="adds")
    assert caught.value.message == "acme has no tool named “adds”"
    assert caught.value.hint == "its tools: add, zoo"


@story
async def test_what_a_tool_says_to_a_missing_argument_is_said_with_its_name(tmp_path, capfd):
    async with Acme({**said("boom\x1b[2J"), "isError": True}) as far:
        with pytest.raises(RemoteError) as caught:
            await far.call(tmp_path, "a=1", as_json=True)
    assert caught.value.message == "the tool add failed: “boom [2J”"
    assert caught.value.hint == "it requires “b”, which this call did not give"
    assert caught.value.exit_code == 8
    assert json.loads(capfd.readouterr().out)["isError"] is True


@story
async def test_an_error_of_the_server_is_repeated_in_its_words(tmp_path):
    async with Acme() as far:
        far.refuse("tools/call", -32602, "no such thing")
        with pytest.raises(RemoteError, match="answered tools/call with the error -32602: “no such thing”"):
            await far.call(tmp_path, "a=1", "b=1")


@pytest.mark.parametrize("code", [-32021, -32042])
@story
async def test_a_tool_that_needs_a_person_has_an_error_of_its_own(tmp_path, code):
    async with Acme() as far:
        far.refuse("tools/call", code, "sampling")
        with pytest.raises(RemoteError) as caught:
            await far.call(tmp_path, "a=1", "b=1")
    assert "use this tool in an MCP client" in caught.value.hint


@story
async def test_a_result_that_asks_for_more_is_an_error(tmp_path):
    async with Acme({"resultType": "input_required", "inputRequests": {}}) as far:
        with pytest.raises(RemoteError, match="asks for more than a command line can give"):
            await far.call(tmp_path, "a=1", "b=1")


@story
async def test_requests_of_the_server_are_declined_and_progress_is_shown_on_a_terminal(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(terminal, "stderr_is_terminal", lambda: True)

    async def streaming(message, writer):
        token = message["params"]["_meta"]["progressToken"]
        writer.write(EVENTS)
        writer.write(event(request(77, "elicitation/create")) + event(request("p", "ping")))
        writer.write(
            event(notification("notifications/progress", progressToken=token, progress=1, total=3, message="x"))
        )
        await far.saw("response", 2)
        writer.write(event({"jsonrpc": "2.0", "id": message["id"], "result": far.answer}))

    async with Acme() as far:
        far.replies["tools/call"] = streaming
        assert await far.call(tmp_path, "a=1", "b=1") == 0
    answers = {seen["id"]: seen for seen in far.seen if isinstance(seen, dict) and "method" not in seen}
    assert answers[77]["error"]["code"] == -32601
    assert "a command cannot answer “elicitation/create”" in answers[77]["error"]["message"]
    assert answers["p"]["result"] == {}
    assert capfd.readouterr() == ("42\n", "mcp-auth-bridge: progress 1 of 3: “x”\n")


@story
async def test_an_interrupted_call_is_cancelled_on_the_server(tmp_path):
    async def silent(message, writer):
        writer.write(EVENTS)
        await writer.drain()
        await asyncio.Event().wait()

    async with Acme() as far:
        far.replies["tools/call"] = silent
        calling = asyncio.ensure_future(far.call(tmp_path, "a=1", "b=1"))
        await far.saw("tools/call")
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert far.methods()[-2:] == ["notifications/cancelled", "DELETE"]
        (asked,) = [seen for seen in far.seen if isinstance(seen, dict) and seen.get("method") == "tools/call"]
        assert far.sent("notifications/cancelled") == [{"requestId": asked["id"]}]


@story
async def test_a_server_that_cannot_be_reached_is_reported_as_that(tmp_path):
    async with Acme() as far:
        gone = far.url
    with pytest.raises(Unreachable):
        await call.run(call.Input(ServerChoice("acme"), "add"), context_of(tmp_path, gone))


@pytest.mark.parametrize("era", ["legacy", "modern"])
@story
async def test_without_a_login_the_command_that_helps_is_named(tmp_path, era):
    async with Acme() as far:
        refusing = lambda _: status(401, b"WWW-Authenticate: Bearer")  # noqa: E731 - one answer to everything
        far.replies |= dict.fromkeys(("server/discover", "initialize", "tools/list"), refusing)
        context = context_of(tmp_path, far.url, '{ kind = "browser" }')
        if era == "modern":
            far.replies["server/discover"] = lambda message: far.result(message, MODERN)
        with pytest.raises(LoginRequired) as caught:
            await tools.run(tools.Input(ServerChoice("acme")), context)
    assert caught.value.hint == "run: mcp-auth-bridge login acme"
    assert caught.value.exit_code == 3


@story
async def test_files_are_described_or_saved_where_the_user_says_and_nowhere_else(tmp_path, capfd):
    data = base64.b64encode(b"pixels").decode()
    blob = {"uri": "file:///etc/passwd", "mimeType": "../../x", "blob": data}
    answer = {
        "content": [
            {"type": "image", "data": data, "mimeType": "image/png"},
            {"type": "resource", "resource": blob},
            {"type": "resource_link", "uri": "https://x.example/\x1b[2J"},
            {"type": "hologram"},
            {"type": "text", "text": "tab\tkept\n"},
        ]
    }
    async with Acme(answer) as far:
        assert await far.call(tmp_path) == 0
        out = capfd.readouterr().out
        assert out.splitlines() == [
            "[image/png, 6 bytes: --output DIR saves it]",
            "[../../x, 6 bytes: --output DIR saves it]",
            "[resource https://x.example/ [2J]",
            "[content of the type hologram]",
            "tab\tkept",
        ]
        assert await far.call(tmp_path, output=tmp_path / "new" / "pictures") == 0
        written = {path.name: path.read_bytes() for path in (tmp_path / "new" / "pictures").iterdir()}
        assert written == {"add-1.png": b"pixels", "add-1.bin": b"pixels"}
        assert await far.call(tmp_path, output=tmp_path / "new" / "pictures") == 0
    written = sorted(path.name for path in (tmp_path / "new" / "pictures").iterdir())
    assert written == ["add-1.bin", "add-1.png", "add-2.bin", "add-2.png"]


@story
async def test_a_folder_that_cannot_be_made_is_an_error_before_the_call(tmp_path):
    async with Acme() as far:
        with pytest.raises(ConfigError, match="cannot be written: not a directory"):
            await far.call(tmp_path, output=Path("/dev/null/x"))
    assert far.seen == []


@pytest.mark.parametrize(
    ("answer", "out"),
    [
        ({"content": [], "structuredContent": {"ü": 1}}, '{\n  "ü": 1\n}\n'),
        ({"content": []}, ""),
        ({"content": "none"}, ""),
        (said(""), "\n"),
        ({"content": [3, {"type": "text", "text": 5}]}, "[content of the type text]\n"),
    ],
)
@story
async def test_odd_results_are_shown_as_far_as_they_go(tmp_path, capfd, answer, out):
    async with Acme(answer) as far:
        assert await far.call(tmp_path) == 0
    assert capfd.readouterr().out == out


@pytest.mark.parametrize("answer", [[], {"content": [{"type": "image", "data": "%%%"}]}])
@story
async def test_a_malformed_result_of_a_call_is_the_servers_fault(tmp_path, answer):
    async with Acme() as far:
        far.replies["tools/call"] = lambda message: far.result(message, answer)
        with pytest.raises(TheirProtocolError):
            await far.call(tmp_path)


# Lists


@story
async def test_tools_are_listed_with_what_a_call_needs(tmp_path, capfd):
    odd = {"name": "od\x1bd", "title": "Odd", "inputSchema": {"properties": {"x": {}, "y": {"$ref": "#/$defs/Y"}}}}
    odd["inputSchema"]["$defs"] = {"Y": {"anyOf": [{"type": "number"}, {"type": "null"}]}}
    async with Acme() as far:
        pages = {None: {"tools": [ADD], "nextCursor": "2"}, "2": {"tools": [odd]}}
        far.replies["tools/list"] = lambda message: far.result(message, pages[message["params"].get("cursor")])
        assert await far.tools(tmp_path) == 0
        assert capfd.readouterr().out.splitlines() == [
            "add a=INTEGER b=INTEGER [note=STRING]",
            "    Add two numbers.",
            "od d [x=JSON] [y=NUMBER]",
            "    Odd",
        ]
        assert await far.tools(tmp_path, as_json=True) == 0
    assert json.loads(capfd.readouterr().out) == [ADD, odd]


@story
async def test_a_server_without_tools_has_a_sentence_for_the_user_and_an_empty_list_for_a_program(tmp_path, capfd):
    async with Acme() as far:
        far.replies["tools/list"] = lambda message: far.result(message, {"tools": []})
        assert await far.tools(tmp_path) == 0
        assert await far.tools(tmp_path, as_json=True) == 0
        with pytest.raises(ConfigError) as caught:
            await far.call(tmp_path)
    assert capfd.readouterr().out == "acme has no tools\n[]\n"
    assert caught.value.hint == "it has no tools"


@pytest.mark.parametrize("result", [{"tools": 5}, [], {}, {"tools": [ADD], "nextCursor": "1"}])
@story
async def test_a_malformed_or_endless_list_ends(tmp_path, result):
    async with Acme() as far:
        far.replies["tools/list"] = lambda message: far.result(message, result)
        with pytest.raises(TheirProtocolError):
            await far.tools(tmp_path)


@story
async def test_a_list_of_ever_new_pages_ends_too(tmp_path, monkeypatch):
    monkeypatch.setattr("mcp_auth_bridge.commands.client_session._MOST_PAGES", 3)
    async with Acme() as far:
        far.replies["tools/list"] = lambda message: far.result(message, {"tools": [], "nextCursor": len(far.seen)})
        with pytest.raises(LimitExceeded):
            await far.tools(tmp_path)


@pytest.mark.parametrize("where", ["the tools", "the cursors"])
@story
async def test_a_list_of_large_pages_ends_at_a_size_and_is_not_kept_to_its_thousandth(tmp_path, where):
    large = "x" * (1 << 20)

    def page(message):
        tool = {**ADD, "description": large if where == "the tools" else ""}
        return far.result(message, {"tools": [tool], "nextCursor": f"{len(far.seen)}{large}"})

    async with Acme() as far:
        far.replies["tools/list"] = page
        with pytest.raises(LimitExceeded, match="8388608 bytes"):
            await far.tools(tmp_path)
        assert len([message for message in far.seen if "tools/list" in str(message)[:1000]]) < 20


@story
async def test_a_server_that_says_it_has_no_tools_method_is_repeated(tmp_path):
    async with Acme() as far:
        far.replies["initialize"] = lambda message: far.result(message, {**WELCOMED, "capabilities": {}})
        far.refuse("tools/list", -32601, "Method not found")
        with pytest.raises(RemoteError, match="-32601"):
            await far.tools(tmp_path)
